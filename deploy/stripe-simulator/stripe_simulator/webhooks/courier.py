"""Delivers what stands in `deliveries`, again and again until the endpoint answers 2xx.

A delivery is marked after the answer, so one that a crash interrupts goes out again at the next start.
"""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass

import httpx2

from stripe_simulator import clock
from stripe_simulator.resources.events import payload
from stripe_simulator.store import Store, Transaction
from stripe_simulator.webhooks import signature

_log = logging.getLogger("stripe_simulator")

AT_ONCE = 20
"""Deliveries on their way at the same time."""

_TIMER_CHECK = 1.0
"""Seconds of wall time after which a played clock is noticed at the latest."""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint; `attempts` made so far, `created` in wall seconds."""

    id: int
    attempts: int
    created: float
    url: str
    secret: str
    body: str


class Courier:
    """Sends due deliveries and lets due timers fire while nobody calls."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settings = store.settings
        self._wake = asyncio.Event()
        self._on_their_way: set[int] = set()

    def wake(self) -> None:
        """There may be something to deliver or a timer that is due."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        timeout = httpx2.Timeout(self._settings.webhook_timeout)
        async with (
            httpx2.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False) as client,
            asyncio.TaskGroup() as group,
        ):
            while True:
                self._wake.clear()
                pause = _TIMER_CHECK
                try:
                    for delivery in self._due():
                        self._on_their_way.add(delivery.id)
                        group.create_task(self._deliver(client, delivery))
                    pause = self._pause()
                except Exception:
                    _log.exception("the simulator could not look for deliveries; it tries again")
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    def _due(self) -> list[Delivery]:
        with self._store.transaction() as tx:
            plan = tx.meta("webhooks", {})
            if plan.get("hold"):
                return []
            order = "random()" if plan.get("shuffle") else "deliveries.id"
            rows = tx.sql(
                "SELECT deliveries.id, attempts, created, event, endpoint FROM deliveries"  # noqa: S608
                f" WHERE state = 'pending' AND due <= ? ORDER BY {order} LIMIT ?",
                (clock.wall().timestamp(), AT_ONCE + len(self._on_their_way)),
            ).fetchall()
            free = [row for row in rows if row[0] not in self._on_their_way]
            found = [_delivery(tx, *row) for row in free[: AT_ONCE - len(self._on_their_way)]]
        return [delivery for delivery in found if delivery is not None]

    def _pause(self) -> float:
        """Seconds until the next look: sooner when a retry is due before."""
        with self._store.transaction() as tx:
            held = tx.meta("webhooks", {}).get("hold")
            row = tx.sql("SELECT min(due) FROM deliveries WHERE state = 'pending'").fetchone()
        if held or row[0] is None or len(self._on_their_way) >= AT_ONCE:
            return _TIMER_CHECK
        return min(_TIMER_CHECK, max(0.02, float(row[0]) - clock.wall().timestamp()))

    async def _deliver(self, client: httpx2.AsyncClient, delivery: Delivery) -> None:
        try:
            answer = await self._send(client, delivery)
            with self._store.transaction() as tx:
                self._note(tx, delivery, answer)
        except Exception:
            _log.exception("a delivery stays undelivered and is tried again")
        finally:
            self._on_their_way.discard(delivery.id)
            self._wake.set()

    async def _send(self, client: httpx2.AsyncClient, delivery: Delivery) -> str:
        """The status as text, or the name of what went wrong."""
        signed = signature.header(delivery.body, delivery.secret, int(clock.wall().timestamp()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signed,
            "User-Agent": "stripe-simulator (not Stripe)",
        }
        try:
            answer = await client.post(delivery.url, content=delivery.body.encode(), headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return type(error).__name__
        return str(answer.status_code)

    def _note(self, tx: Transaction, delivery: Delivery, answer: str) -> None:
        now = clock.wall().timestamp()
        delays = self._settings.retry_delays
        state = "pending"
        if answer.startswith("2") and answer.isdigit():
            state = "delivered"
        elif now > delivery.created + self._settings.give_up_after:
            state = "failed"
        tx.sql(
            "UPDATE deliveries SET state = ?, answer = ?, attempts = attempts + 1, due = ? WHERE id = ?",
            (state, answer, now + delays[min(delivery.attempts, len(delays) - 1)], delivery.id),
        )


def _delivery(tx: Transaction, id: int, attempts: int, created: float, event: str, endpoint: str) -> Delivery | None:
    """The delivery with all it needs; None, and the row dropped, when its event or endpoint is gone."""
    body, target = tx.get(event), tx.hidden(endpoint)
    if body is None or not target:
        tx.sql("UPDATE deliveries SET state = 'dropped' WHERE id = ?", (id,))
        return None
    return Delivery(id, attempts, created, target["url"], target["secret"], payload(body))


def take_up(tx: Transaction) -> None:
    """Have everything undelivered go out now, whatever its next try was to be."""
    tx.sql("UPDATE deliveries SET due = 0 WHERE state = 'pending'")


def states(tx: Transaction) -> list[dict[str, object]]:
    """All deliveries with their state, attempts and last answer, for the control plane."""
    columns = ("id", "event", "type", "endpoint", "state", "attempts", "answer")
    rows = tx.sql(
        "SELECT deliveries.id, event, body, endpoint, state, attempts, answer FROM deliveries"
        " JOIN objects ON objects.id = event ORDER BY deliveries.id"
    )
    return [dict(zip(columns, (*row[:2], json.loads(row[2])["type"], *row[3:]), strict=True)) for row in rows]
