"""The story as a person reads it in a terminal, and the silence a machine prefers."""

from rich.console import Console
from rich.text import Text

from skillscoop_cli.story.client import Call
from skillscoop_cli.story.record import Followed, Outcome, Step

_MARKS = {"handled": ("✓", "green"), "waiting": ("…", "yellow"), "parked": ("parked", "bold red")}


class Silent:
    """Tells nothing; the outcome is printed as JSON at the end."""

    def chapter(self, title: str) -> None:
        """Nothing."""

    def step(self, step: Step) -> None:
        """Nothing."""

    def closing(self, outcome: Outcome) -> None:
        """Nothing."""


class Storyteller:
    """Tells every step on a console: what was called, what was answered, which events followed, what the money did."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def chapter(self, title: str) -> None:
        """A headline."""
        self._console.print()
        self._console.rule(Text(title, style="bold"), align="left", style="dim")

    def step(self, step: Step) -> None:
        """One line for the step, then its calls, events and ledger lines beneath it."""
        line = Text(f"{step.number:>2} ", style="bold cyan")
        line.append(step.title, style="bold")
        line.append(f"  {step.milliseconds:.0f} ms", style="dim")
        self._console.print(line)
        for call in step.calls:
            self._console.print(_call_line(call), soft_wrap=True)
        for event in step.events:
            self._console.print(_event_line(event), soft_wrap=True)
        if step.ledger:
            self._console.print(Text("     ledger  ", style="magenta").append(" · ".join(step.ledger), style="white"))
        for note in step.notes:
            self._console.print(Text(f"     {note}", style="italic"), soft_wrap=True)

    def closing(self, outcome: Outcome) -> None:
        """What held, and the last word."""
        self._console.print()
        if outcome.error:
            self._console.print(Text("✗ ", style="bold red").append(outcome.error), soft_wrap=True)
            return
        held = sum(check.ok for check in outcome.checks)
        self._console.print(
            Text(f"{held} of {len(outcome.checks)} checks held, {outcome.seconds:.1f} s", style="green")
        )
        totals = outcome.totals.get("platform")
        if totals:
            amounts = f"  {_amounts(totals['debits'])} = {_amounts(totals['credits'])}"
            self._console.print(Text("debits = credits", style="bold green").append(amounts, style="green"))


def _call_line(call: Call) -> Text:
    good = call.status < 400
    line = Text("     ")
    line.append(f"{call.who:<8}", style="blue")
    line.append(f"{call.method:<4} {call.path}  ")
    line.append(str(call.status), style="green" if good else "yellow")
    word = call.get("state") if good else call.get("code")
    if isinstance(word, str):
        line.append(f" {word}", style="dim")
    return line


def _event_line(event: Followed) -> Text:
    line = Text("     ↳ ", style="dim")
    line.append(event.type, style="cyan")
    for number, (queue, state) in enumerate(event.queues.items()):
        mark, style = _MARKS.get(state, (state, "dim"))
        line.append(" → " if number == 0 else ", ", style="dim").append(queue, style="dim").append(
            f" {mark}", style=style
        )
    return line


def _amounts(sums: object) -> str:
    from skillscoop_cli.story.ledger import shown

    if isinstance(sums, dict) and "currency" not in sums:
        return ", ".join(shown(int(amount), str(currency)) for currency, amount in sorted(sums.items()))
    return str(sums)
