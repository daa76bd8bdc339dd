"""HTTP in: routes, what may be sent, what is answered."""

from skillscoop_contracts.api import agreements, lists, milestones, policy
from skillscoop_contracts.api.routes import router

__all__ = ["PUBLIC_PATHS", "agreements", "lists", "milestones", "policy", "router"]

PUBLIC_PATHS: tuple[str, ...] = ("GET /v1/policy",)
"""Paths that need no token."""
