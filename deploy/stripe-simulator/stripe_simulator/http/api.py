"""The API itself: one request is authorised, matched, checked, played in one transaction and answered."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stripe_simulator import errors, forms, ids
from stripe_simulator.errors import Json, Refusal
from stripe_simulator.http import faults, idempotency, routes
from stripe_simulator.http.breakage import Dropped, hang
from stripe_simulator.http.expansion import expand
from stripe_simulator.http.faults import Fault
from stripe_simulator.parameters import check
from stripe_simulator.resources.operation import Call, Operation
from stripe_simulator.settings import API_VERSION
from stripe_simulator.store import Store, Transaction, savepoint

_log = logging.getLogger("stripe_simulator")


@dataclass(frozen=True)
class Asked:
    """A request that was authorised and matched: what is asked, with which parameters, by whom, under which key."""

    id: str
    operation: Operation
    ids: dict[str, str]
    path: str
    given: Json
    account: str
    key: idempotency.Key | None
    browser: bool

    @property
    def v2(self) -> bool:
        """Whether v2's rules hold: a failed call is worked again, not replayed."""
        return self.path.startswith("/v2/")


class Api:
    """The API over one store. `committed` is called after each transaction that may have left work to do."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self._store = store
        self._committed = committed
        self._running: set[tuple[str, str]] = set()

    async def answer(self, request: Request) -> Response:
        """The answer to any request below /v1 and /v2."""
        raw = (await request.body()).decode("utf-8", "replace")
        request_id = ids.new("req", 14)
        try:
            asked = _understand(request, raw, request_id)
            fault = self._fault(asked)
            with self._in_flight(asked.key):
                if fault and fault.kind == "slow":
                    # Stripe works on although the caller's patience has ended.
                    await asyncio.sleep(fault.seconds)
                if fault and fault.kind == "hang_before":
                    await hang(request, fault.seconds)
                if fault and fault.kind == "drop_before":
                    return Dropped()
                status, body, headers = self._play(asked, fault)
        except Refusal as refusal:
            status, body, headers = refusal.status, json.dumps(refusal.body()), {}
        except Exception:
            _log.exception("the simulator itself failed")
            status, body, headers = 500, json.dumps(errors.broken().body()), {}
            fault = None
        else:
            self._committed()
            if fault and fault.kind == "hang_after":
                await hang(request, fault.seconds)
            if fault and fault.kind == "drop_after":
                return Dropped()
        headers |= {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        return Response(body, status, headers, media_type="application/json")

    def _fault(self, asked: Asked) -> Fault | None:
        with self._store.transaction() as tx:
            return faults.take(tx, asked.operation.method, asked.path)

    @contextmanager
    def _in_flight(self, key: idempotency.Key | None) -> Any:
        """Holds the key while its request runs. Raises Refusal 409 when another request with it does."""
        if key is None:
            yield
            return
        mark = (key.account, key.value)
        if mark in self._running:
            raise errors.key_in_use(key.value)
        self._running.add(mark)
        try:
            yield
        finally:
            self._running.discard(mark)

    def _play(self, asked: Asked, fault: Fault | None) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers, with effect, record and deliveries committed together."""
        if fault and fault.kind == "409":
            raise errors.key_in_use(asked.key.value if asked.key else "")
        if fault and fault.kind == "429":
            raise errors.too_many()
        with self._store.transaction() as tx:
            record = idempotency.recall(tx, asked.key) if asked.key else None
            if record:
                replayed = {"Idempotent-Replayed": "true", "Original-Request": record.request}
                return record.status, record.body, replayed
            status, body, kept = _execute(tx, asked, fault)
            if asked.key and kept:
                # A 500 after the effect is what v1 remembers; v2 remembers what really happened.
                idempotency.keep(tx, asked.key, idempotency.Record(status, body, asked.id))
            if fault and fault.kind == "500_after":
                status, body = 500, json.dumps(errors.broken().body())
                if asked.key and not asked.v2:
                    idempotency.keep(tx, asked.key, idempotency.Record(status, body, asked.id))
            original = {"Original-Request": asked.id} if asked.key else {}
            return status, body, original


