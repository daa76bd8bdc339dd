"""Work in, money out: one settlement per milestone, whoever decides, and its delivery told truthfully."""

import sqlalchemy as sa
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.events import contracts as told
from skillscoop_messages.ids import new_id

from tests.integration.contracts.contracts_service import ADA, BEN, EVE, SAM, ContractsService, actions, stated


async def test_work_is_submitted_and_released(service: ContractsService) -> None:
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    path = f"/v1/milestones/{milestone['id']}/submit"
    body = {"note": "All done", "links": ["https://files.example/a.zip"], "attachments": [new_id("att")]}
    assert (await service.post(ADA, path, body)).status_code == 403
    assert (await service.post(EVE, path, body)).status_code == 404
    assert (await service.post(BEN, path, {"note": ""})).status_code == 422
    assert (await service.post(BEN, path, {"note": "x", "links": ["javascript:alert(1)"]})).status_code == 422

    submitted = await service.post(BEN, path, body)

    assert (submitted.status_code, submitted.json()["state"]) == (200, "submitted")
    assert submitted.json()["submission"]["note"] == "All done"
    event = service.last(told.MilestoneSubmitted)
    assert (event.note, event.links, event.held) == ("All done", body["links"], 12_500)
    assert (await service.post(BEN, path, body)).status_code == 409

    released = await service.release(milestone, match=f'"{submitted.json()["version"]}"')

    assert (released.status_code, released.json()["state"]) == (202, "settling")
    settlement = released.json()["settlement"]
    assert settlement["to_freelancer"] == {"amount": 12_500, "currency": "usd"}
    assert (settlement["to_client"]["amount"], settlement["fee"]["amount"]) == (0, 0)
    assert (settlement["reason"], settlement["decided_by"]) == ("release", ADA)
    decided = service.last(told.MilestoneSettlementDecided)
    assert (decided.held, decided.to_freelancer, decided.to_client, decided.reason) == (12_500, 12_500, 0, "release")
    assert released.json()["next"] == []

    await service.deliver(milestone["id"], times=2)

    final = await service.milestone(milestone["id"])
    assert (final["state"], final["held"]["amount"], final["next"]) == ("released", 0, [])
    [paid] = service.stage.heard(told.MilestoneReleased)
    assert (paid.paid, paid.fee) == (12_500, 0)


async def test_a_submission_is_taken_back_before_the_client_acted(service: ContractsService) -> None:
    """Given submitted work, when the freelancer takes it back, then it is funded work again, and the client is told."""
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    submit, retract = (f"/v1/milestones/{milestone['id']}/{verb}" for verb in ("submit", "retract"))
    early = await service.post(BEN, retract)
    assert (early.status_code, early.json()["code"], early.json()["allowed"]) == (409, "move_not_allowed", ["submit"])
    submitted = (await service.post(BEN, submit, {"note": "All done"})).json()
    assert "retract" in actions(submitted, "freelancer")
    assert (await service.post(ADA, retract)).status_code == 403
    assert (await service.post(EVE, retract)).status_code == 404
    stale = await service.post(BEN, retract, headers={"If-Match": f'"{submitted["version"] - 1}"'})
    assert stale.status_code == 412

    taken = await service.post(BEN, retract, key="once")

    assert (taken.status_code, taken.json()["state"], taken.json()["submission"]) == (200, "funded", None)
    assert (taken.json()["held"]["amount"], taken.json()["version"]) == (12_500, submitted["version"] + 1)
    assert (await service.post(BEN, retract, key="once")).headers["Idempotent-Replayed"] == "true"
    [event] = service.stage.heard(told.MilestoneSubmissionRetracted)
    assert (event.milestone_id, event.held, event.object.state) == (milestone["id"], 12_500, "funded")
    line = (await service.get(ADA, f"/v1/contracts/{contract['id']}/timeline")).json()["data"][-1]
    assert (line["action"], line["actor"], line["actor_id"]) == ("retract", "freelancer", BEN)
    assert line["subject"] == {"type": "milestone", "id": milestone["id"]}
    assert (await service.post(BEN, submit, {"note": "Now all done"})).json()["state"] == "submitted"


