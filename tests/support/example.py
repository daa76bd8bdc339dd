"""A service as small as can be, with one route of every kind, to hold the chassis against its promises."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, UploadFile
from pydantic import SecretStr
from skillscoop_chassis import tables
from skillscoop_chassis.http.app import create_app
from skillscoop_chassis.http.bodies import BodyRule
from skillscoop_chassis.http.models import Amount, DueDate, StrictRequest, Title, View
from skillscoop_chassis.http.paging import Page, PageParams, keyset, page, page_params
from skillscoop_chassis.http.problems import conflict, documented, forbidden, not_found
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest, money_transaction, reading, transaction
from skillscoop_chassis.service import Service
from skillscoop_chassis.settings import ServiceSettings
from skillscoop_chassis.sql.database import for_update, open_database
from skillscoop_messages import tables as post
from skillscoop_messages.clock import Clocks, system_clocks
from skillscoop_messages.columns import UtcDateTime
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.registry import SUBSCRIPTIONS
from skillscoop_messages.transport.simulated import SimulatedTransport
from starlette.responses import Response

METADATA = sa.MetaData()
THINGS = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("paid", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
TARGETS = [METADATA, tables.METADATA, post.METADATA]
PUBLIC_PATHS = ("GET /v1/terms", "/webhooks/*", "GET /v1/stream?ticket=")
BODIES = (
    BodyRule("/webhooks/*", limit=512 * 1024, kind="raw"),
    BodyRule("/v1/files", limit=1024 * 1024, kind="upload"),
)

router = APIRouter()


class Create(StrictRequest):
    """A new thing."""

    title: Title
    amount: Amount = 1
    due_date: DueDate | None = None


class Rename(StrictRequest):
    """Another title."""

    title: Title


class Pay(StrictRequest):
    """Money for a thing."""

    amount: Amount


class Thing(View):
    """A thing."""

    id: str
    title: str
    paid: int
    version: int


class Size(View):
    """How many bytes came."""

    size: int


def _thing(row: Any) -> Thing:
    return Thing(id=row["id"], title=row["title"], paid=row["paid"], version=row["version"])


async def _locked(tx: Any, id: str, actor: str) -> Any:
    row = await tx.first(for_update(sa.select(THINGS).where(THINGS.c.id == id)))
    if row is None or (row["owner"] != actor and actor != "partner"):
        raise not_found()
    if actor == "partner":
        raise forbidden()
    return row


@router.post("/v1/things", status_code=201, response_model=Thing)
async def create_thing(
    body: Create, work: Annotated[WritingRequest, Depends(transaction, scope="function")]
) -> Response:
    """Create a thing."""
    tx = await work.begin()
    row = {
        "id": f"thg_{new_message_id()}",
        "owner": work.actor.id,
        "title": body.title,
        "paid": 0,
        "version": 1,
        "created_at": tx.now(),
    }
    await tx.execute(THINGS.insert(), row)
    return await work.reply(_thing(row), 201, version=1, location=f"/v1/things/{row['id']}")


@router.get("/v1/things", response_model=Page[Thing])
async def list_things(
    read: Annotated[ReadingRequest, Depends(reading, scope="function")],
    params: Annotated[PageParams, Depends(page_params)],
) -> Response:
    """List my things."""
    cursor = read.cursor(params)
    tx = await read.begin()
    mine = sa.select(THINGS).where(THINGS.c.owner == read.actor.id)
    return read.reply(page(await tx.all(keyset(mine, THINGS.c.created_at, THINGS.c.id, cursor)), cursor, _thing))


@router.get("/v1/things/{id}", response_model=Thing)
async def get_thing(id: str, read: Annotated[ReadingRequest, Depends(reading, scope="function")]) -> Response:
    """Get a thing."""
    tx = await read.begin()
    row = await tx.first(sa.select(THINGS).where(THINGS.c.id == id, THINGS.c.owner == read.actor.id))
    if row is None:
        raise not_found()
    return read.reply(_thing(row), version=row["version"])


@router.put("/v1/things/{id}/title", response_model=Thing)
async def rename_thing(
    id: str, body: Rename, work: Annotated[WritingRequest, Depends(transaction, scope="function")]
) -> Response:
    """Rename a thing; needs If-Match."""
    tx = await work.begin()
    row = await _locked(tx, id, work.actor.id)
    work.match(row["version"], required=True)
    changed = {**row, "title": body.title, "version": row["version"] + 1}
    await tx.execute(THINGS.update().where(THINGS.c.id == id).values(title=body.title, version=changed["version"]))
    return await work.reply(_thing(changed), version=changed["version"])


@router.post("/v1/things/{id}/pay", response_model=Thing, responses=documented(409))
async def pay_thing(
    id: str, body: Pay, work: Annotated[WritingRequest, Depends(money_transaction, scope="function")]
) -> Response:
    """Pay for a thing, once."""
    tx = await work.begin()
    row = await _locked(tx, id, work.actor.id)
    work.match(row["version"])
    if row["paid"]:
        raise conflict("conflict", "It is paid.", state="paid", version=row["version"], allowed=[])
    changed = {**row, "paid": body.amount, "version": row["version"] + 1}
    await tx.execute(THINGS.update().where(THINGS.c.id == id).values(paid=body.amount, version=changed["version"]))
    return await work.reply(_thing(changed), version=changed["version"])


@router.post("/v1/things/{id}/touch", response_model=Thing)
async def touch_thing(id: str, work: Annotated[WritingRequest, Depends(transaction, scope="function")]) -> Response:
    """A command without fields."""
    tx = await work.begin()
    return await work.reply(_thing(await _locked(tx, id, work.actor.id)))


@router.post("/v1/files", response_model=Size)
async def upload_file(file: UploadFile) -> Size:
    """Count the bytes of a file."""
    return Size(size=len(await file.read()))


@router.post("/webhooks/anything", response_model=Size)
async def take_webhook(work: Annotated[WritingRequest, Depends(transaction, scope="function")]) -> Response:
    """Count the bytes of a body nobody looked into."""
    return await work.reply(Size(size=len(work.body)))


@router.get("/v1/terms", response_model=Size)
async def get_terms() -> Size:
    """Something everybody may read."""
    return Size(size=0)


@router.get("/v1/stream", response_model=Size)
async def get_stream(read: Annotated[ReadingRequest, Depends(reading, scope="function")]) -> Response:
    """Something for a ticket or a token."""
    return read.reply(Size(size=0 if read.caller is None else 1))


@router.get("/v1/broken", response_model=Size)
async def get_broken() -> Size:
    """Something that fails."""
    raise RuntimeError("the secret reason")


def settings_for(database_url: str, jwks_file: Path, **other: Any) -> ServiceSettings:
    """Settings of the example service; nobody is limited unless the test says so."""
    quiet = {"rate_limits": "off", **other}
    return ServiceSettings(
        database_url=SecretStr(database_url), bus_url=SecretStr("simulated://"), jwks_file=jwks_file, **quiet
    )


def build(settings: ServiceSettings, *, clocks: Clocks | None = None, transport: Any = None) -> Service:
    """The example service, under the name of a real one so that its events have a place in the registry."""
    known = clocks or system_clocks()
    service = Service(
        name="contracts",
        settings=settings,
        clocks=known,
        database=open_database(settings.database_url.get_secret_value(), "contracts", known),
        transport=transport or SimulatedTransport(0, SUBSCRIPTIONS.values()),
    )
    create_app(service, [router], PUBLIC_PATHS, bodies=BODIES)
    return service


def ahead(days: float) -> Clocks:
    """Clocks that both run some days ahead of the machine's."""
    real = system_clocks()
    return Clocks(
        business=lambda: real.business() + timedelta(days=days), wall=lambda: real.wall() + timedelta(days=days)
    )
