"""The problems that the domain's errors become, and their codes."""

from skillscoop_chassis.http.problems import Problem, conflict, not_found, register_codes

from skillscoop_reviews.domain.window import Hidden, Refusal, Window

register_codes(
    {
        "window_not_open": (
            409,
            "Reviews cannot be written now",
            "Reviews are written while the window is open: from the contract's end for as long as its policy says, or "
            "until both sides have written.",
        ),
    }
)


def problem_of(refusal: Refusal, window: Window) -> Problem:
    """What the domain's refusal is over HTTP."""
    if isinstance(refusal, Hidden):
        return not_found()
    return conflict(
        "window_not_open",
        "Reviews can only be written while the review window is open.",
        state=window.state.value,
        version=window.version,
        allowed=[],
    )
