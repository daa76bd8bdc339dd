"""State diagrams for documents."""

from skillscoop_chassis.diagram import state_diagram


def test_arrows_between_the_same_states_are_one_with_all_labels() -> None:
    """Given two ways from one state to another, when the diagram is drawn, then one arrow carries both labels."""
    arrows = [("open", "closed", "finish"), ("open", "open", "note"), ("open", "closed", "lapse")]

    assert state_diagram("open: file", arrows, {"withdrawn", "closed"}) == (
        "stateDiagram-v2\n"
        "    [*] --> open: file\n"
        "    open --> closed: finish, lapse\n"
        "    open --> open: note\n"
        "    closed --> [*]\n"
        "    withdrawn --> [*]"
    )
