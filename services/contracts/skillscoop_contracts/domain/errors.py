"""What a decision may be refused with. Each names itself with a stable code that people and programs see.

DomainError
├── Forbidden           the other party may do this, this one may not
├── IllegalTransition   this does not start in this state
├── Refused             the state is right, something else is in the way
├── InvalidTerms        the terms themselves break a rule
├── ImpossibleDelivery  payments says a decision was delivered to nobody
└── UnknownObject       the command or event names something this contract has never had
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


class DomainError(Exception):
    """The root of all refusals."""


@dataclass(eq=False)
class Forbidden(DomainError):
    """`action` belongs to somebody else: the other party, or nobody who could ask for it over HTTP."""

    action: str


@dataclass(eq=False)
class IllegalTransition(DomainError):
    """`action` does not start in `state`; `subject_id` is the contract or milestone that stands there."""

    action: str
    state: str
    subject_id: str


@dataclass(eq=False)
class Refused(DomainError):
    """The state would allow it, but `code` is in the way; `extra` carries the current values."""

    code: str
    detail: str
    subject_id: str
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TermsProblem:
    """One broken rule: `pointer` is the JSON pointer of the field in the request that states the terms."""

    pointer: str
    code: str
    detail: str


@dataclass(eq=False)
class InvalidTerms(DomainError):
    """Terms that nobody could agree to, with every broken rule."""

    problems: tuple[TermsProblem, ...]


@dataclass(eq=False)
class UnknownObject(DomainError):
    """The command or event names `object_id`, which this contract has not had (yet), or which this user may not see."""

    object_id: str


class ImpossibleDelivery(DomainError):
    """Payments says a settlement was delivered to nobody; that needs an operator's eyes."""
