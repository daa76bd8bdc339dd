"""The transition table: every transition of every noun, and how each fact changes the state. The rest is read from it.

`decide` looks commands up here; `next` and `allowed` list the open transitions; timers are scheduled and fired from it;
the README's diagrams are drawn from it.
"""

from typing import Any

from skillscoop_contracts.domain import agreement, completion, delivery, disputes, drafting, funding
from skillscoop_contracts.domain.transition import Application, Transition

Command = (
    drafting.Command
    | agreement.Command
    | funding.Command
    | delivery.Command
    | disputes.Command
    | completion.Command
)  # fmt: skip
Fact = (
    drafting.Fact
    | agreement.Fact
    | funding.Fact
    | delivery.Fact
    | disputes.Fact
    | completion.Fact
)  # fmt: skip
Facts = list[Fact]

TRANSITIONS: dict[type[Any], Transition] = {
    **drafting.TRANSITIONS,
    **agreement.TRANSITIONS,
    **funding.TRANSITIONS,
    **delivery.TRANSITIONS,
    **disputes.TRANSITIONS,
    **completion.TRANSITIONS,
}
"""By type of command."""

APPLICATIONS: dict[type[Any], Application] = {
    **drafting.APPLICATIONS,
    **agreement.APPLICATIONS,
    **funding.APPLICATIONS,
    **delivery.APPLICATIONS,
    **disputes.APPLICATIONS,
    **completion.APPLICATIONS,
}
"""By type of fact. A contract that was just drafted is its own fact's content, so that one needs none."""
