"""The state diagrams of the README, drawn from the transition table."""

from typing import Literal

from skillscoop_contracts.domain.contract import FINAL, OVER
from skillscoop_contracts.domain.table import TRANSITIONS


def mermaid(of: Literal["contract", "milestone"]) -> str:
    """A Mermaid state diagram of the contract's or a milestone's states; each arrow is `actor: action`."""
    first, last = ("draft", OVER) if of == "contract" else ("planned", FINAL)
    arrows: dict[tuple[str, str], list[str]] = {}
    for transition in TRANSITIONS.values():
        if transition.of != of:
            continue
        for start, ends in transition.path.items():
            for end in ends:
                arrows.setdefault((start, end), []).append(f"{transition.actor} {transition.action}")
    if of == "milestone":
        # Dropping is no transition of the milestone itself: an approved revision leaves it out.
        arrows["planned", "dropped"] = ["freelancer approve"]
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {start} --> {end}: {', '.join(labels)}" for (start, end), labels in arrows.items()]
    lines += [f"    {state} --> [*]" for state in sorted(last)]
    return "\n".join(lines)
