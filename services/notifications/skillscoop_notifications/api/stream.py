"""The live stream and the tickets that open it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from skillscoop_chassis.http.dependencies import EmptyBody, ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.problems import Problem, documented
from skillscoop_chassis.http.requests import WritingRequest
from starlette.responses import Response

from skillscoop_notifications.adapters.stream import STREAMS_OF_ONE_USER, Hub, LiveStream
from skillscoop_notifications.api import error_mapping  # noqa: F401 - registers this service's codes
from skillscoop_notifications.api.conversations import Audit as TicketUse
from skillscoop_notifications.schemas import TicketView
from skillscoop_notifications.usecases import stream

router = APIRouter(tags=["stream"])

_EXAMPLE = (
    "id: 42\nevent: object\n"
    'data: {"type":"milestone","id":"ms_…","contract_id":"ctr_…","version":3,"state":"funded"}\n\n'
)
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events, until the token expires or the process is asked to end",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_EVENTS = {"x-event-types": ["notification", "message", "object", "reset"]}


@router.post(
    "/v1/stream/tickets",
    response_model=TicketView,
    status_code=201,
    summary="A ticket for the stream",
    openapi_extra=MATCH_UNUSED,
)
async def create_stream_ticket(work: WriteRequest, body: EmptyBody = None) -> Response:
    """Leave to open one stream within 60 s without a header, for browsers. Every call makes a new ticket."""
    tx = await work.begin(replay=False)
    ticket = await stream.issue_ticket(tx, _by_token(work))
    return await work.reply(ticket, status=201, location="/v1/stream")


@router.get(
    "/v1/stream",
    response_class=Response,
    responses={**_ANSWER, **documented(401, 422, 429)},
    openapi_extra=_EVENTS,
    summary="Live news",
)
async def open_stream(
    read: ReadRequest,
    use: TicketUse,
    ticket: Annotated[str | None, Query(max_length=200, description="In place of a token; used up by this")] = None,
    last_event_id: Annotated[str | None, Query(max_length=64, description="As the header, which goes first")] = None,
    last_event_id_header: Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)] = None,
) -> Response:
    """What happens to the caller, as it happens: notices, messages, and objects that changed.

    A listener that comes back within 24 h with the last id it saw misses nothing. `reset` says that too much has
    happened since, or that the id is not ours: fetch everything again, then go on from here.
    """
    listening = await _listener(use, ticket)
    hub: Hub = read.service.outside["hub"]
    if hub.count(listening.actor.id) >= STREAMS_OF_ONE_USER:
        raise Problem("too_many_streams", "Close another stream first.", headers={"Retry-After": "5"})
    tx = await read.begin()
    start = await stream.start_of(tx, listening.actor.id, last_event_id_header or last_event_id)
    seconds = (listening.ends_at - tx.wall()).total_seconds()
    return LiveStream(
        hub, read.service.database, listening.actor, start, seconds=seconds, stopping=read.service.stopping
    )


def _by_token(asking: WritingRequest) -> stream.Listening:
    return stream.Listening(asking.actor, datetime.fromtimestamp(asking.token_expires or 0, UTC))


async def _listener(use: WritingRequest, ticket: str | None) -> stream.Listening:
    """Who listens and until when. A token goes before a ticket, which then stays good."""
    if use.caller is not None or ticket is None:
        return _by_token(use)
    known = await stream.use_ticket(await use.begin(replay=False), ticket)
    if known is None:
        raise Problem(
            "unauthenticated", "Get a new ticket.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
        )
    return known
