"""Faults to order: the next N calls to an address go wrong in a chosen way."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from stripe_simulator.errors import Json, bad_parameter
from stripe_simulator.parameters import Table, check
from stripe_simulator.store import Transaction

KINDS = (
    "500_before",
    "500_after",
    "hang_before",
    "hang_after",
    "slow",
    "drop_before",
    "drop_after",
    "409",
    "429",
)

_TABLE: Table = {
    "path!": "text",
    "kind!": KINDS,
    "method": ("GET", "POST", "DELETE"),
    "times": "positive",
    "seconds": "positive",
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong; `seconds` is how long a hanging call hangs."""

    kind: str
    seconds: int


def order(tx: Transaction, given: Json) -> Json:
    """Add a fault: `path` with wildcards such as `/v1/transfers*`, `kind`, `method` (POST), `times` (1), `seconds`."""
    fault: Json = {"method": "POST", "times": 1, "seconds": 30} | check(_TABLE, given)
    if not fault["path"].startswith("/v"):
        raise bad_parameter("A fault's path begins with /v1 or /v2.", param="path")
    tx.set_meta("faults", [*tx.meta("faults", []), fault])
    return fault


def take(tx: Transaction, method: str, path: str) -> Fault | None:
    """The first ordered fault for this call, used up by one."""
    ordered = tx.meta("faults", [])
    for fault in ordered:
        if fault["method"] == method and fnmatchcase(path, fault["path"]):
            fault["times"] -= 1
            tx.set_meta("faults", [other for other in ordered if other["times"] > 0])
            return Fault(fault["kind"], fault["seconds"])
    return None