async def test_a_submission_the_client_acted_on_is_no_longer_taken_back(service: ContractsService) -> None:
    """Given submitted work that was released, or is disputed, when it is taken back, then it is 409 and stays."""
    contract = await service.funded(12_500, 5_000)
    released, disputed = contract["milestones"]
    for milestone in (released, disputed):
        await service.post(BEN, f"/v1/milestones/{milestone['id']}/submit", {"note": "All done"})
    await service.release(released)
    await service.dispute(contract, [disputed["id"]])

    too_late = await service.post(BEN, f"/v1/milestones/{released['id']}/retract")
    frozen = await service.post(BEN, f"/v1/milestones/{disputed['id']}/retract")

    assert (too_late.status_code, too_late.json()["code"], too_late.json()["state"]) == (
        409, "move_not_allowed", "settling",
    )  # fmt: skip
    assert (frozen.status_code, frozen.json()["code"]) == (409, "milestone_frozen")
    assert (await service.milestone(disputed["id"]))["submission"]["note"] == "All done"


async def test_a_submission_is_taken_back_while_changed_terms_wait(service: ContractsService) -> None:
    """Given submitted work and changed terms that wait, when it is taken back, then nothing is in the way."""
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    await service.post(BEN, f"/v1/milestones/{milestone['id']}/submit", {"note": "All done"})
    more = {"description": "More", "amount": 700}
    assert (await service.edit(contract["id"], [stated(milestone), more])).status_code == 200

    taken = await service.post(BEN, f"/v1/milestones/{milestone['id']}/retract")

    assert (taken.status_code, taken.json()["state"]) == (200, "funded")


async def test_release_is_refused_by_name(service: ContractsService) -> None:
    contract = await service.funded(12_500, 5_000)
    milestone, other = contract["milestones"]
    path = f"/v1/milestones/{milestone['id']}/release"
    assert (await service.post(ADA, path, {"amount": 12_500})).status_code == 428
    assert (await service.release(milestone, match='"1"')).status_code == 412
    assert (await service.release(milestone, user=BEN)).status_code == 403
    assert (await service.release(milestone, user=EVE)).status_code == 404
    changed = await service.release(milestone, amount=12_000)
    assert (changed.status_code, changed.json()["code"]) == (409, "amount_changed")
    assert changed.json()["amount"] == {"amount": 12_500, "currency": "usd"}
    keyless = await service.stage.call(ADA, "POST", path, {"amount": 12_500}, headers={"If-Match": "*"})
    assert keyless.json()["code"] == "idempotency_key_required"
    assert service.stage.heard(told.MilestoneSettlementDecided) == []

    assert (await service.release(milestone, key="k")).status_code == 202
    assert (await service.release(milestone, key="k")).headers["Idempotent-Replayed"] == "true"
    again = await service.release(milestone)
    assert (again.status_code, again.json()["state"]) == (409, "settling")
    assert len(service.stage.heard(told.MilestoneSettlementDecided)) == 1
    assert (await service.milestone(other["id"]))["state"] == "funded"


async def test_a_delivery_that_waits_says_why_and_tells_each_reason_once(service: ContractsService) -> None:
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    await service.release(milestone)

    await service.block(milestone["id"], "payee_not_ready", 2)
    await service.block(milestone["id"], "payee_not_ready", 3)
    await service.block(milestone["id"], "stripe_unavailable", 1)

    waiting = await service.milestone(milestone["id"])
    assert (waiting["state"], waiting["blocked_reason"]) == ("settling", "payee_not_ready")
    assert [one.reason for one in service.stage.heard(told.MilestoneSettlementBlocked)] == ["payee_not_ready"]
    await service.block(milestone["id"], "insufficient_balance", 4)
    assert (await service.milestone(milestone["id"]))["blocked_reason"] == "insufficient_balance"
    await service.deliver(milestone["id"])
    await service.block(milestone["id"], "payee_not_ready", 5)
    final = await service.milestone(milestone["id"])
    assert (final["state"], final["blocked_reason"]) == ("released", None)


