"""The transaction at the edge: one request, one transaction, committed before its answer leaves.

Routes depend on `transaction`, `money_transaction` or `reading` with scope="function". With FastAPI's default scope
the answer would leave before the commit, and a crash in between would break a promise already given.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from skillscoop_chassis.http.bodies import RequestContext
from skillscoop_chassis.http.edge import request_context
from skillscoop_chassis.http.idempotency import Claim, claim, in_use, remember, was_taken
from skillscoop_chassis.http.paging import Cursor, PageParams, open_cursor
from skillscoop_chassis.http.problems import Problem, invalid_fields, precondition_failed, precondition_required
from skillscoop_chassis.identity import Actor

if TYPE_CHECKING:
    from skillscoop_chassis.service import Service
    from skillscoop_chassis.sql.database import SqlTransaction

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_ENTITY_TAG = re.compile(r'(W/)?"([^"]*)"')
_BARE = re.compile(r"[0-9]{1,10}", re.ASCII)
_ENTITY_TAGS = re.compile(r'\s*(W/)?"[^"]*"\s*(,\s*(W/)?"[^"]*"\s*)*', re.ASCII)


def _json(body: BaseModel | Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    if isinstance(body, BaseModel):
        content = body.model_dump_json().encode()
        return Response(content, status_code=status, media_type="application/json", headers=dict(headers))
    from starlette.responses import JSONResponse

    return JSONResponse(dict(body), status_code=status, headers=dict(headers))


class ServiceRequest:
    """What reading and working have in common: who asks, of which service."""

    def __init__(self, request: Request, stack: AsyncExitStack) -> None:
        self.request = request
        self._stack = stack
        self._context = request_context(request)

    @property
    def actor(self) -> Actor:
        """The caller. Raises Problem unauthenticated (401) on a public path called without a token."""
        actor: Actor | None = self._context.actor
        if actor is None:
            raise Problem("unauthenticated", "Send a valid bearer token.", headers={"WWW-Authenticate": "Bearer"})
        return actor

    @property
    def caller(self) -> Actor | None:
        """The caller, or None on a public path."""
        actor: Actor | None = self._context.actor
        return actor

    @property
    def request_id(self) -> str:
        """The id of this request."""
        return self._context.request_id

    @property
    def token_expires(self) -> float | None:
        """When the caller's token expires (seconds since the epoch), None without one."""
        return self._context.token_expires

    def count_refusal(self) -> None:
        """Count a signature that proved nothing, by address. Raises Problem too_many_requests (429)."""
        if self.service.limits is not None:
            self.service.limits.count_refusal(self.request.scope)

    @property
    def body(self) -> bytes:
        """The body as it was sent; empty for uploads."""
        return self._context.body

    @property
    def service(self) -> Service:
        """The service this application belongs to."""
        service: Service = self.request.app.state.service
        return service

    def require_role(self, *roles: str) -> Actor:
        """The caller when the token carries one of `roles`. Raises Problem role_missing (403)."""
        if self.actor.roles.isdisjoint(roles):
            raise Problem("role_missing", "The token does not carry the role this needs.")
        return self.actor


class ReadingRequest(ServiceRequest):
    """A request that only reads."""

    async def begin(self) -> SqlTransaction:
        """Open the reading transaction; it ends with the request."""
        return await self._stack.enter_async_context(self.service.database.read())

    def cursor(self, params: PageParams) -> Cursor:
        """The caller's place in this list. Raises Problem cursor_invalid (400)."""
        subject = self._context.actor.id if self._context.actor else ""
        scope = f"{subject}\n{self.request.scope['path']}"
        return open_cursor(params, self.service.cursor_secrets, scope)

    def reply(self, body: BaseModel | Mapping[str, Any], version: int | None = None) -> Response:
        """The answer, with an ETag when it has a version; 304 when the caller already has that one."""
        if version is None:
            return _json(body, 200, {})
        tag = f'"{version}"'
        known = self.request.headers.get("if-none-match")
        if known is not None and (known.strip() == "*" or tag in _tags(known)):
            return Response(status_code=304, headers={"ETag": tag})
        return _json(body, 200, {"ETag": tag})


def _tags(value: str) -> set[str]:
    return {f'"{text}"' for _, text in _ENTITY_TAG.findall(value)}


