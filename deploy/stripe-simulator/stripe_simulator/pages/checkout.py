"""The hosted checkout page and the 3-D Secure page."""

import re
from collections.abc import Callable
from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stripe_simulator import forms
from stripe_simulator.cards import BY_NUMBER, CARDS, Card
from stripe_simulator.clock import wall
from stripe_simulator.errors import Json, Refusal
from stripe_simulator.money import written
from stripe_simulator.pages.frame import button, error, page
from stripe_simulator.resources import checkout_sessions
from stripe_simulator.store import Store, Transaction

_SHOWN = (
    ("visa", "pays"),
    ("chargeDeclined", "is declined"),
    ("chargeDeclinedInsufficientFunds", "has too little money"),
    ("threeDSecure2Required", "asks for 3-D Secure"),
)


class CheckoutPages:
    """Pages over one store. Each answer is a whole page or a redirect."""

    def __init__(self, store: Store, committed: Callable[[], None]) -> None:
        self._store = store
        self._committed = committed

    async def show(self, request: Request) -> Response:
        """GET of a session: its form while it is open."""
        with self._store.transaction() as tx:
            session = tx.get(request.path_params["id"], "checkout.session")
            intent = tx.get((session or {}).get("payment_intent") or (session or {}).get("setup_intent") or "")
            return self._page(tx, session, intent)

    async def pay(self, request: Request) -> Response:
        """POST of the form: pay with the card, and go where the answer leads."""
        given = forms.tree((await request.body()).decode("utf-8", "replace"))
        id = request.path_params["id"]
        with self._store.transaction() as tx:
            session = tx.get(id, "checkout.session")
            if session is None or session["status"] != "open":
                return self._page(tx, session, None)
            card = _card(given)
            if isinstance(card, str):
                return self._page(tx, session, None, card)
            intent = checkout_sessions.pay(tx, session, card)
            answer = self._page(tx, tx.need("checkout.session", id), intent)
        self._committed()
        if intent["status"] == "requires_action":
            return RedirectResponse(f"{self._store.settings.public_url}/challenge/{intent['id']}", 303)
        return answer

    async def show_challenge(self, request: Request) -> Response:
        """GET of a challenge: two buttons while it is open."""
        with self._store.transaction() as tx:
            intent = tx.get(request.path_params["id"])
        if intent is None or intent["object"] not in ("payment_intent", "setup_intent"):
            return page("Nothing here", "<p>This page belongs to no payment.</p>", 404)
        if intent["status"] != "requires_action":
            return page("3-D Secure", "<p>This payment asks for no authentication now.</p>", 409)
        return page(
            "3-D Secure",
            f"<p>Your bank asks whether it is you. {_sum(intent)}</p>"
            f'<form method="post">{button("Complete", "complete")}{button("Fail", "fail", second=True)}</form>',
        )

    async def answer_challenge(self, request: Request) -> Response:
        """POST of a challenge: complete it or let it fail, and go back."""
        given = forms.tree((await request.body()).decode("utf-8", "replace"))
        id = request.path_params["id"]
        with self._store.transaction() as tx:
            before = tx.get(id) or {}
            try:
                intent = checkout_sessions.answer_challenge(tx, id, given.get("action", "complete") == "complete")
            except Refusal as refusal:
                return page("3-D Secure", error(str(refusal)), 409)
            session = tx.get(tx.hidden(id).get("session", ""), "checkout.session")
            answer = self._page(tx, session, intent)
        self._committed()
        if session:
            if session["status"] == "complete":
                return answer
            return RedirectResponse(f"{self._store.settings.public_url}/checkout/{session['id']}", 303)
        back = (before["next_action"].get("redirect_to_url") or {}).get("return_url")
        if back is None:
            return page("3-D Secure", "<p>Done. You may close this page.</p>")
        kind = intent["object"]
        told = {
            kind: id,
            f"{kind}_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
        }
        return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{urlencode(told)}", 303)

    def _page(self, tx: Transaction, session: Json | None, intent: Json | None, problem: str | None = None) -> Response:
        if session is None:
            return page("Nothing here", "<p>This checkout does not exist.</p>", 404)
        back = session["cancel_url"]
        link = f'<p><a href="{escape(back)}">Back without paying</a></p>' if back else ""
        if session["status"] == "complete":
            return RedirectResponse(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), 303)
        if session["status"] == "expired":
            return page("Too late", f"<p>This checkout has expired. Nothing was charged.</p>{link}", 410)
        failure = (intent or {}).get("last_payment_error") or (intent or {}).get("last_setup_error")
        problem = problem or (failure["message"] + " Try another card." if failure else None)
        label = f"Pay {_sum(session)}" if session["mode"] == "payment" else "Save card"
        return page(
            "Checkout",
            (error(problem) if problem else "")
            + f"<p>{_what(tx, session)}<strong>{escape(_sum(session))}</strong></p>"
            + f'<form method="post">{_FIELDS}{button(label)}</form>{link}{_HINTS}',
        )


def _sum(of: Json) -> str:
    amount = of.get("amount_total", of.get("amount"))
    return "" if amount is None else written(amount, of["currency"])


def _what(tx: Transaction, session: Json) -> str:
    """What is paid for, as the seller named it."""
    items = tx.hidden(session["id"]).get("items") or []
    named = [(item["price_data"].get("product_data") or {}).get("name") for item in items]
    return "".join(f"{escape(name)}<br>" for name in named if name)


_FIELDS = """
<label for="number">Card number</label>
<input id="number" name="number" inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242">
<label for="exp">Expiry (MM/YY)</label><input id="exp" name="exp" autocomplete="cc-exp" placeholder="12/34">
<label for="cvc">Security code</label>
<input id="cvc" name="cvc" inputmode="numeric" autocomplete="cc-csc" placeholder="123">
"""

_HINTS = (
    '<p class="hint">Test cards:</p><table>'
    + "".join(f"<tr><td><code>{CARDS[name].number}</code></td><td>{words}</td></tr>" for name, words in _SHOWN)
    + "</table>"
)


def _card(given: Json) -> Card | str:
    """The card from the form's fields, or what is wrong with them."""
    number = re.sub(r"[\s-]", "", str(given.get("number", "")))
    expiry = re.fullmatch(r"\s*(\d{1,2})\s*/\s*(?:20)?(\d{2})\s*", str(given.get("exp", "")))
    if number not in BY_NUMBER:
        return "This is none of the test cards. The simulator takes no other ones."
    if expiry is None or not 1 <= int(expiry[1]) <= 12:
        return "The expiry is written MM/YY."
    today = wall()
    if (2000 + int(expiry[2]), int(expiry[1])) < (today.year, today.month):
        return "This card has expired."
    if not re.fullmatch(r"\s*\d{3,4}\s*", str(given.get("cvc", ""))):
        return "The security code has three or four digits."
    return BY_NUMBER[number]
