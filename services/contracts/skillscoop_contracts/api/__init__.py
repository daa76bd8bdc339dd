"""HTTP in: routes, what may be sent, what is answered."""

from skillscoop_contracts.api import agreements, lists, milestones, policy
from skillscoop_contracts.api.dependencies import router

__all__ = ["PUBLIC_PATHS", "agreements", "lists", "milestones", "policy", "router"]

# Routes are tried in their order, and most requests are about milestones.
router.routes.sort(key=lambda route: "milestones" not in getattr(route, "path", ""))

PUBLIC_PATHS: tuple[str, ...] = ("GET /v1/policy",)
"""Paths that need no token."""
