"""What a walk leaves behind: steps, checks and totals, for a reader or for a machine."""

from dataclasses import dataclass, field
from typing import Any

from skillscoop_cli.story.client import Call


@dataclass(frozen=True, slots=True)
class Followed:
    """An event that followed a step: its type, who said it, and the queues it went to with what became of it there.

    `queues` maps a queue's name to `handled`, `waiting` or `parked`.
    """

    id: str
    type: str
    publisher: str
    queues: dict[str, str]


@dataclass(slots=True)
class Step:
    """One step of the trace, as it happened. `ledger` holds lines, `notes` what was seen along the way."""

    number: int
    chapter: str
    title: str
    calls: list[Call] = field(default_factory=list)
    events: list[Followed] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    milliseconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The step as JSON."""
        return {
            "number": self.number,
            "chapter": self.chapter,
            "title": self.title,
            "milliseconds": round(self.milliseconds, 1),
            "calls": [
                {
                    "who": call.who,
                    "method": call.method,
                    "path": call.path,
                    "status": call.status,
                    **({"code": call.get("code")} if call.status >= 400 else {}),
                    "milliseconds": round(call.milliseconds, 1),
                }
                for call in self.calls
            ],
            "events": [{"type": event.type, "queues": event.queues} for event in self.events],
            "ledger": self.ledger,
            "notes": self.notes,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """Something that had to hold, and whether it did."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(slots=True)
class Outcome:
    """The whole walk. `ok` only when every check held, none was left out and nothing went wrong; `seconds` is the walk
    alone."""

    url: str
    steps: list[Step] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    totals: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0
    people: dict[str, str] = field(default_factory=dict)
    contract_id: str = ""

    @property
    def ok(self) -> bool:
        """Whether all of it held."""
        return self.error is None and not self.left_out and bool(self.checks) and all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The walk as JSON."""
        return {
            "ok": self.ok,
            "url": self.url,
            "contract_id": self.contract_id,
            "seconds": round(self.seconds, 3),
            "error": self.error,
            "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in self.checks],
            "left_out": self.left_out,
            "totals": self.totals,
            "people": self.people,
            "steps": [step.as_dict() for step in self.steps],
        }
