"""State diagrams in the Mermaid language, for documents."""

from collections.abc import Iterable


def state_diagram(first: str, arrows: Iterable[tuple[str, str, str]], last: Iterable[str]) -> str:
    """A Mermaid state diagram, without a line break at its end.

    `first` is the state that everything begins in, with how it began where that says something (`opening: file`).
    `arrows` are (from, to, label); arrows between the same states become one with all their labels. `last` are the
    states in which it ends.
    """
    labels: dict[tuple[str, str], list[str]] = {}
    for start, end, label in arrows:
        labels.setdefault((start, end), []).append(label)
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {start} --> {end}: {', '.join(all_of)}" for (start, end), all_of in labels.items()]
    lines += [f"    {state} --> [*]" for state in sorted(last)]
    return "\n".join(lines)