def _execute(tx: Transaction, asked: Asked, fault: Fault | None) -> tuple[int, str, bool]:
    """Status, body, and whether they are to be kept under the key."""
    operation = asked.operation
    tx.request = {"id": asked.id, "idempotency_key": asked.key.value if asked.key else None}
    try:
        if asked.account and tx.get(asked.account, "v2.core.account") is None:
            raise errors.wrong_account(asked.account)
        params = check(operation.params, asked.given)
        if asked.browser:
            _check_client_secret(tx, asked, params)
        if fault and fault.kind == "500_before":
            raise errors.broken()
        call = Call(tx, params, asked.ids, asked.account, asked.path)
        return 200, json.dumps(_played(operation, call)), True
    except Refusal as refusal:
        return refusal.status, json.dumps(refusal.body()), refusal.kept and not asked.v2


def _played(operation: Operation, call: Call) -> Json:
    try:
        with savepoint(call.tx, unless=lambda error: isinstance(error, Refusal) and error.effects):
            return expand(call.tx, operation.play(call), call["expand"] or [])
    finally:
        call.tx.request = {"id": None, "idempotency_key": None}


def _check_client_secret(tx: Transaction, asked: Asked, params: Json) -> None:
    target = tx.get(asked.ids.get("id", ""))
    if not target or not params.get("client_secret") or params["client_secret"] != target.get("client_secret"):
        raise errors.bad_parameter("The client_secret does not fit this object.", param="client_secret")


def _understand(request: Request, raw: str, request_id: str) -> Asked:
    """Raises Refusal for a wrong key, version, address or body."""
    path = f"/v{request.path_params['version']}/{request.path_params['rest']}"
    browser = _authorised(request.headers.get("authorization", ""))
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise errors.bad_parameter(f"This simulator plays API version {API_VERSION} only, not {version}.")
    matched = routes.match(request.method, path)
    if matched is None:
        message = f"Unrecognized request URL ({request.method}: {path}). The simulator does not play it."
        raise Refusal(404, "invalid_request_error", message, kept=False)
    operation, found = matched
    if browser and not operation.for_browsers:
        raise Refusal(403, "invalid_request_error", "A publishable key may not do this.", kept=False)
    given = _given(path, request.method, request.url.query, raw)
    account = request.headers.get("stripe-account", "")
    if account and not operation.for_accounts:
        raise errors.bad_parameter("The simulator does not play this call for a connected account.")
    name = request.headers.get("idempotency-key", "")
    if len(name) > 255:
        raise errors.bad_parameter("An idempotency key has at most 255 characters.")
    writes = request.method == "POST" or (request.method == "DELETE" and path.startswith("/v2/"))
    key = idempotency.key_of(name, account, request.method, path, given) if name and writes else None
    return Asked(request_id, operation, found, path, given, account, key, browser)


def _authorised(header: str) -> bool:
    """Whether a browser asks, with a publishable key. Raises Refusal without a usable key; live keys never are."""
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise errors.unauthorized("No API key was given. Send it as: Authorization: Bearer sk_test_…")
    if key.startswith(("sk_live_", "pk_live_", "rk_live_")):
        raise errors.unauthorized("This is a simulator, not Stripe. It refuses live keys; replace this one now.")
    if not key.startswith(("sk_test_", "pk_test_")):
        raise errors.unauthorized("Invalid API key. The simulator takes keys that begin with sk_test_.")
    return key.startswith("pk_test_")


def _given(path: str, method: str, query: str, raw: str) -> Json:
    if path.startswith("/v1/"):
        return forms.tree("&".join(filter(None, [query, raw])))
    if method != "POST":
        # Stripe's Python client sends its own mark `usage` along when a notification fetches what it is about.
        return {name: value for name, value in forms.tree(query).items() if name != "usage"}
    try:
        given = json.loads(raw or "{}")
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise errors.bad_parameter("The body must be a JSON object.")
    return given
