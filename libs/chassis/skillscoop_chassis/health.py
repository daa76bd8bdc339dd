"""Liveness, readiness and metrics of one service, each with a registry of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)
CHECK_SECONDS = 5.0
"""How long one check may take; whoever asks is not kept waiting by a server that keeps silent."""

Check = Callable[[], Awaitable[str | None]]
"""A readiness check: None when all is well, else a short text without secrets."""


class HttpMetrics:
    """Requests by method, route template and status. Several services in one process never share a registry."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        labels = ("service", "method", "route", "status")
        self._service = service
        self._seconds = Histogram(
            "http_request_seconds", "Duration of requests", labels, buckets=BUCKETS, registry=registry
        )
        self._children: dict[tuple[str, str, int], Any] = {}

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request; a path without a route counts as `unmatched`, so strangers cannot invent labels."""
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        key = (scope["method"] if route != "unmatched" else "any", route, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._seconds.labels(self._service, key[0], route, str(status))
        child.observe(seconds)


class Vitals:
    """What a service tells about itself: its checks for readiness, and gauges read when metrics are asked for.

    `closed` names what could not be opened yet, with the reason.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        self.checks: dict[str, Check] = {}
        self.stopping = False
        self.closed: dict[str, str] = {}
        self._gauges: dict[str, Gauge] = {}
        self._readings: list[Callable[[], Awaitable[Mapping[str, float]]]] = []

    def counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        """A new counter of this service."""
        return Counter(name, meaning, labels, registry=self.registry)

    def gauges(self, read: Callable[[], Awaitable[Mapping[str, float]]]) -> None:
        """`read` is awaited at each /metrics; its names become gauges."""
        self._readings.append(read)

    async def trouble(self) -> dict[str, str]:
        """What is wrong, by the name of the check; empty when ready."""
        if self.stopping:
            return {"process": "stopping"}
        problems = await asyncio.gather(*(_outcome(check) for check in self.checks.values()))
        return {name: problem for name, problem in zip(self.checks, problems, strict=True) if problem is not None}

    async def render(self) -> bytes:
        """The metrics in Prometheus' text form. A reading that fails leaves its gauges at NaN."""
        for read in self._readings:
            try:
                values = await read()
            except Exception:
                for gauge in self._gauges.values():
                    gauge.set(float("nan"))
                continue
            for name, value in values.items():
                if name not in self._gauges:
                    self._gauges[name] = Gauge(name, name.replace("_", " "), registry=self.registry)
                self._gauges[name].set(value)
        return generate_latest(self.registry)


async def _outcome(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} seconds"
    except Exception as error:
        return type(error).__name__


def health_routes(vitals: Vitals) -> list[Route]:
    """/livez (the process), /readyz (what it depends on), /metrics. Not part of the API document."""

    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        trouble = await vitals.trouble()
        body = {"status": "not ready" if trouble else "ok", "trouble": trouble}
        return JSONResponse(body, status_code=503 if trouble else 200)

    async def metrics(_request: Request) -> Response:
        return Response(await vitals.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