class WritingRequest(ServiceRequest):
    """A request that changes something, in one transaction of its own."""

    def __init__(self, request: Request, stack: AsyncExitStack, *, key_required: bool) -> None:
        super().__init__(request, stack)
        _refuse_fields_of_commands_without(request, self._context)
        self._key = _idempotency_key(request, required=key_required)
        self._tx: SqlTransaction | None = None
        self._claim: Claim | None = None

    async def begin(self, *, replay: bool = True) -> SqlTransaction:
        """Open the transaction, and take the Idempotency-Key when one was sent.

        Raises Problem: idempotency_key_in_use (409, the same call still runs) and idempotency_key_reused (422, another
        body). A call that was already answered ends here with the stored answer. `replay=False` is for answers that
        must never be repeated, such as links and tickets: the key is then ignored. Raises RuntimeError when called a
        second time: a second transaction would wait for the first one for ever.
        """
        if self._tx is not None:
            raise RuntimeError("a request has one transaction")
        key = self._key if replay else None
        if key is not None:
            identity = f"{self.actor.id}\n{self.request.method}\n{self.request.scope['path']}\n{key}"
            self._claim = Claim(
                hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest(), self._context.fingerprint()
            )
            await self._stack.enter_async_context(self.service.busy_keys.hold(self._claim))
        self._tx = await self._stack.enter_async_context(self.service.database.begin())
        if self._claim is not None:
            await claim(self._tx, self._claim)
        return self._tx

    def match(self, version: int, required: bool = False) -> None:
        """Compare If-Match with the object's `version`.

        Raises Problem precondition_required (428) when it is `required` and missing, version_stale (412) when it names
        another version or cannot be read; the answer says so when only the quotes are missing. `*` fits every
        version.
        """
        sent = self.request.headers.get("if-match")
        if sent is None:
            if required:
                raise precondition_required()
            return
        if sent.strip() == "*":
            return
        readable = _ENTITY_TAGS.fullmatch(sent) is not None
        strong = {text for weak, text in _ENTITY_TAG.findall(sent) if not weak}
        if not readable or str(version) not in strong:
            raise precondition_failed(version, unquoted=_BARE.fullmatch(sent.strip()) is not None)

    async def reply(
        self,
        body: BaseModel | Mapping[str, Any] | None = None,
        status: int = 200,
        version: int | None = None,
        location: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer; kept in the same transaction when the call carried an Idempotency-Key and succeeded.

        It leaves only after the commit. `version` becomes the ETag, `location` the Location.
        """
        sent = dict(headers or {})
        if version is not None:
            sent["ETag"] = f'"{version}"'
        if location is not None:
            sent["Location"] = location
        answer = Response(status_code=status, headers=sent) if body is None else _json(body, status, sent)
        if self._claim is not None and self._tx is not None and 200 <= status < 300:
            remember(self._tx, self._claim, status, sent, bytes(answer.body).decode())
        return answer


def _refuse_fields_of_commands_without(request: Request, known: RequestContext) -> None:
    """A route that declares no body takes `{}` or nothing; raises Problem invalid_request (422) for more.

    One that reads its body by itself declares it in the API document.
    """
    route = request.scope.get("route")
    documented = getattr(route, "openapi_extra", None) or {}
    if not known.is_json or getattr(route, "body_field", None) is not None or "requestBody" in documented:
        return
    if sent := json.loads(known.body):
        raise invalid_fields([{"loc": ("body", name), "type": "extra_forbidden"} for name in sent])


def _idempotency_key(request: Request, *, required: bool) -> str | None:
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        if required:
            raise Problem("idempotency_key_required", "Send an Idempotency-Key with every call that moves money.")
        return None
    if request.method != "POST":
        return None
    if len(sent) != 1 or not _VISIBLE.fullmatch(sent[0]):
        raise Problem("idempotency_key_invalid", "Send one Idempotency-Key of 1 to 255 visible ASCII characters.")
    return sent[0]


@asynccontextmanager
async def _committed() -> AsyncIterator[AsyncExitStack]:
    """A stack that ends with the commit. Raises Problem idempotency_key_in_use (409) when the same call was faster."""
    try:
        async with AsyncExitStack() as stack:
            yield stack
    except sa.exc.IntegrityError as error:
        if was_taken(error):
            raise in_use() from error
        raise


async def transaction(request: Request) -> AsyncIterator[WritingRequest]:
    """Dependency of routes that change something: `Annotated[Work, Depends(transaction, scope="function")]`."""
    async with _committed() as stack:
        yield WritingRequest(request, stack, key_required=False)


async def money_transaction(request: Request) -> AsyncIterator[WritingRequest]:
    """As `transaction`, for routes that move money: the Idempotency-Key is required."""
    async with _committed() as stack:
        yield WritingRequest(request, stack, key_required=True)


async def reading(request: Request) -> AsyncIterator[ReadingRequest]:
    """Dependency of routes that only read: `Annotated[Reading, Depends(reading, scope="function")]`."""
    async with AsyncExitStack() as stack:
        yield ReadingRequest(request, stack)
