"""Terms: what is agreed, as one numbered revision. Their check, their hash, and the difference between two of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from skillscoop_messages.money import CURRENCIES

from skillscoop_contracts.domain.errors import InvalidTerms, TermsProblem
from skillscoop_contracts.domain.policy import Policy

MOST_MILESTONES = 50
FIELDS = ("description", "amount", "due_date", "criteria")
_LAST_TIME_ZONE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Line:
    """One milestone as terms state it: price in minor units, `due_date` as `YYYY-MM-DD`, acceptance criteria."""

    id: str
    description: str
    amount: int
    due_date: str | None = None
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """The title and the milestones of one revision, in their order, in one currency."""

    title: str
    currency: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """The sum of all prices in minor units."""
        return sum(line.amount for line in self.lines)

    def line(self, milestone_id: str) -> Line | None:
        """The milestone with this id, where these terms have it."""
        return next((line for line in self.lines if line.id == milestone_id), None)


def terms_hash(contract_id: str, terms: Terms) -> str:
    """What both parties agree on, as one fingerprint they can compute themselves.

    Lower-case hex SHA-256 of UTF-8 JSON with sorted keys and no spaces: `contract_id, currency, title, milestones`,
    each milestone with `id, description, amount, due_date, criteria`, in order.
    """
    document = {
        "contract_id": contract_id,
        "currency": terms.currency,
        "title": terms.title,
        "milestones": [
            {
                "id": line.id,
                "description": line.description,
                "amount": line.amount,
                "due_date": line.due_date,
                "criteria": list(line.criteria),
            }
            for line in terms.lines
        ],
    }
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def today_anywhere(now: datetime) -> str:
    """The earliest calendar day that is still today somewhere on earth (UTC−12), as `YYYY-MM-DD`."""
    return (now - _LAST_TIME_ZONE).date().isoformat()


def check_terms(terms: Terms, known: Mapping[str, Line], policy: Policy, now: datetime) -> None:
    """Refuse terms nobody could agree to; `known` are the lines they start from, by id.

    Rules: 1 to 50 milestones; a currency we handle; each price between the currency's minimum and maximum, in its
    steps, and larger than its own fee; a due date that is new must not lie in the past. Raises InvalidTerms with all.
    """
    currency = CURRENCIES.get(terms.currency)
    if currency is None:
        raise InvalidTerms((TermsProblem("/currency", "currency_unknown", "This currency is not supported."),))
    problems: list[TermsProblem] = []
    if not 1 <= len(terms.lines) <= MOST_MILESTONES:
        problems.append(
            TermsProblem("/milestones", "milestone_count", f"A contract has 1 to {MOST_MILESTONES} milestones.")
        )
    fee = policy.fee_rule(terms.currency)
    today = today_anywhere(now)
    for index, line in enumerate(terms.lines):
        at = f"/milestones/{index}"
        if line.amount < currency.minimum:
            detail = f"The smallest amount in {currency.code} is {currency.minimum} minor units."
            problems.append(TermsProblem(f"{at}/amount", "amount_too_small", detail))
        elif line.amount > currency.maximum:
            detail = f"The largest amount in {currency.code} is {currency.maximum} minor units."
            problems.append(TermsProblem(f"{at}/amount", "amount_too_large", detail))
        elif line.amount % currency.step:
            detail = f"Amounts in {currency.code} are multiples of {currency.step} minor units."
            problems.append(TermsProblem(f"{at}/amount", "amount_step", detail))
        elif line.amount <= fee.of(line.amount, terms.currency):
            detail = "The price must be larger than the fee on it."
            problems.append(TermsProblem(f"{at}/amount", "amount_within_fee", detail))
        before = known.get(line.id)
        if line.due_date and line.due_date < today and (before is None or before.due_date != line.due_date):
            problems.append(TermsProblem(f"{at}/due_date", "due_date_past", "The due date lies in the past."))
    if problems:
        raise InvalidTerms(tuple(problems))


@dataclass(frozen=True, slots=True)
class Change:
    """A milestone both revisions have, with the names of the fields that differ."""

    before: Line
    after: Line
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns one revision into another. `reordered` tells that milestones of both stand in another order."""

    added: tuple[Line, ...]
    dropped: tuple[Line, ...]
    changed: tuple[Change, ...]
    reordered: bool
    title: tuple[str, str] | None


def difference(before: Terms, after: Terms) -> Difference:
    """How `after` differs from `before`, milestone by milestone."""
    old = {line.id: line for line in before.lines}
    new = {line.id: line for line in after.lines}
    common = [(old[key], line) for key, line in new.items() if key in old]
    return Difference(
        added=tuple(line for key, line in new.items() if key not in old),
        dropped=tuple(line for key, line in old.items() if key not in new),
        changed=tuple(Change(a, b, fields) for a, b in common if (fields := changed_fields(a, b))),
        reordered=order_differs(list(old), list(new)),
        title=(before.title, after.title) if before.title != after.title else None,
    )


def changed_fields(before: Line, after: Line) -> tuple[str, ...]:
    """The names of the fields in which two statements of one milestone differ."""
    return tuple(name for name in FIELDS if getattr(before, name) != getattr(after, name))


def order_differs(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether the ids both sequences have stand in another order."""
    return [key for key in before if key in set(after)] != [key for key in after if key in set(before)]
