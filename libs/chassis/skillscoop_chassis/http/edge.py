"""The outermost layer of a service's application: one pure ASGI middleware for everything each request needs.

In this order: request id and story, authentication (before a byte of the body is read), the body's form; and on the
way out: security headers, metrics, and a problem for every error nobody expected.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence

from skillscoop_messages.context import TraceContext, trace_context
from skillscoop_messages.ids import new_message_id
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skillscoop_chassis.health import HttpMetrics
from skillscoop_chassis.http.bodies import BodyRule, Disconnected, RequestContext, checked_receive, header, rule_for
from skillscoop_chassis.http.cors import Cors
from skillscoop_chassis.http.limits import FloodLimits
from skillscoop_chassis.http.paths import any_matcher, matcher
from skillscoop_chassis.http.problems import Problem, not_found, unavailable
from skillscoop_chassis.identity import KeysUnavailable, TokenRefused, TokenVerifier
from skillscoop_chassis.sql.database import SqlDatabase

LOG = logging.getLogger(__name__)
ALWAYS_PUBLIC = ("/livez", "/readyz", "/metrics", "/openapi.json")

FOR_BROWSERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
"""What a browser is told about every answer that says nothing else itself: run nothing, in no frame, tell nobody."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_CONTEXT = "skillscoop"


def request_context(request: Request) -> RequestContext:
    """What the edge learned about this request."""
    found: RequestContext = request.scope[_CONTEXT]
    return found


def _unauthenticated() -> Problem:
    return Problem(
        "unauthenticated", "Send a valid bearer token.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    )


class Edge:
    """The middleware. `public` are path patterns without a token, `bodies` the paths with another body rule."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        verifier: TokenVerifier,
        database: SqlDatabase,
        metrics: HttpMetrics,
        public: Sequence[str] = (),
        bodies: Sequence[BodyRule] = (),
        cors: Cors | None = None,
        limits: FloodLimits | None = None,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._database = database
        self._metrics = metrics
        self._limits = limits
        self._public = any_matcher((*ALWAYS_PUBLIC, *public))
        self._rules = [(matcher(rule.pattern), rule) for rule in bodies]
        self._default = BodyRule("")
        self._cors = cors or Cors(())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        sent_id = header(scope, b"x-request-id")
        trace = header(scope, b"traceparent")
        request_id = sent_id.decode() if sent_id and _REQUEST_ID.fullmatch(sent_id) else new_message_id()
        known = RequestContext(request_id)
        scope[_CONTEXT] = known
        standing = trace_context.set(
            TraceContext(
                correlation_id=request_id,
                traceparent=trace.decode() if trace and _TRACEPARENT.fullmatch(trace) else None,
                request_id=request_id,
            )
        )
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *(pair for pair in message["headers"] if pair[0] != b"cache-control"),
                    *(pair for pair in FOR_BROWSERS if pair[0] not in own),
                    (b"x-request-id", request_id.encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                    *self._cors.headers(scope),
                    *known.limit_headers,
                ]
            await send(message)

        try:
            if self._cors.is_preflight(scope):
                await self._cors.answer_preflight(send_marked)
                return
            await self._handle(scope, receive, send_marked, known)
        except Disconnected:
            status = status or 499
        except Exception as error:
            if status:
                raise
            answer = self._answer_to(error, scope, known)
            await answer(scope, receive, send_marked)
        finally:
            trace_context.reset(standing)
            self._metrics.observe(scope, status or 500, time.perf_counter() - began)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, known: RequestContext) -> None:
        await self._authenticate(scope, known)
        if self._limits is not None:
            standing = self._limits.count_call(scope, known.actor.id if known.actor else None)
            if standing is not None:
                known.limit_headers = [(k.lower().encode(), v.encode()) for k, v in standing.headers().items()]
        if "\x00" in scope["path"]:
            raise not_found()
        if b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
            raise Problem("query_malformed", "NUL is not accepted.")
        rule = rule_for(scope, self._rules, self._default) if self._rules else self._default
        await self._app(scope, await checked_receive(scope, receive, rule, known), send)

    async def _authenticate(self, scope: Scope, known: RequestContext) -> None:
        sent = [value for key, value in scope["headers"] if key == b"authorization"]
        public = self._public(scope)
        scheme, _, token = sent[0].partition(b" ") if len(sent) == 1 else (b"", b"", b"")
        if scheme.lower() != b"bearer" or not token:
            if public:
                return
            raise _unauthenticated()
        try:
            known.actor, known.token_expires = await self._verifier.verify_until(token.decode("latin-1"))
        except (TokenRefused, KeysUnavailable) as error:
            if self._limits is not None and isinstance(error, TokenRefused):
                self._limits.count_refusal(scope)
            if public:
                return
            if isinstance(error, KeysUnavailable):
                raise unavailable("Tokens cannot be checked right now.") from error
            LOG.info("token refused: %s", error)
            raise _unauthenticated() from error

    def _answer_to(self, error: Exception, scope: Scope, known: RequestContext) -> Response:
        return problem_for(error, self._database).response(scope["path"][:512], known.request_id)


def problem_for(error: BaseException, database: SqlDatabase) -> Problem:
    """The problem an error becomes: itself, 503 when the database is away or busy, else 500 without internals."""
    if isinstance(error, Problem):
        return error
    if database.is_conflict(error):
        LOG.warning("a transaction met another one: %s", type(error).__name__)
        return unavailable("Somebody else was changing this; please send the same call again.", 1)
    if database.is_away(error):
        LOG.warning("the database is away: %s", type(error).__name__)
        return unavailable("The database cannot be reached; please send the same call again.", 2)
    if database.is_slow(error):
        LOG.error("a statement took too long: %s", type(error).__name__)
        return unavailable("This took too long; please send the same call again.", 2)
    LOG.error("unexpected error", exc_info=error)
    return Problem("internal_error", "Something went wrong here. It has been noted.")


def problem_response(request: Request, problem: Problem) -> Response:
    """`problem` as the answer to `request`."""
    return problem.response(request.scope["path"][:512], request_context(request).request_id)