async def test_the_fee_is_the_one_of_the_first_approval(service: ContractsService) -> None:
    put = "/v1/admin/contracts/policy"
    fee = {"fee": {"bps": 250, "fixed": {"usd": 30}}}
    assert (await service.stage.call(ADA, "PUT", put, fee)).status_code == 403
    assert (await service.stage.call("ops", "PUT", put, {"fee": {"bps": -1}}, roles=("ops",))).status_code == 422
    assert (
        await service.stage.call("ops", "PUT", put, {"fee": {"fixed": {"xxx": 1}}}, roles=("ops",))
    ).status_code == 422
    assert (await service.stage.call("ops", "PUT", put, fee, roles=("ops",))).status_code == 202
    changed = await service.stage.call("ops2", "PUT", put, fee, roles=("ops",))
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert service.last(told.PolicyPublished).policy.fee_fixed == {"usd": 30}
    tiny = {"title": "x", "freelancer_id": BEN, "currency": "eur", "milestones": [{"description": "y", "amount": 50}]}
    assert (await service.post(ADA, "/v1/contracts", tiny)).status_code == 201
    for operator in ("ops", "ops2"):
        await service.stage.call(operator, "PUT", put, {"fee": {"fixed": {"eur": 60}}}, roles=("ops",))
    refused = await service.post(ADA, "/v1/contracts", tiny)
    assert [one["code"] for one in refused.json()["errors"]] == ["amount_within_fee"]

    contract = await service.funded(12_501)
    for operator in ("ops", "ops2"):
        await service.stage.call(operator, "PUT", put, {"fee": {"bps": 9_000}}, roles=("ops",))
    milestone = contract["milestones"][0]
    released = (await service.release(milestone)).json()

    assert contract["policy"]["fee"] == {"bps": 250, "fixed": {"eur": 60}}
    assert released["settlement"]["fee"]["amount"] == 313  # 2.5 % of 12,501 is 312.525, rounded half up
    policy = (await service.get("", "/v1/policy")).json()
    assert (policy["version"], policy["fee"]["bps"]) == (4, 9_000)
    assert policy["currencies"]["jpy"] == {"exponent": 0, "minimum": 50, "maximum": 99_999_999, "step": 1}
    assert policy["checkout_minutes"] == 60


async def test_a_finished_contract_is_completed(service: ContractsService) -> None:
    contract = await service.funded(12_500, 5_000)
    first, second = contract["milestones"]
    path = f"/v1/contracts/{contract['id']}/complete"
    await service.release(first)
    blocked = await service.post(ADA, path)
    assert (blocked.status_code, blocked.json()["code"]) == (409, "completion_blocked")
    assert blocked.json()["blocking"] == [
        {"milestone_id": first["id"], "code": "money_in_motion", "state": "settling"},
        {"milestone_id": second["id"], "code": "milestone_open", "state": "funded"},
    ]
    assert [one["pointer"] for one in blocked.json()["errors"]] == ["/milestones/0", "/milestones/1"]
    await service.deliver(first["id"])
    await service.release(second)
    await service.deliver(second["id"])
    assert (await service.post(BEN, path)).status_code == 403
    assert (await service.post(EVE, path)).status_code == 404

    done = await service.post(ADA, path)

    assert (done.status_code, done.json()["state"], done.json()["next"]) == (200, "completed", [])
    completed = service.last(told.ContractCompleted)
    assert (completed.paid_to_freelancer, completed.currency, completed.review_days) == (17_500, "usd", 14)
    assert (await service.post(ADA, path)).status_code == 409
    assert len(service.stage.heard(told.ContractCompleted)) == 1


