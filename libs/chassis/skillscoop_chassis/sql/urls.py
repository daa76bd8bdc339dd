"""Addresses of databases, made from their parts: a folder may be called anything."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa


def sqlite_url(file: Path) -> str:
    """The address of a SQLite file. What means something in an address (`%`, `?`, `#`) is encoded."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)
