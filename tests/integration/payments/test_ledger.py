"""The ledger keeps itself honest: in the database, whatever program writes."""

import pytest
from sqlalchemy import text

from tests.integration.payments.desk import EVE, OLGA, SAM, Desk

LINE = (
    "INSERT INTO ledger_lines (journal_id, position, kind, account, side, amount)"
    " VALUES (:journal, :position, 'held', 'held:ms_1', :side, :amount)"
)
JOURNAL = (
    "INSERT INTO ledger_journals (id, source_kind, source_id, leg, currency, contract_id, milestone_id, payment_id,"
    " booked_at) VALUES (:id, 'booking', :source, 'fund', 'usd', 'ctr_1', 'ms_1', 'pay_1', '2026-01-01T00:00:00+00:00')"
)
BALANCED = [("debit", 500), ("credit", 300), ("credit", 200)]


async def write(desk: Desk, journal: str, lines: list[tuple[str, int]], source: str = "txn_1") -> None:
    async with desk.stage.service.database.begin() as tx:
        for position, (side, amount) in enumerate(lines, 1):
            values = {"journal": journal, "position": position, "side": side, "amount": amount}
            await tx.execute(text(LINE), values)
        await tx.execute(text(JOURNAL), {"id": journal, "source": source})


async def count(desk: Desk) -> int:
    async with desk.stage.service.database.read() as tx:
        row = await tx.first(text("SELECT count(*) AS n FROM ledger_lines"))
        assert row is not None
        return int(row["n"])


async def refused(desk: Desk, statement: str, values: dict[str, object] | None = None) -> None:
    before = await count(desk)
    with pytest.raises(Exception, match=r"(?i)ledger|constraint|truncate|immutable"):
        async with desk.stage.service.database.begin() as tx:
            await tx.execute(text(statement), values)
    assert await count(desk) == before


async def test_a_balanced_journal_is_taken(desk: Desk) -> None:
    await write(desk, "jrn_1", BALANCED)
    assert await count(desk) == 3


@pytest.mark.parametrize(
    "lines",
    [[], [("debit", 5)], [("debit", 5), ("credit", 4)], [("debit", 0), ("credit", 0)], [("debit", -5), ("credit", -5)],
     [("debit", 5), ("debit", 5)], [("neither", 5), ("credit", 5)]],
)  # fmt: skip
async def test_a_journal_that_does_not_balance_is_refused(desk: Desk, lines: list[tuple[str, int]]) -> None:
    with pytest.raises(Exception, match=r"(?i)ledger|constraint"):
        await write(desk, "jrn_1", lines)
    assert await count(desk) == 0


async def test_the_same_source_is_booked_once(desk: Desk) -> None:
    await write(desk, "jrn_1", BALANCED)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await write(desk, "jrn_2", BALANCED)
    assert await count(desk) == 3


async def test_lines_without_their_journal_do_not_survive_the_commit(desk: Desk) -> None:
    values = {"journal": "jrn_never", "position": 1, "side": "debit", "amount": 5}
    await refused(desk, LINE, values)


async def test_nothing_is_added_changed_or_removed_afterwards(desk: Desk) -> None:
    await write(desk, "jrn_1", BALANCED)
    await refused(desk, LINE, {"journal": "jrn_1", "position": 4, "side": "debit", "amount": 5})
    for statement in (
        "UPDATE ledger_lines SET amount = 1",
        "DELETE FROM ledger_lines",
        "UPDATE ledger_journals SET currency = 'eur'",
        "DELETE FROM ledger_journals",
    ):
        await refused(desk, statement)
    if desk.stage.service.database.dialect == "postgresql":
        await refused(desk, "TRUNCATE ledger_lines")
        await refused(desk, "TRUNCATE ledger_journals CASCADE")


async def test_a_line_of_another_transaction_waits_for_the_journal_and_is_then_refused(desk: Desk) -> None:
    if desk.stage.service.database.dialect == "sqlite":
        pytest.skip("one writer at a time: there is no other transaction")
    import asyncio

    late = {"journal": "jrn_1", "position": 9, "side": "debit", "amount": 5}
    async with desk.stage.service.database.begin() as tx:
        for position, (side, amount) in enumerate(BALANCED, 1):
            await tx.execute(text(LINE), {"journal": "jrn_1", "position": position, "side": side, "amount": amount})
        other = asyncio.create_task(refused_line(desk, late))
        await asyncio.sleep(0.05)
        await tx.execute(text(JOURNAL), {"id": "jrn_1", "source": "txn_1"})
    await other
    assert await count(desk) == 3


async def refused_line(desk: Desk, values: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"(?i)ledger"):
        async with desk.stage.service.database.begin() as tx:
            await tx.execute(text(LINE), values)


async def test_the_books_are_for_operators_and_the_ledger_for_those_who_may_read_it(desk: Desk) -> None:
    from skillscoop_messages.events.disputes import DisputeAssigned

    milestone = desk.milestone()
    await desk.fund(milestone)
    for user, roles, status in ((EVE, (), 403), (SAM, ("support",), 403), (OLGA, ("ops",), 200)):
        answer = await desk.stage.call(user, "GET", "/v1/admin/payments/ledger", roles=roles)
        assert answer.status_code == status
    path = f"/v1/contracts/{desk.contract_id}/ledger"
    assert (await desk.stage.call(SAM, "GET", path, roles=("support",))).status_code == 404
    about = {name: milestone[name] for name in ("contract_id", "client_id", "freelancer_id", "title")}

    async def assign(agent: str | None, sequence: int) -> int:
        assigned = DisputeAssigned(**about, dispute_id="dsp_1", agent_id=agent, second_approver_id=None)
        await desk.stage.hear(assigned, sequence)
        return (await desk.stage.call(SAM, "GET", path, roles=("support",))).status_code

    assert await assign(SAM, 3) == 200
    assert (await desk.stage.call(SAM, "GET", path)).status_code == 404  # the assignment alone is not enough
    assert await assign(None, 2) == 200  # older news do not take it away
    async with desk.stage.service.database.read() as tx:
        audited = await tx.all(text("SELECT actor, action, subject FROM audit_log"))
    assert [tuple(row.values()) for row in audited] == [(SAM, "ledger.read", desk.contract_id)] * 2
    assert await assign(None, 4) == 404
    entries = (await desk.stage.call(milestone["client_id"], "GET", path)).json()["entries"]
    # What Stripe keeps is not the parties' business: to them it all lies with Stripe.
    assert [(line["account"], line["side"], line["amount"]["amount"]) for line in entries[0]["lines"]] == [
        ("stripe", "debit", 40_000),
        ("held", "credit", 40_000),
    ]
