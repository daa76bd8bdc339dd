"""Situation 5: release clicked twice, and a dispute's decision at the same time: one settlement, one transfer."""

from skillscoop_messages.events.disputes import DisputeResolved, Share
from skillscoop_messages.ids import new_id

from tests.acceptance.contract_flow import ContractFlow, at_once, codes


async def legs(flow: ContractFlow, number: int = 1) -> dict[str, list[int]]:
    """What Stripe moved for a milestone: amounts of transfers and of refunds."""
    about = {"milestone_id": flow.milestones[number - 1]}
    found = {kind: await flow.system.stripe.objects(kind, **about) for kind in ("transfer", "refund")}
    return {kind: [one["amount"] for one in many] for kind, many in found.items() if many}


async def test_release_clicked_twice_is_one_transfer(flow: ContractFlow) -> None:
    await flow.ready(40_000)

    answers = await at_once(flow.release(), flow.release(), flow.release())

    assert codes(answers) == [202, 409, 409]
    assert (await flow.becomes("released"))["settlement"]["to_freelancer"]["amount"] == 40_000
    assert await legs(flow) == {"transfer": [40_000]}
    assert await flow.ledger() == {"charged": 40_000, "released": 40_000}


async def test_a_retried_release_is_answered_as_before(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    key = new_id("key")
    first, again = await flow.release(key=key), await flow.release(key=key)
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (202, 202, "true")
    assert again.json() == first.json()
    await flow.becomes("released")
    assert (await flow.release(key=key)).json() == first.json()
    assert await legs(flow) == {"transfer": [40_000]}


async def test_releases_lose_against_a_decision_in_the_same_instant(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    case = await flow.disputed(1)
    await flow.proposed(case, first=15_000)
    await flow.done(flow.cast.ada, "POST", f"{case}/proposal/accept")
    accept = flow.ask(flow.cast.grace, "POST", f"{case}/proposal/accept")

    accepted, *releases = await at_once(accept, flow.release(), flow.release())

    assert accepted.status_code == 200
    assert codes(releases) == [409, 409]
    assert {one.json()["code"] for one in releases} <= {"milestone_frozen", "move_not_allowed"}
    await flow.becomes("split")
    assert await legs(flow) == {"transfer": [15_000], "refund": [25_000]}
    await flow.seen("closed", case, lambda one: one["state"] == "closed")


async def test_release_while_the_dispute_is_withdrawn_happens_once(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    case = await flow.disputed(1)
    withdraw = flow.ask(flow.cast.ada, "POST", f"{case}/withdraw")

    withdrawn, *releases = await at_once(withdraw, flow.release(), flow.release())

    assert withdrawn.status_code == 200
    assert codes(releases) in ([202, 409], [409, 409])
    if codes(releases) == [409, 409]:
        await flow.seen("unfrozen", flow.milestone_path(), lambda one: not one["frozen_by"])
        assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    assert await legs(flow) == {"transfer": [40_000]}


async def test_a_decision_told_twice_is_executed_once(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    case = await flow.decided(1, 10_000)
    await flow.becomes("split")

    seen, contract = await flow.see(case), await flow.contract()
    again = DisputeResolved(
        contract_id=flow.contract_id,
        client_id=flow.cast.ada.id,
        freelancer_id=flow.cast.grace.id,
        title=contract["title"],
        dispute_id=seen["id"],
        decision=seen["decision"]["number"],
        decided_by=flow.cast.sam.id,
        accepted=True,
        milestones=[Share(milestone_id=flow.milestones[0], to_freelancer=40_000)],
    )
    await flow.system.say("disputes", again)
    await flow.heard_all()

    assert await legs(flow) == {"transfer": [10_000], "refund": [30_000]}
    assert await flow.ledger() == {"charged": 40_000, "released": 10_000, "refunded": 30_000}
