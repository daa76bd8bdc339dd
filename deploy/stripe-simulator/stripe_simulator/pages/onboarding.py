"""The hosted onboarding page of a recipient account."""

from collections.abc import Callable
from html import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stripe_simulator.errors import Json
from stripe_simulator.pages.frame import button, page
from stripe_simulator.resources import accounts
from stripe_simulator.resources.events import emit_thin
from stripe_simulator.store import Store, Transaction


class OnboardingPages:
    """Pages over one store."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self._store = store
        self._committed = committed

    async def show(self, request: Request) -> Response:
        """GET of a link: the form, or the way back for a fresh link when this one is used or too old."""
        with self._store.transaction() as tx:
            link = _link(tx, request)
            if link is None or not _usable(tx, link):
                return _refused(link)
            account = tx.need("v2.core.account", link["account"])
        name = escape(account["display_name"] or account["id"])
        return page(
            "Receive payouts",
            f"<p>Account <strong>{name}</strong> wants to receive money. At Stripe you would now prove who you are and "
            "name a bank account. Here one click is enough.</p>"
            f'<form method="post">{button("Complete onboarding")}</form>',
        )

    async def complete(self, request: Request) -> Response:
        """POST of the form: the account becomes active, and the person goes back."""
        with self._store.transaction() as tx:
            link = _link(tx, request)
            if link is None or not _usable(tx, link):
                return _refused(link)
            tx.put({**link, "used": True})
            if accounts.transfers_status(tx.need("v2.core.account", link["account"])) in ("pending", "restricted"):
                accounts.decide(tx, link["account"], "active")
            emit_thin(tx, "v2.core.account_link.returned", link["account"])
        self._committed()
        if link["return_url"]:
            return RedirectResponse(link["return_url"], 303)
        return page("Done", "<p>The account is complete. You may close this page.</p>")


def _link(tx: Transaction, request: Request) -> Json | None:
    return tx.get(f"link_{request.path_params['token']}", "simulator.link")


def _usable(tx: Transaction, link: Json) -> bool:
    return not link["used"] and tx.now <= link["expires_at"]


def _refused(link: Json | None) -> Response:
    if link is None:
        return page("Nothing here", "<p>This link does not exist.</p>", 404)
    return RedirectResponse(link["refresh_url"], 303)
