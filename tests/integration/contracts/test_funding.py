"""Money in: one payment per milestone, however often somebody clicks and in whatever order the answers come."""

from skillscoop_messages.events import contracts as told
from skillscoop_messages.events import payments
from skillscoop_messages.ids import new_id

from tests.integration.contracts.contracts_service import ADA, BEN, EVE, ContractsService, actions, stated


async def test_a_milestone_is_funded(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    assert actions(milestone) == {"fund"}

    answer = await service.fund(contract, milestone, return_url="http://127.0.0.1:8080/after")

    assert answer.status_code == 202
    funding = answer.json()
    assert funding["state"] == "funding"
    assert answer.headers["ETag"] == f'"{funding["version"]}"'
    request = service.last(told.MilestoneFundingRequested)
    assert (request.amount, request.currency, request.method) == (12_500, "usd", "checkout")
    assert (request.fee.bps, request.fee.fixed, request.revision) == (0, 0, 1)
    assert request.return_url == "http://127.0.0.1:8080/after"
    assert request.object.state == "funding"
    assert actions(funding) == {"cancel_funding", "lapse"}

    await service.pay(milestone["id"], times=2)

    held = await service.milestone(milestone["id"])
    assert (held["state"], held["held"]) == ("funded", {"amount": 12_500, "currency": "usd"})
    assert actions(held, "freelancer") == {"submit"}
    assert actions(held, "client") == {"release"}
    assert len(service.stage.heard(told.MilestoneFunded)) == 1


async def test_fund_is_refused_by_name(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]

    async def code(status: int, **more: object) -> str:
        answer = await service.fund(contract, milestone, **more)  # type: ignore[arg-type]
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
    unknown = await service.fund(contract, {**milestone, "id": new_id("ms")})
    assert unknown.status_code == 404
    keyless = await service.stage.call(
        ADA, "POST", f"/v1/milestones/{milestone['id']}/fund", {"amount": 1, "revision": 1}
    )
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    assert service.stage.heard(told.MilestoneFundingRequested) == []
    assert (await service.milestone(milestone["id"]))["state"] == "planned"


async def test_a_changed_price_is_told_with_the_current_one(service: ContractsService) -> None:
    contract = await service.active(12_500)
    answer = (await service.fund(contract, contract["milestones"][0], amount=99)).json()
    assert answer["amount"] == {"amount": 12_500, "currency": "usd"}
    assert (answer["state"], answer["allowed"]) == ("planned", ["fund"])
    assert (await service.fund(contract, contract["milestones"][0], revision=7)).json()["revision"] == 1


async def test_two_clicks_are_one_payment(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    first = await service.fund(contract, milestone, key="one")
    again = await service.fund(contract, milestone, key="one")
    other_tab = await service.fund(contract, milestone, key="two")
    other_body = await service.fund(contract, milestone, key="one", method="pm_card_visa")

    assert (first.status_code, again.status_code, other_tab.status_code) == (202, 202, 409)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert other_tab.json()["code"] == "move_not_allowed"
    assert other_body.status_code == 422
    assert len(service.stage.heard(told.MilestoneFundingRequested)) == 1


async def test_a_declined_payment_frees_the_milestone_and_a_late_cancel_of_it_changes_nothing(
    service: ContractsService,
) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    first = service.last(told.MilestoneFundingRequested)
    await service.fail_payment(first)

    failed = await service.milestone(milestone["id"])
    assert (failed["state"], failed["failure_reason"]) == ("planned", "card_declined")

    assert (await service.fund(contract, failed)).status_code == 202
    second = service.last(told.MilestoneFundingRequested)
    assert second.funding_id != first.funding_id
    await service.cancel_payment(first)
    assert (await service.milestone(milestone["id"]))["state"] == "funding"

    await service.pay(milestone["id"], second)
    assert (await service.milestone(milestone["id"]))["state"] == "funded"
    assert len(service.stage.heard(told.MilestoneFundingFailed)) == 1


async def test_an_earlier_try_that_was_paid_after_all_is_taken_and_the_current_one_canceled(
    service: ContractsService,
) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    first = service.last(told.MilestoneFundingRequested)
    await service.cancel_payment(first)
    await service.fund(contract, milestone)
    second = service.last(told.MilestoneFundingRequested)

    await service.pay(milestone["id"], first)

    funded = await service.milestone(milestone["id"])
    assert (funded["state"], funded["funding_id"]) == ("funded", first.funding_id)
    canceled = service.last(told.MilestoneFundingCanceled)
    assert (canceled.funding_id, canceled.reason) == (second.funding_id, "superseded")
    await service.cancel_payment(second)
    assert (await service.milestone(milestone["id"]))["state"] == "funded"


async def test_both_tries_paid_is_one_payment_kept_and_one_returned(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    first = service.last(told.MilestoneFundingRequested)
    await service.cancel_payment(first)
    await service.fund(contract, milestone)
    second = service.last(told.MilestoneFundingRequested)
    await service.pay(milestone["id"], first)
    kept = await service.milestone(milestone["id"])

    unwanted = await service.pay(milestone["id"], second, times=2)

    refused = service.stage.heard(told.MilestonePaymentRefused)
    assert [(one.payment_id, one.reason) for one in refused] == [(unwanted, "already_funded")]
    assert await service.milestone(milestone["id"]) == kept
    returned = payments.PaymentReturned(
        **service._about(second), funding_id=second.funding_id, payment_id=unwanted, returned=12_500
    )
    await service.stage.hear(returned, times=2)
    timeline = (await service.get(ADA, f"/v1/contracts/{contract['id']}/timeline")).json()["data"]
    assert [one["action"] for one in timeline].count("payment_returned") == 1


async def test_a_payment_of_another_amount_is_returned_and_the_milestone_is_planned_again(
    service: ContractsService,
) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)

    await service.pay(milestone["id"], paid=12_499)

    assert service.last(told.MilestonePaymentRefused).reason == "wrong_amount"
    planned = await service.milestone(milestone["id"])
    assert (planned["state"], planned["held"]["amount"]) == ("planned", 0)
    assert (await service.fund(contract, planned)).status_code == 202


async def test_money_for_a_dropped_milestone_is_returned(service: ContractsService) -> None:
    contract = await service.active(12_500, 5_000)
    first, second = contract["milestones"]
    await service.fund(contract, second)
    request = service.last(told.MilestoneFundingRequested)
    await service.cancel_payment(request)
    await service.edit(contract["id"], [stated(first)])
    assert (await service.approve(contract["id"], 2)).status_code == 200

    await service.pay(second["id"], request)

    assert service.last(told.MilestonePaymentRefused).reason == "milestone_dropped"
    assert (await service.milestone(second["id"]))["state"] == "dropped"


async def test_a_late_payment_fits_a_milestone_that_is_planned_again(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    request = service.last(told.MilestoneFundingRequested)
    await service.cancel_payment(request)
    await service.pay(milestone["id"], request)
    assert (await service.milestone(milestone["id"]))["state"] == "funded"


async def test_the_client_gives_up_paying_and_the_answer_decides(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    path = f"/v1/milestones/{milestone['id']}/cancel-funding"
    assert (await service.post(ADA, path)).status_code == 409
    await service.fund(contract, milestone)
    assert (await service.post(BEN, path)).status_code == 403
    assert (await service.post(EVE, path)).status_code == 404

    answer = await service.post(ADA, path)
    again = await service.post(ADA, path)

    assert (answer.status_code, again.status_code) == (202, 202)
    assert answer.json()["state"] == again.json()["state"] == "funding"
    assert "cancel_funding" not in actions(again.json())
    asked = service.stage.heard(told.MilestoneFundingCanceled)
    assert [one.reason for one in asked] == ["client"]
    await service.cancel_payment(service.last(told.MilestoneFundingRequested))
    assert (await service.milestone(milestone["id"]))["state"] == "planned"


async def test_an_open_checkout_lapses_after_an_hour_once(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    await service.stage.pass_time(minutes=59)
    assert service.stage.heard(told.MilestoneFundingCanceled) == []
    await service.stage.pass_time(minutes=2)
    await service.stage.pass_time(minutes=60)
    assert [one.reason for one in service.stage.heard(told.MilestoneFundingCanceled)] == ["lapsed"]
    await service.pay(milestone["id"])
    assert (await service.milestone(milestone["id"]))["state"] == "funded"


async def test_the_alarm_of_an_older_try_leaves_the_newer_one_its_time(service: ContractsService) -> None:
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.fund(contract, milestone)
    await service.stage.pass_time(minutes=40)
    await service.fail_payment(service.last(told.MilestoneFundingRequested))
    await service.fund(contract, milestone)
    await service.stage.pass_time(minutes=40)
    assert service.stage.heard(told.MilestoneFundingCanceled) == []
    await service.stage.pass_time(minutes=21)
    assert len(service.stage.heard(told.MilestoneFundingCanceled)) == 1


async def test_nothing_is_funded_before_approval_or_while_changed_terms_wait(service: ContractsService) -> None:
    proposed = await service.proposed(12_500)
    assert (await service.fund(proposed, proposed["milestones"][0])).json()["code"] == "move_not_allowed"
    contract = await service.active(12_500)
    milestone = contract["milestones"][0]
    await service.edit(contract["id"], [stated(milestone, amount=13_000)])
    answer = (await service.fund(contract, milestone)).json()
    assert (answer["code"], answer["revision"], answer["allowed"]) == ("revision_pending", 2, [])
    blocked = (await service.milestone(milestone["id"]))["next"]
    assert [one["blocked_reason"] for one in blocked] == ["revision_pending"]


async def test_several_milestones_are_funded_at_once(service: ContractsService) -> None:
    contract = await service.active(12_500, 5_000)
    for milestone in contract["milestones"]:
        assert (await service.fund(contract, milestone)).status_code == 202
    assert len({one.funding_id for one in service.stage.heard(told.MilestoneFundingRequested)}) == 2


async def test_naming_somebody_tells_nothing_of_their_payout_account(service: ContractsService) -> None:
    """Given two people named in drafts: Ben, who cannot be paid, and Kim, who can
    When the client looks at both contracts and their milestones before anybody acted on them
    Then they look alike; Ben himself is told; and once Ben approved, the client is told too.
    """
    active = payments.PayoutAccountChanged(payout_account_id=new_id("pac"), user_id="kim", state="active")
    await service.stage.hear(active)
    bens, kims = await service.proposed(12_500), await service.draft(12_500, freelancer_id="kim")
    await service.post(ADA, f"/v1/contracts/{kims['id']}/send")
    shown = []
    for drafted in (bens, kims):
        contract = (await service.get(ADA, f"/v1/contracts/{drafted['id']}")).json()
        milestone = await service.milestone(contract["milestones"][0]["id"])
        listed = next(
            one for one in (await service.get(ADA, "/v1/contracts")).json()["data"] if one["id"] == drafted["id"]
        )
        shown.append([drafted["warnings"], contract["warnings"], milestone["warnings"], listed["warnings"]])
    assert shown == [[[], [], [], []]] * 2
    own = (await service.get(BEN, f"/v1/contracts/{bens['id']}")).json()
    assert own["warnings"] == [{"code": "payee_not_ready"}]
    approved = (await service.approve(bens["id"], bens["revision"])).json()
    assert approved["warnings"] == [{"code": "payee_not_ready"}]
    seen = (await service.get(ADA, f"/v1/contracts/{bens['id']}")).json()
    assert seen["warnings"] == [{"code": "payee_not_ready"}]


async def test_the_payee_who_cannot_be_paid_yet_is_a_warning(service: ContractsService) -> None:
    contract = await service.active(12_500)
    assert {"code": "payee_not_ready"} in contract["warnings"]
    account = new_id("pac")
    for sequence, state in ((2, "active"), (1, "onboarding")):
        news = payments.PayoutAccountChanged(payout_account_id=account, user_id=BEN, state=state)  # type: ignore[arg-type]
        await service.stage.hear(news, sequence)
    assert (await service.contract(contract["id"]))["warnings"] == []
    assert (await service.milestone(contract["milestones"][0]["id"]))["warnings"] == []
