"""Operators' routes, the same in every service. Every write is audited in its own transaction."""

from __future__ import annotations

from fastapi import APIRouter


def admin_router(service: str) -> APIRouter:
    """The routes below /v1/admin/{service}."""
    return APIRouter(prefix=f"/v1/admin/{service}")
