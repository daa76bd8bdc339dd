"""The generated part of the services' READMEs: state diagrams, and what contracts says, hears and waits for."""

from pathlib import Path

from skillscoop_chassis.diagram import state_diagram
from skillscoop_contracts.domain import diagram as contracts
from skillscoop_contracts.domain.contract import FINAL, OVER
from skillscoop_contracts.domain.table import TRANSITIONS
from skillscoop_contracts.usecases import timer_of
from skillscoop_disputes.domain import moves as disputes
from skillscoop_messages.registry import ENTRIES, EVENTS, SUBSCRIPTIONS
from skillscoop_reviews.domain import window as reviews

BEGIN, END = "<!-- made from the code -->\n", "<!-- end -->\n"


def readmes(root: Path) -> dict[Path, str]:
    """The READMEs below `root` with their generated parts made anew, by their path from `root`.

    What people wrote around that part stays. A README that is not there is left out.
    """
    parts = {
        Path("services/contracts/README.md"): _contracts(),
        Path("services/disputes/README.md"): _fenced(
            state_diagram("opening: file", disputes.arrows(), disputes.last_states())
        ),
        Path("services/reviews/README.md"): _fenced(
            state_diagram("waiting: contract created", reviews.arrows(), reviews.last_states())
        ),
    }
    return {
        path: with_part((root / path).read_text(encoding="utf-8"), part)
        for path, part in parts.items()
        if (root / path).exists()
    }


def with_part(text: str, part: str) -> str:
    """`text` with what stands between the two marks replaced by `part`. Raises ValueError without both marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("a README with a generated part says where it begins and ends")
    return head + BEGIN + part + END + tail


def _fenced(diagram: str) -> str:
    return f"```mermaid\n{diagram}\n```\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _contracts() -> str:
    said = [entry for entry in ENTRIES if entry.publisher == "contracts"]
    heard = [one for name, one in SUBSCRIPTIONS.items() if name.startswith("contracts.")]
    lines = [
        "## A contract\n",
        "`revising` is an active contract with a revision that waits for the freelancer.\n",
        _fenced(state_diagram("draft", contracts.arrows("contract"), OVER)),
        "## A milestone\n",
        _fenced(state_diagram("planned", contracts.arrows("milestone"), FINAL)),
        "## Events out\n",
        *(f"- `{entry.type}`: {_first_line(entry.event.__doc__)}" for entry in said),
        "\n## Events in\n",
        *(f"- `{one.name}`: {', '.join(f'`{name}`' for name in one.types if name in EVENTS)}" for one in heard),
        "\n## Timers\n",
        *(
            f"- `{timer_of(one)}`: {_first_line(one.__doc__)}"
            for one, row in TRANSITIONS.items()
            if row.kind == "timer"
        ),
    ]
    return "\n".join(lines) + "\n"
