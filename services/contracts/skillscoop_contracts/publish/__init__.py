"""The one place where a fact of the domain becomes an event of the published language; one file per noun."""

from typing import Any

from skillscoop_messages.events.base import Event

from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.table import Facts
from skillscoop_contracts.publish import agreement, completion, delivery, disputes, drafting, funding
from skillscoop_contracts.publish.about import Builder

BUILDERS: dict[type[Any], Builder] = {
    **drafting.BUILDERS,
    **agreement.BUILDERS,
    **funding.BUILDERS,
    **delivery.BUILDERS,
    **disputes.BUILDERS,
    **completion.BUILDERS,
}
"""By type of fact."""

TOLD_TO_NOBODY: frozenset[type[Any]] = drafting.TOLD_TO_NOBODY | funding.TOLD_TO_NOBODY
"""Facts that concern nobody else. A fact that stands neither here nor in BUILDERS is an error."""


def events_of(after: Contract, facts: Facts, by: By) -> list[Event]:
    """What others are told of these facts; `after` is the contract as all of them left it.

    Raises KeyError for a fact nobody decided about: whether others are told is never an accident.
    """
    told = [fact for fact in facts if type(fact) not in TOLD_TO_NOBODY]
    built = [BUILDERS[type(fact)](after, fact, by) for fact in told]
    return [event for event in built if event is not None]
