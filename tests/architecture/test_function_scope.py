"""Transactions end before their answer leaves: every route takes them with function scope."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from skillscoop_chassis.http.openapi import dependencies_of, routes_of
from skillscoop_chassis.http.requests import WritingRequest, money_transaction, reading, transaction

from tests.support.applications import SERVICES, build

AT_THE_EDGE = {transaction, money_transaction, reading}


def late_commits(app: FastAPI) -> list[str]:
    """Routes whose transaction would end only after the answer left."""
    return [
        f"{route.path_format} {getattr(below.call, '__name__', below.call)}"
        for route in routes_of(app)
        for below in dependencies_of(route.dependant)
        if below.call in AT_THE_EDGE and below.scope != "function"
    ]


@pytest.mark.parametrize("service", SERVICES)
async def test_no_route_answers_before_its_commit(service: str, tmp_path: Path, jwks_file: Path) -> None:
    built = build(service, tmp_path, jwks_file)
    assert built.app is not None

    assert late_commits(built.app) == []
    assert [route for route in routes_of(built.app) if route.path_format.startswith("/v1/admin/")]
    await built.database.close()


async def behind(work: Annotated[WritingRequest, Depends(money_transaction)]) -> AsyncIterator[WritingRequest]:
    """A dependency that hides a transaction of the wrong scope."""
    yield work


def test_default_scope_would_be_seen() -> None:
    router = APIRouter()

    @router.get("/direct")
    async def direct(work: Annotated[WritingRequest, Depends(transaction)]) -> None: ...

    @router.get("/indirect")
    async def indirect(work: Annotated[WritingRequest, Depends(behind)]) -> None: ...

    app = FastAPI()
    app.include_router(router)

    assert late_commits(app) == ["/direct transaction", "/indirect money_transaction"]
