"""What is checked after every situation would be worth nothing if it did not see: wrongs planted here are found."""

import pytest
import sqlalchemy as sa
from skillscoop_messages.ids import new_id

from tests.acceptance.contract_flow import ContractFlow, sight_of
from tests.support.invariants import invariants

PLANTS = [
    ("contracts", "UPDATE milestones SET held = {} WHERE id = :milestone", (29_999, 30_000), "expected 29999"),
    ("contracts", "UPDATE milestones SET state = {} WHERE id = :milestone", ("'released'", "'funded'"), "is released"),
    (
        "payments",
        "UPDATE payments SET state = {} WHERE milestone_id = :milestone",
        ("'settled'", "'held'"),
        "is funded",
    ),
    ("payments", "UPDATE payments SET paid = {} WHERE milestone_id = :milestone", (1, 30_000), "is funded"),
]


@pytest.mark.parametrize(("service", "statement", "values", "told"), PLANTS)
async def test_a_number_or_a_state_that_is_wrong_is_seen(
    flow: ContractFlow, service: str, statement: str, values: tuple[str, str], told: str
) -> None:
    await flow.active(30_000)
    await flow.funded()
    await flow.heard_all()
    wrong, right = values

    await planted(flow, service, statement.format(wrong))

    with pytest.raises(AssertionError, match=told):
        await invariants(sight_of(flow.system))
    await planted(flow, service, statement.format(right))


async def test_money_that_moved_behind_our_books_is_seen(flow: ContractFlow) -> None:
    await flow.active(30_000)
    await flow.funded()
    await flow.heard_all()

    intent = (await flow.payment_rows())[0]["intent_ref"]
    await flow.system.stripe.api("POST", "/v1/refunds", payment_intent=intent, amount="100")
    with pytest.raises(AssertionError, match="Stripe says"):
        await invariants(sight_of(flow.system))
    flow.system.spoilt = True


async def test_a_notice_told_twice_is_seen(flow: ContractFlow) -> None:
    await flow.active(30_000)
    await flow.funded()
    await flow.seen_notices(flow.cast.ada, "milestone.funded")
    await flow.heard_all()
    columns = "kind, title, body, subject_type, subject_id, contract_id, read_at, version, created_at, updated_at"
    another = new_id("ntf")
    await planted(
        flow,
        "notifications",
        f"INSERT INTO notifications (id, user_id, event_id, {columns})"
        f" SELECT '{another}', user_id, '{another}', {columns}"
        " FROM notifications WHERE kind = 'milestone.funded' AND subject_id = :milestone AND user_id = :ada",
    )
    with pytest.raises(AssertionError, match="told 2 times"):
        await invariants(sight_of(flow.system))
    await planted(flow, "notifications", f"DELETE FROM notifications WHERE id = '{another}'")


async def planted(flow: ContractFlow, service: str, statement: str) -> None:
    """Somebody changes the data of a service behind its back."""
    async with flow.system.services[service].database.begin() as tx:
        names = {"milestone": flow.milestones[0], "ada": flow.cast.ada.id}
        used = {name: value for name, value in names.items() if f":{name}" in statement}
        assert (await tx.execute(sa.text(statement), used or None)).rowcount == 1
