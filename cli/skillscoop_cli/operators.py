"""Operators' hands: one place that knows the address, the token and how answers are told."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from skillscoop_messages.clock import wall_time
from skillscoop_messages.registry import SERVICES

from skillscoop_cli.addresses import clients_url, operators_address
from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.folder import chosen, existing_folder, running_address
from skillscoop_cli.issuer import issue, key_of
from skillscoop_cli.story.trace import fate
from skillscoop_cli.verbs.options import from_environment

LOOK_EVERY = 0.5
MESSAGES_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Desk:
    """Calls with an operator's token. Every method raises `CheckFailed` with what was answered instead."""

    http: httpx2.Client

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A GET that must succeed."""
        return self._called("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A command that must succeed, with a key of its own."""
        return self._called("POST", path, json=body, headers={"Idempotency-Key": f"operator-{uuid.uuid4()}"})

    def everywhere(self, what: str, service: str | None) -> list[dict[str, Any]]:
        """`parked` messages of every service, or of one."""
        rows: list[dict[str, Any]] = []
        for name in self._services(service):
            path = f"/v1/admin/{name}/{what}"
            answer = self.get(path, {"limit": 100})
            rows += [{"service": name, **row} for row in answer["data"]]
            while answer.get("next_cursor"):
                answer = self.get(path, {"limit": 100, "cursor": answer["next_cursor"]})
                rows += [{"service": name, **row} for row in answer["data"]]
        return rows

    def outbox(self, service: str | None) -> list[dict[str, Any]]:
        """What waits for the broker in every service, or in one, and what the broker confirmed last."""
        rows: list[dict[str, Any]] = []
        for name in self._services(service):
            answer = self.get(f"/v1/admin/{name}/outbox")
            for state in ("waiting", "published"):
                for row in answer["data" if state == "waiting" else "published"]:
                    rows.append({"service": name, "state": state, **row})
        return rows

    def story(self, id_: str) -> list[dict[str, Any]]:
        """Every event that names the id, oldest first, with what became of it in its queues; and operators' acts.

        Raises `CheckFailed` when no service knows of the id.
        """
        entries = self._events(id_)
        if not entries:
            raise CheckFailed(f"no service tells of {id_}")
        return entries

    def tail(self, id_: str) -> Iterator[dict[str, Any]]:
        """Events that name the id, those there are and then new ones as they come. Never ends by itself."""
        seen: set[str] = set()
        while True:
            for entry in self._events(id_):
                if entry["id"] not in seen:
                    seen.add(entry["id"])
                    yield entry
            time.sleep(LOOK_EVERY)

    def _services(self, service: str | None) -> Sequence[str]:
        if service is not None and service not in SERVICES:
            raise Refused(f"no service is called {service!r}; there are {', '.join(SERVICES)}")
        return (service,) if service else SERVICES

    def _events(self, id_: str) -> list[dict[str, Any]]:
        told = {service: self.get(f"/v1/admin/{service}/story/{quote(id_, safe='')}") for service in SERVICES}
        events = [{"service": service, **row} for service, story in told.items() for row in story["data"]]
        ids = [event["id"] for event in events]
        states: dict[str, dict[str, str]] = {}
        for start in range(0, len(ids), MESSAGES_AT_ONCE):
            part = events[start : start + MESSAGES_AT_ONCE]
            query = {"messages": [event["id"] for event in part]}
            found = {
                service: self.get(f"/v1/admin/{service}/story/{quote(id_, safe='')}", query) for service in SERVICES
            }
            states |= {event["id"]: fate(found, event["id"], event["type"]) for event in part}
        entries = [
            {
                "at": event["recorded_at"],
                "id": event["id"],
                "service": event["service"],
                "what": event["type"],
                "subject": event["subject"],
                "correlation_id": event["correlation_id"],
                "queues": states[event["id"]],
                "data": event["event"].get("data", {}),
            }
            for event in events
        ]
        entries += [
            {"at": act["at"], "id": f"{service}:{act['at']}:{act['action']}", "service": service, **_act(act)}
            for service, story in told.items()
            for act in story["audit"]
        ]
        return sorted(entries, key=lambda entry: (entry["at"], entry["id"]))

    def _called(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        try:
            answer = self.http.request(method, path, **how)
        except httpx2.TransportError as error:
            raise CheckFailed(
                f"nothing answers at {self.http.base_url} ({type(error).__name__}); start it, or name it with --url"
            ) from error
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if answer.status_code >= 300 or not isinstance(body, dict):
            told = f"{body.get('code')}: {body.get('detail')}" if isinstance(body, dict) and "code" in body else ""
            raise CheckFailed(f"{method} {answer.request.url} answered {answer.status_code} {told}".rstrip())
        return body


def _act(act: Mapping[str, Any]) -> dict[str, Any]:
    return {"what": f"{act['action']} by {act['actor']}", "reason": act["reason"], "queues": {}}


@contextmanager
def desk(url: str | None, token: str | None, data: Path | None, user: str) -> Iterator[Desk]:
    """A desk at `url` (else $SKILLSCOOP_URL, else what runs on the data folder, else a gateway's usual ports).

    `token` is the caller's, else $SKILLSCOOP_TOKEN, else one of the folder's issuer for `user`. Raises `Refused` when
    there is no token to be had.
    """
    folder = existing_folder(chosen(data))
    named = from_environment(url, "SKILLSCOOP_URL") or running_address(folder) or clients_url()
    pass_ = from_environment(token, "SKILLSCOOP_TOKEN")
    if pass_ is None:
        if folder is None or not folder.key.exists():
            raise Refused("no token: name one with --token or $SKILLSCOOP_TOKEN, or the data folder with --data")
        pass_ = issue(key_of(folder), user, ["ops"], timedelta(minutes=15), wall_time())
    headers = {"Authorization": f"Bearer {pass_}"}
    there = operators_address(named, headers)
    with httpx2.Client(base_url=there, headers=headers, timeout=15.0, trust_env=False) as http:
        yield Desk(http)


def owner_of_parked(parked_id: str) -> str:
    """The service where a parked message lies. Raises `Refused` for what is no id of one."""
    service, dot, _ = parked_id.partition(".")
    if service not in SERVICES or not dot or ":" not in parked_id:
        raise Refused(f"{parked_id!r} is no parked message: they are called <service>.<subscriber>:<message id>")
    return service


def story_line(entry: Mapping[str, Any]) -> str:
    """One line of a story."""
    queues = ", ".join(f"{queue} {'✓' if state == 'handled' else state}" for queue, state in entry["queues"].items())
    reason = f"  ({entry['reason']})" if entry.get("reason") else ""
    return f"{str(entry['at'])[:23].replace('T', ' ')}  {entry['what']:<46}{'→ ' + queues if queues else ''}{reason}"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows in columns; columns that hold nothing, or whole objects, are left out."""
    if not rows:
        return "nothing"
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name != "object" and any(isinstance(row.get(name), str | int) and row.get(name) != "" for row in rows)
    ]
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[column]) for line in cells)) for column, name in enumerate(names)]
    lines = [names, *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:59] + "…"