async def test_a_finished_contract_completes_by_itself(service: ContractsService) -> None:
    contract = await service.released(12_500)
    assert actions(contract, "system") == {"auto_complete"}
    await service.stage.pass_time(days=13)
    await service.edit(contract["id"], [stated(contract["milestones"][0]), {"description": "More", "amount": 700}])
    await service.stage.pass_time(days=2)
    assert (await service.contract(contract["id"]))["state"] == "active"
    blocked = await service.post(ADA, f"/v1/contracts/{contract['id']}/complete")
    assert blocked.json()["blocking"] == [{"milestone_id": None, "code": "revision_pending", "state": "revising"}]
    await service.post(ADA, f"/v1/contracts/{contract['id']}/withdraw")
    await service.stage.pass_time(days=13, hours=23)
    assert (await service.contract(contract["id"]))["state"] == "active"
    await service.stage.pass_time(hours=2)
    await service.stage.pass_time(days=20)
    assert (await service.contract(contract["id"]))["state"] == "completed"
    assert len(service.stage.heard(told.ContractCompleted)) == 1


async def test_a_contract_on_which_nothing_was_paid_ends_instead(service: ContractsService) -> None:
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    dispute = await service.dispute(contract)
    await service.resolve(contract, dispute, {milestone["id"]: 0})
    await service.deliver(milestone["id"])
    assert (await service.milestone(milestone["id"]))["state"] == "refunded"
    ended = await service.post(ADA, f"/v1/contracts/{contract['id']}/complete")
    assert (ended.status_code, ended.json()["state"]) == (200, "ended")
    assert service.last(told.ContractEnded).paid_to_freelancer == 0


async def test_a_dispute_freezes_and_is_decided(service: ContractsService) -> None:
    contract = await service.funded(12_501, 5_000, 700)
    first, second, third = contract["milestones"]
    dispute = await service.dispute(contract, [first["id"], second["id"], new_id("ms")])

    answered = service.last(told.DisputeAnswered)
    assert [(one.milestone_id, one.held) for one in answered.frozen] == [(first["id"], 12_501), (second["id"], 5_000)]
    assert [one.reason for one in answered.refused] == ["unknown"]
    frozen = await service.milestone(first["id"])
    assert frozen["frozen_by"] == [{"kind": "dispute", "id": dispute}]
    refused = await service.release(first)
    assert (refused.status_code, refused.json()["code"]) == (409, "milestone_frozen")
    submit = await service.post(BEN, f"/v1/milestones/{first['id']}/submit", {"note": "x"})
    assert submit.json()["code"] == "milestone_frozen"
    locked = await service.edit(contract["id"], [stated(one, description="z") for one in (first, second, third)])
    assert [one["milestone_id"] for one in locked.json()["milestones"]] == [first["id"], second["id"]]
    assert {one.milestone_id for one in service.stage.heard(told.MilestoneHeldChanged)} == {first["id"], second["id"]}

    await service.resolve(contract, dispute, {first["id"]: 8_334}, times=2)

    decided = service.last(told.MilestoneSettlementDecided)
    assert (decided.to_freelancer, decided.to_client) == (8_334, 4_167)
    assert (decided.reason, decided.decided_by) == ("dispute", SAM)
    executed = service.last(told.DisputeExecuted)
    assert (executed.decision, executed.settled) == (1, [first["id"]])
    assert (await service.milestone(second["id"]))["frozen_by"] == []
    assert [one.milestone_id for one in service.stage.heard(told.MilestoneUnfrozen)] == [second["id"]]
    await service.deliver(first["id"])
    assert (await service.milestone(first["id"]))["state"] == "split"
    assert (service.last(told.MilestoneSplit).paid, service.last(told.MilestoneSplit).refunded) == (8_334, 4_167)
    assert len(service.stage.heard(told.DisputeExecuted)) == 1


