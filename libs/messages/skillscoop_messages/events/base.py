"""What every event has in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class ObjectRef(BaseModel):
    """The object an event changed, as of after the change. `version` rises by one with every change of that object."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    type: str
    id: str
    version: int
    state: str


class Event(BaseModel):
    """Something that happened, in the past tense. Frozen; strict when built; unknown fields are ignored when read.

    `type` is the full name with its major version, for example `contracts.milestone.funded.v1`; `root` names the
    field whose value is the subject: the id of the aggregate within which `sequence` counts.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    type: ClassVar[str]
    root: ClassVar[str]

    object: ObjectRef | None = None

    @property
    def subject(self) -> str:
        """The id of the root this event is about."""
        value: str = getattr(self, type(self).root)
        return value


class AboutContract(Event):
    """An event about a contract, from whichever service: it names the parties, so that nobody has to ask back."""

    root: ClassVar[str] = "contract_id"

    contract_id: str
    client_id: str
    freelancer_id: str
    title: str


class AboutMilestone(AboutContract):
    """An event about a milestone as the terms in force state it; `amount` is its price in minor units of `currency`."""

    milestone_id: str
    description: str
    amount: int
    currency: str
    revision: int
