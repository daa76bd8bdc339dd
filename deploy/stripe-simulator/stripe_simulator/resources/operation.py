"""What an operation of the API is: an address, its parameters and the function that plays it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stripe_simulator.errors import Json, bad_parameter
from stripe_simulator.parameters import PAGE, Table
from stripe_simulator.store import Transaction


@dataclass(frozen=True)
class Call:
    """One call in its transaction: checked parameters, ids from the path, and whose account it concerns."""

    tx: Transaction
    params: Json
    ids: dict[str, str] = field(default_factory=dict)
    account: str = ""
    path: str = ""

    def __getitem__(self, name: str) -> Any:
        return self.params.get(name)


@dataclass(frozen=True)
class Operation:
    """An address such as `/v1/transfers/{id}` with its table of parameters.

    `for_browsers`: a publishable key may call it when it shows the object's client secret.
    `for_accounts`: it may be called for a connected account with `Stripe-Account`.
    """

    method: str
    path: str
    play: Callable[[Call], Json]
    params: Table = field(default_factory=dict)
    for_browsers: bool = False
    for_accounts: bool = False


def nulls(names: str) -> Json:
    """Fields, named in one text, that an object has without a value."""
    return dict.fromkeys(names.split())


def retrieval(path: str, kind: str, param: str = "id", **flags: bool) -> Operation:
    """The plain GET of one object; its id is the only one in the path."""

    def play(call: Call) -> Json:
        return call.tx.need(kind, next(iter(call.ids.values())), param, call.account)

    return Operation("GET", path, play, {"expand": "texts"}, **flags)


def listing(path: str, kind: str, *filters: str, dated: bool = True, **flags: bool) -> Operation:
    """The plain GET of a list, newest first, filtered by linked fields and, when `dated`, by creation time."""

    def play(call: Call) -> Json:
        return page(call, kind, **{name: call[name] for name in filters})

    table: Table = {**PAGE, **({"created": "range"} if dated else {}), **dict.fromkeys(filters, "text")}
    return Operation("GET", path, play, table, **flags)


def page(call: Call, kind: str, where: str = "", account: str | None = None, **equal: str | None) -> Json:
    """A v1 list object for the call's cursor parameters. Raises Refusal for a limit above 100 or an unknown cursor."""
    limit = call["limit"] or 10
    if limit > 100:
        raise bad_parameter("limit is 1 to 100.", code="parameter_invalid_integer", param="limit")
    owner = call.account if account is None else account
    for name in ("starting_after", "ending_before"):
        if call[name]:
            call.tx.need(kind, call[name], name, owner)
    found = call.tx.find(
        kind,
        owner,
        limit=limit + 1,
        after=call["starting_after"],
        before=call["ending_before"],
        created=call["created"],
        where=where,
        **equal,
    )
    data = found[-limit:] if call["ending_before"] else found[:limit]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": call.path}
