"""Finding out whether an earlier try of a call made its object: a page at a time, narrowed as far as Stripe allows.

Lists are consistent at once, which Stripe's search of metadata is not (up to an hour behind), so lists decide. Money is
looked for first, by the milestone's group or the payment it belongs to; what costs nothing, by the time it was made.
A search remembers where it is: `stage:last id`, or `found:subject:id` for what only has to be polled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from skillscoop_payments.adapters import stripe_snapshots
from skillscoop_payments.domain.operation import Done, Kind, NotThere, Operation, Searched, SearchGoesOn
from skillscoop_payments.domain.snapshots import Snapshot
from skillscoop_payments.gateway import Subject

if TYPE_CHECKING:
    import stripe

MARGIN = timedelta(hours=1)
"""How far Stripe's clock and ours may be apart."""
BUDGET = 0.5
"""Seconds after which a search is put down until its next turn: one page more always fits into a lease."""

Json = dict[str, Any]
Page = tuple[list[Json], str | None]


@dataclass(frozen=True, slots=True)
class Stage:
    """One list to go through: a page of it after a cursor, and what an item that is ours means.

    `found` gives the object itself, or what to poll, as (subject, id).
    """

    name: str
    page: Callable[["stripe.StripeClient", Operation, str | None], Awaitable[Page]]
    found: Callable[[Json], Snapshot | tuple[Subject, str] | None]


async def search(
    client: "stripe.StripeClient",
    poll: Callable[[Subject, str], Awaitable[Snapshot | None]],
    operation: Operation,
) -> Searched:
    """Go on with the search of an operation's object for a moment. Errors of the SDK pass through."""
    if operation.search_cursor and operation.search_cursor.startswith("found:"):
        return await _polled(poll, *operation.search_cursor.split(":", 2)[1:])
    if operation.kind == "close_payment":
        return await _closed(poll, operation.parameters)
    ends = asyncio.get_running_loop().time() + BUDGET
    stages = STAGES[operation.kind]
    name, _, after = (operation.search_cursor or "").partition(":")
    at = next((number for number, stage in enumerate(stages) if stage.name == name), 0)
    while True:
        items, following = await stages[at].page(client, operation, after or None)
        for item in items:
            if stripe_snapshots.origin(item).operation_id != operation.id:
                continue
            found = stages[at].found(item)
            if isinstance(found, tuple):
                return SearchGoesOn("found:" + ":".join(found))
            if found is not None:
                return Done(found)
        if following is None:
            at += 1
            if at == len(stages):
                return NotThere()
        after = following or ""
        if asyncio.get_running_loop().time() > ends:
            return SearchGoesOn(f"{stages[at].name}:{after}")


async def _polled(poll: Callable[[Subject, str], Awaitable[Snapshot | None]], subject: Any, ref: str) -> Searched:
    snapshot = await poll(subject, ref)
    return NotThere() if snapshot is None else Done(snapshot)


async def _closed(
    poll: Callable[[Subject, str], Awaitable[Snapshot | None]], parameters: Mapping[str, Any]
) -> Done | NotThere:
    """Whether the payment has ended; if not, it may be asked for once more."""
    subject: Subject = "checkout" if "checkout" in parameters else "payment"
    snapshot = await poll(subject, str(next(iter(parameters.values()))))
    return (
        Done(snapshot) if snapshot is not None and getattr(snapshot, "status", None) in ("paid", "dead") else NotThere()
    )


def _list(
    service: Callable[["stripe.StripeClient"], Any], narrowed: Callable[[Operation], Json]
) -> Callable[["stripe.StripeClient", Operation, str | None], Awaitable[Page]]:
    """A v1 list, newest first, 100 at a time."""

    async def page(client: "stripe.StripeClient", operation: Operation, after: str | None) -> Page:
        asked = {**narrowed(operation), "limit": 100, **({"starting_after": after} if after else {})}
        answer = (await service(client).list_async(asked)).to_dict()
        items = [dict(one) for one in answer["data"]]
        return items, str(items[-1]["id"]) if answer["has_more"] and items else None

    return page


async def _recipients(client: "stripe.StripeClient", operation: Operation, after: str | None) -> Page:
    """Connected accounts: Stripe narrows them by nothing but their configuration."""
    asked: Any = {"limit": 100, "applied_configurations": ["recipient"], **({"page": after} if after else {})}
    answer = (await client.v2.core.accounts.list_async(asked)).to_dict()
    following = answer.get("next_page_url")
    token = parse_qs(urlsplit(following).query).get("page", [""])[0] if following else ""
    return [dict(one) for one in answer["data"]], token or None


def _group(operation: Operation) -> Json:
    return {"transfer_group": _group_of(operation)}


def _group_of(operation: Operation) -> Any:
    inner = operation.parameters.get("payment_intent_data") or operation.parameters
    return inner["transfer_group"]


def _made_since(operation: Operation) -> Json:
    return {"created": {"gte": int((operation.created_at - MARGIN).timestamp())}}


def _intent_of(charge: Json) -> tuple[Subject, str] | None:
    return ("payment", str(charge["payment_intent"])) if charge.get("payment_intent") else None


STAGES: Mapping[Kind, tuple[Stage, ...]] = {
    "create_intent": (
        Stage("charges", _list(lambda client: client.v1.charges, _group), _intent_of),
        Stage(
            "intents", _list(lambda client: client.v1.payment_intents, _made_since), lambda one: ("payment", one["id"])
        ),
    ),
    "create_checkout": (
        Stage(
            "sessions",
            _list(lambda client: client.v1.checkout.sessions, _made_since),
            lambda one: ("checkout", one["id"]),
        ),
    ),
    "create_transfer": (
        Stage("transfers", _list(lambda client: client.v1.transfers, _group), stripe_snapshots.transfer),
    ),
    "create_refund": (
        Stage(
            "refunds",
            _list(
                lambda client: client.v1.refunds,
                lambda operation: {"payment_intent": operation.parameters["payment_intent"]},
            ),
            stripe_snapshots.refund,
        ),
    ),
    "create_recipient": (Stage("accounts", _recipients, lambda one: ("account", one["id"])),),
}
"""Where to look for the object of each kind of call, one list after the other."""
