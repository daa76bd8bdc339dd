"""Money in: one payment per milestone, however often somebody clicks and in whatever order the answers come."""

from skillscoop_messages.events import contracts as told
from skillscoop_messages.events import payments
from skillscoop_messages.ids import new_id

from tests.integration.contracts.job import ADA, BEN, EVE, Job, actions, stated


async def test_a_milestone_is_funded(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    assert actions(milestone) == {"fund"}

    answer = await job.fund(contract, milestone, return_url="http://127.0.0.1:8080/after")

    assert answer.status_code == 202
    funding = answer.json()
    assert funding["state"] == "funding"
    assert answer.headers["ETag"] == f'"{funding["version"]}"'
    request = job.last(told.MilestoneFundingRequested)
    assert (request.amount, request.currency, request.method) == (12_500, "usd", "checkout")
    assert (request.fee.bps, request.fee.fixed, request.revision) == (0, 0, 1)
    assert request.return_url == "http://127.0.0.1:8080/after"
    assert request.object.state == "funding"
    assert actions(funding) == {"cancel_funding", "lapse"}

    await job.pay(milestone["id"], times=2)

    held = await job.milestone(milestone["id"])
    assert (held["state"], held["held"]) == ("funded", {"amount": 12_500, "currency": "usd"})
    assert actions(held, "freelancer") == {"submit"}
    assert actions(held, "client") == {"release"}
    assert len(job.stage.heard(told.MilestoneFunded)) == 1


async def test_fund_is_refused_by_name(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]

    async def code(status: int, **more: object) -> str:
        answer = await job.fund(contract, milestone, **more)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        return str(answer.json()["code"])

    assert await code(409, amount=12_499) == "amount_changed"
    assert await code(409, revision=2) == "revision_changed"
    assert await code(422, amount=0) == "invalid_request"
    assert await code(422, amount=-1) == "invalid_request"
    assert await code(422, amount=2**53 + 1) == "invalid_request"
    assert await code(422, amount=2**63) == "invalid_request"
    assert await code(422, amount=12_500.0) == "invalid_request"
    assert await code(422, amount="12500") == "invalid_request"
    assert await code(422, amount=True) == "invalid_request"
    assert await code(422, tip=1) == "invalid_request"
    assert await code(422, return_url="https://evil.example/") == "invalid_request"
    assert await code(422, return_url="http://127.0.0.1@evil.example/") == "invalid_request"
    # Nothing would ever use it: the wish is refused, not passed over.
    assert await code(422, method="payment_intent", return_url="http://127.0.0.1/after") == "invalid_request"
    assert await code(422, method="") == "invalid_request"
    assert await code(403, user=BEN) == "forbidden"
    assert await code(404, user=EVE) == "not_found"
    assert await code(412, headers={"If-Match": '"99"'}) == "version_stale"
    unknown = await job.fund(contract, {**milestone, "id": new_id("ms")})
    assert unknown.status_code == 404
    keyless = await job.stage.call(ADA, "POST", f"/v1/milestones/{milestone['id']}/fund", {"amount": 1, "revision": 1})
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    assert job.stage.heard(told.MilestoneFundingRequested) == []
    assert (await job.milestone(milestone["id"]))["state"] == "planned"


async def test_a_changed_price_is_told_with_the_current_one(job: Job) -> None:
    contract = await job.active(12_500)
    answer = (await job.fund(contract, contract["milestones"][0], amount=99)).json()
    assert answer["amount"] == {"amount": 12_500, "currency": "usd"}
    assert (answer["state"], answer["allowed"]) == ("planned", ["fund"])
    assert (await job.fund(contract, contract["milestones"][0], revision=7)).json()["revision"] == 1


async def test_two_clicks_are_one_payment(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    first = await job.fund(contract, milestone, key="one")
    again = await job.fund(contract, milestone, key="one")
    other_tab = await job.fund(contract, milestone, key="two")
    other_body = await job.fund(contract, milestone, key="one", method="pm_card_visa")

    assert (first.status_code, again.status_code, other_tab.status_code) == (202, 202, 409)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert other_tab.json()["code"] == "move_not_allowed"
    assert other_body.status_code == 422
    assert len(job.stage.heard(told.MilestoneFundingRequested)) == 1


async def test_a_declined_payment_frees_the_milestone_and_a_late_cancel_of_it_changes_nothing(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)
    first = job.last(told.MilestoneFundingRequested)
    await job.fail_payment(first)

    failed = await job.milestone(milestone["id"])
    assert (failed["state"], failed["failure_reason"]) == ("planned", "card_declined")

    assert (await job.fund(contract, failed)).status_code == 202
    second = job.last(told.MilestoneFundingRequested)
    assert second.funding_id != first.funding_id
    await job.cancel_payment(first)
    assert (await job.milestone(milestone["id"]))["state"] == "funding"

    await job.pay(milestone["id"], second)
    assert (await job.milestone(milestone["id"]))["state"] == "funded"
    assert len(job.stage.heard(told.MilestoneFundingFailed)) == 1


async def test_an_earlier_try_that_was_paid_after_all_is_taken_and_the_current_one_canceled(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)
    first = job.last(told.MilestoneFundingRequested)
    await job.cancel_payment(first)
    await job.fund(contract, milestone)
    second = job.last(told.MilestoneFundingRequested)

    await job.pay(milestone["id"], first)

    funded = await job.milestone(milestone["id"])
    assert (funded["state"], funded["funding_id"]) == ("funded", first.funding_id)
    canceled = job.last(told.MilestoneFundingCanceled)
    assert (canceled.funding_id, canceled.reason) == (second.funding_id, "superseded")
    await job.cancel_payment(second)
    assert (await job.milestone(milestone["id"]))["state"] == "funded"


async def test_both_tries_paid_is_one_payment_kept_and_one_returned(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)
    first = job.last(told.MilestoneFundingRequested)
    await job.cancel_payment(first)
    await job.fund(contract, milestone)
    second = job.last(told.MilestoneFundingRequested)
    await job.pay(milestone["id"], first)
    kept = await job.milestone(milestone["id"])

    unwanted = await job.pay(milestone["id"], second, times=2)

    refused = job.stage.heard(told.MilestonePaymentRefused)
    assert [(one.payment_id, one.reason) for one in refused] == [(unwanted, "already_funded")]
    assert await job.milestone(milestone["id"]) == kept
    returned = payments.PaymentReturned(
        **job._about(second), funding_id=second.funding_id, payment_id=unwanted, returned=12_500
    )
    await job.stage.hear(returned, times=2)
    timeline = (await job.get(ADA, f"/v1/contracts/{contract['id']}/timeline")).json()["data"]
    assert [one["action"] for one in timeline].count("payment_returned") == 1


async def test_a_payment_of_another_amount_is_returned_and_the_milestone_is_planned_again(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)

    await job.pay(milestone["id"], paid=12_499)

    assert job.last(told.MilestonePaymentRefused).reason == "wrong_amount"
    planned = await job.milestone(milestone["id"])
    assert (planned["state"], planned["held"]["amount"]) == ("planned", 0)
    assert (await job.fund(contract, planned)).status_code == 202


async def test_money_for_a_dropped_milestone_is_returned(job: Job) -> None:
    contract = await job.active(12_500, 5_000)
    first, second = contract["milestones"]
    await job.fund(contract, second)
    request = job.last(told.MilestoneFundingRequested)
    await job.cancel_payment(request)
    await job.edit(contract["id"], [stated(first)])
    assert (await job.approve(contract["id"], 2)).status_code == 200

    await job.pay(second["id"], request)

    assert job.last(told.MilestonePaymentRefused).reason == "milestone_dropped"
    assert (await job.milestone(second["id"]))["state"] == "dropped"


async def test_a_late_payment_fits_a_milestone_that_is_planned_again(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)
    request = job.last(told.MilestoneFundingRequested)
    await job.cancel_payment(request)
    await job.pay(milestone["id"], request)
    assert (await job.milestone(milestone["id"]))["state"] == "funded"


async def test_the_client_gives_up_paying_and_the_answer_decides(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    path = f"/v1/milestones/{milestone['id']}/cancel-funding"
    assert (await job.post(ADA, path)).status_code == 409
    await job.fund(contract, milestone)
    assert (await job.post(BEN, path)).status_code == 403
    assert (await job.post(EVE, path)).status_code == 404

    answer = await job.post(ADA, path)
    again = await job.post(ADA, path)

    assert (answer.status_code, again.status_code) == (202, 202)
    assert answer.json()["state"] == again.json()["state"] == "funding"
    assert "cancel_funding" not in actions(again.json())
    asked = job.stage.heard(told.MilestoneFundingCanceled)
    assert [one.reason for one in asked] == ["client"]
    await job.cancel_payment(job.last(told.MilestoneFundingRequested))
    assert (await job.milestone(milestone["id"]))["state"] == "planned"


async def test_an_open_checkout_lapses_after_an_hour_once(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)
    await job.stage.pass_time(minutes=59)
    assert job.stage.heard(told.MilestoneFundingCanceled) == []
    await job.stage.pass_time(minutes=2)
    await job.stage.pass_time(minutes=60)
    assert [one.reason for one in job.stage.heard(told.MilestoneFundingCanceled)] == ["lapsed"]
    await job.pay(milestone["id"])
    assert (await job.milestone(milestone["id"]))["state"] == "funded"


async def test_the_alarm_of_an_older_try_leaves_the_newer_one_its_time(job: Job) -> None:
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.fund(contract, milestone)
    await job.stage.pass_time(minutes=40)
    await job.fail_payment(job.last(told.MilestoneFundingRequested))
    await job.fund(contract, milestone)
    await job.stage.pass_time(minutes=40)
    assert job.stage.heard(told.MilestoneFundingCanceled) == []
    await job.stage.pass_time(minutes=21)
    assert len(job.stage.heard(told.MilestoneFundingCanceled)) == 1


async def test_nothing_is_funded_before_approval_or_while_changed_terms_wait(job: Job) -> None:
    proposed = await job.proposed(12_500)
    assert (await job.fund(proposed, proposed["milestones"][0])).json()["code"] == "move_not_allowed"
    contract = await job.active(12_500)
    milestone = contract["milestones"][0]
    await job.edit(contract["id"], [stated(milestone, amount=13_000)])
    answer = (await job.fund(contract, milestone)).json()
    assert (answer["code"], answer["revision"], answer["allowed"]) == ("revision_pending", 2, [])
    blocked = (await job.milestone(milestone["id"]))["next"]
    assert [one["blocked_reason"] for one in blocked] == ["revision_pending"]


async def test_several_milestones_are_funded_at_once(job: Job) -> None:
    contract = await job.active(12_500, 5_000)
    for milestone in contract["milestones"]:
        assert (await job.fund(contract, milestone)).status_code == 202
    assert len({one.funding_id for one in job.stage.heard(told.MilestoneFundingRequested)}) == 2


async def test_naming_somebody_tells_nothing_of_their_payout_account(job: Job) -> None:
    """Given two people named in drafts: Ben, who cannot be paid, and Kim, who can
    When the client looks at both contracts and their milestones before anybody acted on them
    Then they look alike; Ben himself is told; and once Ben approved, the client is told too.
    """
    active = payments.PayoutAccountChanged(payout_account_id=new_id("pac"), user_id="kim", state="active")
    await job.stage.hear(active)
    bens, kims = await job.proposed(12_500), await job.draft(12_500, freelancer_id="kim")
    await job.post(ADA, f"/v1/contracts/{kims['id']}/send")
    shown = []
    for drafted in (bens, kims):
        contract = (await job.get(ADA, f"/v1/contracts/{drafted['id']}")).json()
        milestone = await job.milestone(contract["milestones"][0]["id"])
        listed = next(one for one in (await job.get(ADA, "/v1/contracts")).json()["data"] if one["id"] == drafted["id"])
        shown.append([drafted["warnings"], contract["warnings"], milestone["warnings"], listed["warnings"]])
    assert shown == [[[], [], [], []]] * 2
    own = (await job.get(BEN, f"/v1/contracts/{bens['id']}")).json()
    assert own["warnings"] == [{"code": "payee_not_ready"}]
    approved = (await job.approve(bens["id"], bens["revision"])).json()
    assert approved["warnings"] == [{"code": "payee_not_ready"}]
    seen = (await job.get(ADA, f"/v1/contracts/{bens['id']}")).json()
    assert seen["warnings"] == [{"code": "payee_not_ready"}]


async def test_the_payee_who_cannot_be_paid_yet_is_a_warning(job: Job) -> None:
    contract = await job.active(12_500)
    assert {"code": "payee_not_ready"} in contract["warnings"]
    account = new_id("pac")
    for sequence, state in ((2, "active"), (1, "onboarding")):
        news = payments.PayoutAccountChanged(payout_account_id=account, user_id=BEN, state=state)  # type: ignore[arg-type]
        await job.stage.hear(news, sequence)
    assert (await job.contract(contract["id"]))["warnings"] == []
    assert (await job.milestone(contract["milestones"][0]["id"]))["warnings"] == []