async def test_a_dispute_takes_all_held_money_by_default(service: ContractsService) -> None:
    contract = await service.funded(12_500, 5_000)
    first, second = contract["milestones"]
    await service.release(second)
    await service.dispute(contract)
    assert [one.milestone_id for one in service.last(told.DisputeAnswered).frozen] == [first["id"]]
    late = await service.dispute(contract, [first["id"], second["id"]])
    answer = service.last(told.DisputeAnswered)
    assert (answer.dispute_id, answer.frozen) == (late, [])
    assert [one.reason for one in answer.refused] == ["already_disputed", "settling"]


async def test_a_decision_is_executed_whole_or_not_at_all(service: ContractsService) -> None:
    contract = await service.funded(12_500, 5_000)
    first, second = contract["milestones"]
    dispute = await service.dispute(contract, [first["id"]])

    await service.resolve(contract, dispute, {first["id"]: 12_500, second["id"]: 100})
    await service.resolve(contract, dispute, {first["id"]: 12_501}, decision=2)

    refused = service.stage.heard(told.DisputeDecisionRefused)
    assert [(one.decision, one.milestones[0].milestone_id, one.milestones[0].reason) for one in refused] == [
        (1, second["id"], "not_frozen"),
        (2, first["id"], "share_out_of_range"),
    ]
    assert service.stage.heard(told.MilestoneSettlementDecided) == []
    assert (await service.milestone(first["id"]))["state"] == "funded"
    await service.resolve(contract, dispute, {first["id"]: 12_500}, decision=3)
    assert (await service.milestone(first["id"]))["state"] == "settling"


async def test_a_withdrawn_dispute_lets_the_money_go_even_when_it_overtakes_its_opening(
    service: ContractsService,
) -> None:
    contract = await service.funded(12_500)
    milestone = contract["milestones"][0]
    dispute = await service.dispute(contract)
    await service.withdraw_dispute(contract, dispute)
    await service.withdraw_dispute(contract, dispute)
    assert (await service.milestone(milestone["id"]))["frozen_by"] == []
    assert len(service.stage.heard(told.MilestoneUnfrozen)) == 1

    hasty = new_id("dsp")
    await service.withdraw_dispute(contract, hasty)
    await service.dispute(contract, [milestone["id"]], hasty)
    answer = service.last(told.DisputeAnswered)
    assert (answer.dispute_id, answer.frozen, answer.refused[0].reason) == (hasty, [], "dispute_withdrawn")
    assert (await service.release(milestone)).status_code == 202


async def test_the_assigned_agent_reads_the_contract_until_the_case_is_over(service: ContractsService) -> None:
    contract = await service.funded(12_500)
    base = f"/v1/contracts/{contract['id']}"
    dispute = await service.dispute(contract)

    async def status(user: str = SAM, roles: tuple[str, ...] = ("support",)) -> int:
        return (await service.get(user, base, roles=roles)).status_code

    assert await status() == 404
    await service.assign(contract, dispute, SAM, second="kim", sequence=3)
    await service.assign(contract, dispute, "late", sequence=2)
    assert [await status(), await status(roles=()), await status("kim"), await status("late")] == [200, 404, 200, 404]
    assert (await service.get(SAM, f"{base}/timeline", roles=("support",))).status_code == 200
    assert (await service.post(SAM, f"{base}/complete", roles=("support",))).status_code == 404
    async with service.stage.service.database.read() as tx:
        rows = await tx.all(sa.select(AUDIT_LOG).where(AUDIT_LOG.c.subject == contract["id"]))
    assert [(one["actor"], one["action"]) for one in rows] == [
        (SAM, "read_contract"),
        ("kim", "read_contract"),
        (SAM, "read_timeline"),
    ]
    await service.close_dispute(contract, dispute)
    assert await status() == 404
