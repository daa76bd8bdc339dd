"""The changes of state of the transition table, as arrows of a diagram."""

from typing import Literal

from skillscoop_contracts.domain.table import TRANSITIONS
from skillscoop_contracts.domain.transition import ANY_PHASE, ANY_STATE, Path, Transition


def arrows(of: Literal["contract", "milestone"]) -> list[tuple[str, str, str]]:
    """The changes of the contract's or a milestone's state: (from, to, `actor action`).

    What starts in every state and moves nothing is left out.
    """
    return [
        (start, end, f"{' or '.join(transition.actors)} {transition.action}")
        for transition in TRANSITIONS.values()
        for start, ends in _drawn(transition, of).items()
        for end in ends
    ]


def _drawn(transition: Transition, of: Literal["contract", "milestone"]) -> Path:
    if transition.of != of:
        return transition.milestones if of == "milestone" else {}
    return {} if transition.path in (ANY_PHASE, ANY_STATE) else transition.path
