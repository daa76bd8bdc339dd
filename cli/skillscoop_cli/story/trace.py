"""The events behind the calls: who said what, which queues it went to, and what became of it there.

Read from operators' routes alone, so it works wherever those can be reached.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from skillscoop_messages.registry import SERVICES
from skillscoop_messages.topology import listeners

from skillscoop_cli.story.client import Api
from skillscoop_cli.story.people import Person
from skillscoop_cli.story.record import Followed

SETTLE_SECONDS = 5.0
"""How long a step waits for the queues it set in motion before it is told with some of them still waiting."""


def fate(stories: Mapping[str, Mapping[str, Any]], event_id: str, event_type: str) -> dict[str, str]:
    """What became of an event in each queue it went to: `handled`, `waiting` or `parked`. `stories` by service."""
    queues: dict[str, str] = {}
    for queue in listeners(event_type):
        story = stories.get(queue.partition(".")[0], {})
        mark = (queue, event_id)
        handled = any((row["subscriber"], row["message_id"]) == mark for row in story.get("handled", ()))
        parked = any(
            (row["subscriber"], row["message_id"], row["state"]) == (*mark, "parked")
            for row in story.get("scheduled", ())
        )
        queues[queue] = "handled" if handled else "parked" if parked else "waiting"
    return queues


@dataclass(slots=True)
class Tracer:
    """Remembers which events were told already, so each step tells only its own."""

    api: Api
    operator: Person
    told: set[str] = field(default_factory=set)

    async def followed(self, ids: Iterable[str]) -> list[Followed]:
        """Events that name one of `ids` and were not told yet, in order, once their queues have settled."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            found = await self._look(tuple(ids))
            settled = all("waiting" not in event.queues.values() for event in found)
            if settled or time.monotonic() > deadline:
                self.told.update(event.id for event in found)
                return found
            await asyncio.sleep(0.03)

    async def _look(self, ids: tuple[str, ...]) -> list[Followed]:
        events: dict[str, tuple[str, str, str]] = {}
        for id_ in ids:
            for service, story in (await self._stories(id_, ())).items():
                for row in story["data"]:
                    if row["id"] not in self.told:
                        events[row["id"]] = (row["recorded_at"], row["type"], service)
        stories = await self._stories(ids[0], tuple(events)) if events else {}
        ordered = sorted(events.items(), key=lambda item: (item[1][0], item[0]))
        return [
            Followed(event_id, event_type, service, fate(stories, event_id, event_type))
            for event_id, (_, event_type, service) in ordered
        ]

    async def _stories(self, id_: str, messages: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
        query = "?" + "&".join(f"messages={message}" for message in messages[:100]) if messages else ""
        paths = [f"/v1/admin/{service}/story/{quote(id_, safe='')}{query}" for service in SERVICES]
        answers = await asyncio.gather(*(self.api.look(self.operator, path) for path in paths))
        empty: Mapping[str, Any] = {"data": [], "scheduled": [], "handled": []}
        return {
            service: answer.body if answer is not None else empty
            for service, answer in zip(SERVICES, answers, strict=True)
        }
