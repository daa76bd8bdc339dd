"""Writes the generated part of this service's README: `python -m skillscoop_contracts.readme`."""

from pathlib import Path

from skillscoop_messages.registry import ENTRIES, EVENTS, SUBSCRIPTIONS

from skillscoop_contracts.domain.diagram import mermaid
from skillscoop_contracts.domain.table import TRANSITIONS
from skillscoop_contracts.usecases import timer_of

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- made from the code -->\n", "<!-- end -->\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def generated() -> str:
    """State diagrams from the transition table, events and queues from the registry."""
    said = [entry for entry in ENTRIES if entry.publisher == "contracts"]
    heard = [one for name, one in SUBSCRIPTIONS.items() if name.startswith("contracts.")]
    lines = [
        "## A contract\n",
        "`revising` is an active contract with a revision that waits for the freelancer.\n",
        f"```mermaid\n{mermaid('contract')}\n```\n",
        "## A milestone\n",
        f"```mermaid\n{mermaid('milestone')}\n```\n",
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


def fresh(text: str) -> str:
    """The README with its generated part made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + generated() + END + tail


if __name__ == "__main__":
    README.write_text(fresh(README.read_text(encoding="utf-8")), encoding="utf-8")
