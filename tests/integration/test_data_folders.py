"""Data folders with names that mean something in an address, and what lies in them."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx2
import pytest
from skillscoop_chassis.sql.urls import sqlite_url
from skillscoop_cli.embedded.runner import running

AWKWARD = ("a%20b", "what?x=1", "a#b", "a b", "ü&c", "100%", "a:b@c")


async def test_folder_may_be_called_anything(tmp_path: Path) -> None:
    """Given a folder whose name would mean something else in an address, when everything runs on it, then all files lie
    in it, none lies beside it, and only the public keys are readable for others."""
    data = tmp_path / "-".join(AWKWARD) / "data"
    data.parent.mkdir()
    async with running(data) as installation, httpx2.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {installation.token('ada')}"}
        body = {"title": "A logo", "freelancer_id": "grace", "currency": "usd"}
        body |= {"milestones": [{"description": "The logo", "amount": 5_000}]}  # type: ignore[dict-item]
        assert (await http.post(f"{installation.url}/v1/contracts", json=body, headers=headers)).status_code == 201
        shared = [file for file in data.rglob("*") if file.is_file() and stat.S_IMODE(file.stat().st_mode) & 0o077]
        assert shared == [installation.folder.jwks]

    assert [entry.name for entry in tmp_path.iterdir()] == [data.parent.name]
    assert [entry.name for entry in data.parent.iterdir()] == ["data"]
    assert sorted(file.name for file in data.glob("databases/*.sqlite")) == [
        f"{name}.sqlite" for name in ("contracts", "disputes", "notifications", "payments", "reviews")
    ]


async def test_files_of_an_older_folder_become_private(tmp_path: Path) -> None:
    """Given a folder whose files others could read, when it is opened again, then they cannot any more."""
    async with running(tmp_path / "data") as installation:
        database = installation.folder.database("contracts")
    database.chmod(0o644)

    async with running(tmp_path / "data"):
        assert stat.S_IMODE(database.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", AWKWARD)
def test_address_of_a_file_leads_to_that_file(tmp_path: Path, name: str) -> None:
    import sqlalchemy as sa

    file = tmp_path / name / "x.sqlite"

    assert sa.make_url(sqlite_url(file)).database == str(file)
