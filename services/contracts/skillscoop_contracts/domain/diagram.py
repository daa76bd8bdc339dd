"""The state diagrams of the README, drawn from the transition table."""

from typing import Literal

from skillscoop_contracts.domain.contract import FINAL, OVER
from skillscoop_contracts.domain.table import TRANSITIONS
from skillscoop_contracts.domain.transition import ANY_PHASE, ANY_STATE, Path, Transition


def mermaid(of: Literal["contract", "milestone"]) -> str:
    """A Mermaid state diagram of the contract's or a milestone's states; each arrow is `actor: action`.

    What starts in every state and moves nothing is left out.
    """
    first, last = ("draft", OVER) if of == "contract" else ("planned", FINAL)
    arrows: dict[tuple[str, str], list[str]] = {}
    for transition in TRANSITIONS.values():
        label = f"{' or '.join(transition.actors)} {transition.action}"
        for start, ends in _drawn(transition, of).items():
            for end in ends:
                arrows.setdefault((start, end), []).append(label)
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {start} --> {end}: {', '.join(labels)}" for (start, end), labels in arrows.items()]
    lines += [f"    {state} --> [*]" for state in sorted(last)]
    return "\n".join(lines)


def _drawn(transition: Transition, of: Literal["contract", "milestone"]) -> Path:
    if transition.of != of:
        return transition.milestones if of == "milestone" else {}
    return {} if transition.path in (ANY_PHASE, ANY_STATE) else transition.path
