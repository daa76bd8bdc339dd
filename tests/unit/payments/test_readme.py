"""The README's diagrams are those of the transition tables."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from skillscoop_payments.domain import payment, settlement

README = Path(__file__).resolve().parents[3] / "services" / "payments" / "README.md"


def diagram(transitions: Mapping[type, tuple[frozenset[str], str]], order: list[str]) -> str:
    lines = ["stateDiagram-v2"]
    for fact, (origins, target) in transitions.items():
        words = re.sub(r"(?<!^)(?=[A-Z])", " ", fact.__name__).lower()
        lines += [f"    {origin} --> {target}: {words}" for origin in order if origin in origins and origin != target]
    return "\n".join(lines)


STATES = ["created", "requires_action", "processing", "failed", "canceled", "held", "settling"]
LEGS = ["waiting", "sent", "pending", "done", "failed"]


@pytest.mark.parametrize(
    "drawn", [diagram(payment.TRANSITIONS, STATES), diagram(settlement.LEG_TRANSITIONS, LEGS)], ids=["payment", "leg"]
)
def test_the_diagram_is_fresh(drawn: str) -> None:
    assert drawn in README.read_text(), f"put this into {README.name}:\n{drawn}"
