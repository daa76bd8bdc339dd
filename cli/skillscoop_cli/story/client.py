"""HTTP as a careful front end speaks it: a key on every command, patience with a server that is just starting again."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from skillscoop_cli.failures import CheckFailed
from skillscoop_cli.story.patience import Patience
from skillscoop_cli.story.people import Person

T = TypeVar("T")
Route = Callable[[str], str]
"""Base address for a path."""

_COMING_BACK = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what it was answered. `retried` says that an earlier attempt of it got lost."""

    who: str
    method: str
    path: str
    status: int
    body: Any
    headers: Mapping[str, str]
    milliseconds: float
    retried: bool

    @property
    def etag(self) -> str:
        """The version to name in `If-Match`."""
        return self.headers.get("etag", "*")

    def __getitem__(self, name: str) -> Any:
        """A field of the answer. Raises `CheckFailed` where it is missing."""
        if not isinstance(self.body, dict) or name not in self.body:
            raise CheckFailed(f"{self.method} {self.path} answered {self.status} without {name!r}: {_short(self.body)}")
        return self.body[name]

    def get(self, name: str) -> Any:
        """A field of the answer, `None` where it is missing."""
        return self.body.get(name) if isinstance(self.body, dict) else None


@dataclass(slots=True)
class Api:
    """Calls on behalf of people. `patience` says how long it waits for anything; `seen` gets every call made."""

    http: httpx2.AsyncClient
    route: Route
    patience: Patience = field(default_factory=Patience)
    seen: list[Call] = field(default_factory=list)

    async def call(
        self,
        who: Person | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int | tuple[int, ...] = 200,
        match: str | None = None,
        key: str | None = None,
        until_not: tuple[int, ...] = (),
    ) -> Call:
        """One call that must be answered with `expect`.

        Lost connections and servers coming back are tried again with the same key, so nothing happens twice.
        `until_not` names answers that mean "the news has not arrived here yet". Raises `CheckFailed`.
        """
        key = key or (f"walk-{uuid.uuid4()}" if method == "POST" else None)
        wanted = (expect,) if isinstance(expect, int) else expect
        began = time.monotonic()
        pause, retried = 0.02, False
        while True:
            answer, trouble = await self._once(who, method, path, body, match, key, retried)
            if answer is not None:
                trouble = f"{answer.status} {_short(answer.body)}"
                busy = answer.status == 409 and answer.get("code") == "idempotency_key_in_use"
                lost = answer.status in _COMING_BACK and answer.status not in wanted
                if answer.status in wanted:
                    self.seen.append(answer)
                    return answer
                if not (busy or lost or answer.status in until_not):
                    break
                retried = retried or lost
            else:
                retried = True
            if self.patience.over(began):
                trouble = f"{trouble} (after {time.monotonic() - began:.0f} s of trying)"
                break
            await asyncio.sleep(pause)
            pause = min(pause * 1.6, 0.4)
        if answer is not None:
            self.seen.append(answer)
        name = who.name if who else "nobody"
        where = f"{method} {self.route(path)}{path}"
        raise CheckFailed(f"{name}: {where} should be answered {' or '.join(map(str, wanted))}: {trouble}")

    async def _once(
        self, who: Person | None, method: str, path: str, body: Any, match: str | None, key: str | None, retried: bool
    ) -> tuple[Call | None, str]:
        headers = {"Accept": "application/json"}
        if who is not None:
            headers["Authorization"] = f"Bearer {who.token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        if match is not None:
            headers["If-Match"] = match
        started = time.monotonic()
        try:
            response = await self.http.request(method, self.route(path) + path, json=body, headers=headers)
        except httpx2.TransportError as error:
            return None, f"no answer from {self.route(path)} ({type(error).__name__})"
        try:
            content = response.json() if response.content else None
        except ValueError:
            content = response.text
        self.patience.answered.append(time.monotonic() - started)
        taken = self.patience.answered[-1] * 1_000
        name = who.name if who else "anyone"
        return Call(name, method, path, response.status_code, content, response.headers, taken, retried), ""

    async def look(self, who: Person | None, path: str) -> Call | None:
        """A quiet GET that may find nothing (yet): `None` for any answer but 200."""
        answer, _ = await self._once(who, "GET", path, None, None, None, False)
        return answer if answer is not None and answer.status == 200 else None

    async def until(self, what: str, probe: Callable[[], Awaitable[T | None]], seconds: float | None = None) -> T:
        """Ask again and again until `probe` answers something. Raises `CheckFailed` naming `what` when time is up."""
        patience = self.patience if seconds is None else Patience(seconds, self.patience.answered)
        began = time.monotonic()
        pause = 0.015
        while True:
            found = await probe()
            if found is not None:
                return found
            if patience.over(began):
                raise CheckFailed(f"waited {time.monotonic() - began:.0f} s in vain: {what}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.15)

    async def until_state(
        self, who: Person, path: str, *states: str, also: Callable[[Call], bool] | None = None
    ) -> Call:
        """Wait until the object at `path` is in one of `states` (and `also` holds)."""
        last: list[Call] = []

        async def probe() -> Call | None:
            found = await self.look(who, path)
            if found is None:
                return None
            last[:] = [found]
            return found if found.get("state") in states and (also is None or also(found)) else None

        try:
            return await self.until(f"{self.route(path)}{path} to be {' or '.join(states)}", probe)
        except CheckFailed as error:
            seen = {name: last[0].get(name) for name in ("state", "blocked_reason", "failure_reason")} if last else None
            raise CheckFailed(f"{error}; last seen: {seen or 'nothing'}") from None


def _short(body: Any) -> str:
    if isinstance(body, dict) and "code" in body:
        errors = "; ".join(f"{error.get('pointer')} {error.get('code')}" for error in body.get("errors") or [])
        return f"{body['code']}: {body.get('detail') or body.get('title')}{f' ({errors})' if errors else ''}"
    return str(body)[:200]
