"""One service as a value: everything its process owns, built in its `main.py` and run by `running`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from skillscoop_messages.clock import Clocks

from skillscoop_chassis.health import Vitals
from skillscoop_chassis.http.idempotency import BusyKeys
from skillscoop_chassis.settings import ServiceSettings
from skillscoop_chassis.sql.database import SqlDatabase

if TYPE_CHECKING:
    from fastapi import FastAPI
    from skillscoop_messages.consumer import Consumer, Subscriber
    from skillscoop_messages.executor import Executor
    from skillscoop_messages.relay import Relay
    from skillscoop_messages.scheduled import TimerHandler
    from skillscoop_messages.scheduler import Scheduler
    from skillscoop_messages.transport.base import Transport

    from skillscoop_chassis.http.limits import FloodLimits
    from skillscoop_chassis.identity import TokenVerifier

Role = Literal["api", "worker", "all"]


@dataclass(frozen=True)
class Job:
    """Something done again and again: once at the start, then `every` so often after the last run ended.

    Jobs only scan and start work elsewhere; an error is logged and the next run comes as usual.
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Messaging:
    """The moving parts around one service's database. Tests may drive them step by step instead of running them."""

    relay: Relay
    consumer: Consumer
    scheduled: Scheduler


@dataclass
class Service:
    """Everything one service's process owns.

    `outside` holds the service's own adapters by name. `stopping` is set when the process is asked to end: long
    answers such as streams watch it and end by themselves. `messaging` is made when the service starts running,
    or before by a test that drives it step by step.
    """

    name: str
    settings: ServiceSettings
    clocks: Clocks
    database: SqlDatabase
    transport: Transport
    subscribers: list[Subscriber] = field(default_factory=list)
    timers: dict[str, TimerHandler] = field(default_factory=dict)
    executors: list[Executor[Any]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    app: FastAPI | None = None
    resources: list[AbstractAsyncContextManager[Any]] = field(default_factory=list)
    outside: dict[str, Any] = field(default_factory=dict)
    verifier: TokenVerifier | None = None
    limits: FloodLimits | None = None
    messaging: Messaging | None = None
    vitals: Vitals = field(init=False)
    busy_keys: BusyKeys = field(default_factory=BusyKeys, init=False)
    stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.vitals = Vitals(self.name)

    @property
    def cursor_secrets(self) -> list[str]:
        """Secrets of list cursors: the first signs, all verify."""
        return [secret.get_secret_value() for secret in self.settings.cursor_secrets]
