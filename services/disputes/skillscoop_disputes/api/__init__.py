"""HTTP: the Dispute Assistance Form, the parties' moves, and support's work on the case."""

from skillscoop_disputes.api.disputes import EVIDENCE_PATH, router

PUBLIC_PATHS: tuple[str, ...] = ()

__all__ = ["EVIDENCE_PATH", "PUBLIC_PATHS", "router"]
