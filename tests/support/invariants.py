"""What must be true of a whole installation when nothing is under way any more: money, messages, states, notices.

Works on anything that has a database per service and what plays Stripe: services in this process or in others.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from skillscoop_chassis.sql.database import SqlDatabase
from skillscoop_contracts.tables import MILESTONES, MONEY_OPERATIONS
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.tables import INBOX, OUTBOX, SCHEDULED
from skillscoop_notifications.tables import MESSAGES, NOTIFICATIONS
from skillscoop_payments.tables import (
    LEDGER_JOURNALS,
    LEDGER_LINES,
    PAYMENTS,
    PROVIDER_EVENTS,
    SETTLEMENTS,
    STRIPE_OPERATIONS,
)

from tests.support.system import Stripe, until

Row = Mapping[str, Any]

ONCE_PER_SUBJECT = ("milestone.funded", "milestone.settlement_decided", "milestone.released", "milestone.refunded",
                    "milestone.split", "contract.completed", "contract.ended")  # fmt: skip
"""Kinds of notices that nobody may get twice about the same object."""

TOLD_ONCE = ("contracts.milestone.funded.v1", "contracts.milestone.settlement_decided.v1",
             "contracts.milestone.released.v1", "contracts.milestone.refunded.v1", "contracts.milestone.split.v1",
             "contracts.contract.completed.v1", "contracts.contract.ended.v1",
             "payments.settlement.completed.v1", "payments.payment.returned.v1")  # fmt: skip
"""Events that happen once in the life of what they are about."""

HOLDING = ("funded", "submitted")
SETTLED = ("released", "refunded", "split")
GONE = ("failed", "canceled", "returned")
"""States of a payment in which none of its money is ours to keep."""


@dataclass(frozen=True)
class Sight:
    """What is looked at. `given_up` are ids of messages that a test put into the transport and operators discarded."""

    databases: Mapping[str, SqlDatabase]
    stripe: Stripe
    given_up: frozenset[str] = frozenset()

    async def rows(self, service: str, statement: Any) -> list[dict[str, Any]]:
        """Rows of one service."""
        async with self.databases[service].read() as tx:
            return [dict(row) for row in await tx.all(statement)]


async def invariants(sight: Sight) -> None:
    """Wait until nothing is under way, then check everything. Raises AssertionError with all that is wrong."""
    await quiet(sight)
    stripe = await sight.stripe.state()
    wrong = [
        *await _of_the_post(sight),
        *await _of_the_ledger(sight, stripe),
        *await _of_stripe(sight, stripe),
        *await _of_the_milestones(sight),
        *await _of_the_notices(sight),
    ]
    assert not wrong, "\n".join(wrong)


async def quiet(sight: Sight, within: float = 40.0) -> None:
    """Wait until everything said was heard, everything ordered at Stripe is done, and nothing waits for a try."""
    open_things: list[str] = []

    async def nothing() -> bool | None:
        open_things[:] = await under_way(sight)
        return None if open_things else True

    try:
        await until("nothing under way", nothing, within)
    except AssertionError as error:
        raise AssertionError(f"{error}:\n" + "\n".join(open_things[:20])) from None


async def under_way(sight: Sight) -> list[str]:
    """What has not come to its end yet."""
    found: list[str] = []
    for service, database in sight.databases.items():
        async with database.read() as tx:
            unmarked = await tx.all(sa.select(OUTBOX.c.type, OUTBOX.c.id).where(OUTBOX.c.published_at.is_(None)))
            found += [f"unpublished: {row['type']} {row['id']}" for row in unmarked]
            waiting = await tx.all(sa.select(SCHEDULED).where(SCHEDULED.c.state == "waiting"))
            found += [
                f"waits in {service}: {row['subscriber']} {row['message_id']} {row['last_error']}"
                for row in waiting
                if row["kind"] == "message" or row["due_at"] <= tx.now()
            ]
    for table in (STRIPE_OPERATIONS, PROVIDER_EVENTS):
        pending = await sight.rows("payments", sa.select(table).where(table.c.state == "pending"))
        found += [f"pending: {table.name} {row['id']} {row['last_error']}" for row in pending]
    paid = await sight.rows(
        "payments", sa.select(PAYMENTS).where(PAYMENTS.c.paid > 0, PAYMENTS.c.booking_ref.is_(None))
    )
    found += [f"unbooked: {row['id']}" for row in paid]
    return found or [f"unheard: {name} {id}" for name, id in await _unheard(sight)]


async def _unheard(sight: Sight) -> list[tuple[str, str]]:
    """Events a subscription has neither handled nor kept: (subscription, message id)."""
    told: dict[str, set[str]] = defaultdict(set)
    for service in sight.databases:
        for row in await sight.rows(service, sa.select(OUTBOX.c.id, OUTBOX.c.type)):
            told[row["type"]].add(row["id"])
    heard: dict[str, set[str]] = defaultdict(set)
    for service in sight.databases:
        for table in (INBOX, SCHEDULED):
            for row in await sight.rows(service, sa.select(table.c.subscriber, table.c.message_id)):
                heard[row["subscriber"]].add(row["message_id"])
    return [
        (name, id)
        for name, subscription in SUBSCRIPTIONS.items()
        for type in subscription.types
        for id in told[type] - heard[name]
    ]


async def _of_the_post(sight: Sight) -> list[str]:
    """Nothing is parked, nothing took effect that nobody said, and what happens once was said once."""
    wrong, said, told = [], set(), Counter[tuple[str, str]]()
    for service in sight.databases:
        parked = await sight.rows(service, sa.select(SCHEDULED).where(SCHEDULED.c.state == "parked"))
        wrong += [f"parked in {service}: {one['subscriber']} {one['reason']} {one['last_error']}" for one in parked]
        for row in await sight.rows(service, sa.select(OUTBOX.c.id, OUTBOX.c.type, OUTBOX.c.body)):
            said.add(row["id"])
            data = json.loads(bytes(row["body"]))["data"]
            if row["type"] in TOLD_ONCE:
                about = data.get("settlement_id") or data.get("milestone_id") or data["contract_id"]
                told[row["type"], data.get("payment_id", about) if "returned" in row["type"] else about] += 1
    for service in sight.databases:
        ghosts = {row["message_id"] for row in await sight.rows(service, sa.select(INBOX.c.message_id))}
        ghosts -= said | sight.given_up
        wrong += [f"{service} handled what nobody said: {id}" for id in ghosts]
    return wrong + [f"said {times} times: {what}" for what, times in told.items() if times > 1]


async def _of_the_ledger(sight: Sight, stripe: Mapping[str, Any]) -> list[str]:
    """Debits = credits everywhere; nothing owed on what is final; our balance at Stripe is what Stripe says it is."""
    joined = LEDGER_JOURNALS.join(LEDGER_LINES, LEDGER_LINES.c.journal_id == LEDGER_JOURNALS.c.id)
    columns = (*LEDGER_JOURNALS.c, LEDGER_LINES.c.kind, LEDGER_LINES.c.side, LEDGER_LINES.c.amount)
    lines = await sight.rows("payments", sa.select(*columns).select_from(joined))
    wrong = []
    for name, key in (("journal", "id"), ("currency", "currency"), ("milestone", "milestone_id")):
        sums = _sums(lines, lambda line, key=key: str(line[key]))
        wrong += [f"{name} {which} is out of balance by {by}" for which, by in sums.items() if by]
    owed = _sums((line for line in lines if line["kind"] in ("held", "suspense", "release_due", "refund_due")),
                 lambda line: f"{line['kind']} {line['milestone_id']}")  # fmt: skip
    states = {row["id"]: row for row in await sight.rows("contracts", sa.select(MILESTONES))}
    for which, amount in owed.items():
        kind, milestone_id = which.split()
        milestone = states.get(milestone_id)
        expected = milestone["held"] if milestone and kind == "held" and milestone["state"] in HOLDING else 0
        settling = milestone is not None and milestone["state"] == "settling"
        if -amount != expected and not (settling and kind in ("release_due", "refund_due")):
            wrong.append(f"{which} is {-amount}, expected {expected}")
    ours = _sums((line for line in lines if line["kind"] == "stripe_balance"), lambda line: str(line["currency"]))
    entries = [one for one in stripe["objects"].get("balance_transaction", []) if not one.get("on_account")]
    moved = Counter[str]()
    for entry in entries:
        if entry["type"] not in ("topup", "adjustment"):
            moved[entry["currency"]] += entry["net"]
    for currency in ours.keys() | moved.keys():
        if ours.get(currency, 0) != moved[currency]:
            wrong.append(f"our books say {ours.get(currency, 0)} {currency} at Stripe, Stripe says {moved[currency]}")
    return wrong


def _sums(lines: Iterable[Row], key: Any) -> dict[str, int]:
    """Debits less credits by key."""
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[key(line)] += line["amount"] if line["side"] == "debit" else -line["amount"]
    return sums


async def _of_stripe(sight: Sight, stripe: Mapping[str, Any]) -> list[str]:
    """Every object there has one committed order here; each leg was made once; no charge gave more than it took."""
    objects = stripe["objects"]
    operations = {row["id"]: row for row in await sight.rows("payments", sa.select(STRIPE_OPERATIONS))}
    wrong = []
    for kind in ("payment_intent", "checkout.session", "transfer", "refund", "v2.core.account"):
        made = Counter((one.get("metadata") or {}).get("op_id") for one in objects.get(kind, []))
        wrong += [f"{kind} without an order: {id}" for id in made if id and id not in operations]
        wrong += [f"order {id} made {times} of {kind}" for id, times in made.items() if id and times > 1]
    keys = [row["key"] for row in operations.values()]
    wrong += [f"key used twice: {key}" for key, times in Counter(keys).items() if times > 1]
    for charge in objects.get("charge", []):
        if charge["status"] != "succeeded":
            continue
        spent = [one["amount"] for one in objects.get("transfer", []) if one["source_transaction"] == charge["id"]]
        back = [one["amount"] for one in _alive(objects.get("refund", [])) if one["charge"] == charge["id"]]
        if len(spent) > 1 or len(back) > 1 or sum(spent) + sum(back) > charge["amount"]:
            wrong.append(f"charge {charge['id']} of {charge['amount']}: transfers {spent}, refunds {back}")
    for settlement in await sight.rows("payments", sa.select(SETTLEMENTS)):
        legs = {"transfer": settlement["to_freelancer"] - settlement["fee"], "refund": settlement["to_client"]}
        for kind, amount in legs.items():
            made_for = [
                one["amount"]
                for one in _alive(objects.get(kind, []))
                if (one.get("metadata") or {}).get("object_id") == settlement["id"]
            ]
            due = [amount] if amount and settlement["state"] == "completed" else made_for[:1]
            if made_for != due or any(one != amount for one in made_for):
                wrong.append(f"settlement {settlement['id']}: {kind} should be {due}, is {made_for}")
    return wrong


def _alive(refunds: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in refunds if one.get("status") not in ("failed", "canceled")]


async def _of_the_milestones(sight: Sight) -> list[str]:
    """What contracts says of a milestone's money is what payments says."""
    milestones = await sight.rows("contracts", sa.select(MILESTONES))
    payments: dict[str, list[Row]] = defaultdict(list)
    for row in await sight.rows("payments", sa.select(PAYMENTS)):
        payments[row["milestone_id"]].append(row)
    settlements = {row["payment_id"]: row for row in await sight.rows("payments", sa.select(SETTLEMENTS))}
    operations: dict[str, int] = Counter(
        row["milestone_id"]
        for row in await sight.rows("contracts", sa.select(MONEY_OPERATIONS).where(MONEY_OPERATIONS.c.is_open))
    )
    wrong = []
    for one in milestones:
        kept = [
            row for row in payments[one["id"]] if row["paid"] and row["state"] not in GONE and not row["refuse_reason"]
        ]
        open_operations = 1 if one["state"] in ("funding", "settling") else 0
        if operations[one["id"]] != open_operations:
            wrong.append(f"{one['id']} is {one['state']} with {operations[one['id']]} open money operations")
        if one["state"] in HOLDING:
            fits = [row["paid"] for row in kept if row["state"] == "held"] == [one["held"]] == [one["amount"]]
        elif one["state"] == "settling":
            fits = [row["state"] for row in kept] == ["settling"] and bool(one["blocked_reason"])
        elif one["state"] in SETTLED:
            fits = [row["state"] for row in kept] == ["settled"] and _delivered(one, settlements[kept[0]["id"]])
        else:
            fits = not kept and one["held"] == 0
        if not fits:
            paid = [(row["id"], row["state"], row["paid"]) for row in kept]
            wrong.append(f"{one['id']} is {one['state']}, holds {one['held']} of {one['amount']}; payments: {paid}")
    return wrong


def _delivered(milestone: Row, settlement: Row) -> bool:
    parts = (settlement["to_freelancer"], settlement["to_client"])
    state = "split" if all(parts) else "released" if parts[0] else "refunded"
    return (
        milestone["held"] == 0
        and milestone["state"] == state
        and sum(parts) == milestone["amount"]
        and milestone["paid"] == settlement["to_freelancer"]
        and settlement["state"] == "completed"
    )


async def _of_the_notices(sight: Sight) -> list[str]:
    """Nobody was told the same fact twice, and no card stands in a chat twice."""
    notices = await sight.rows("notifications", sa.select(NOTIFICATIONS))
    cards = await sight.rows("notifications", sa.select(MESSAGES).where(MESSAGES.c.event_id.is_not(None)))
    told = Counter((one["user_id"], one["event_id"]) for one in notices)
    facts = Counter(
        (one["user_id"], one["kind"], one["subject_id"]) for one in notices if one["kind"] in ONCE_PER_SUBJECT
    )
    shown = Counter((one["conversation_id"], one["event_id"]) for one in cards)
    return [f"told {times} times: {what}" for many in (told, facts, shown) for what, times in many.items() if times > 1]
