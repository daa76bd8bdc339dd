"""Web pages as a person uses them: open the address, fill in the first form, press its first button."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

from skillscoop_cli.failures import CheckFailed


@dataclass(frozen=True, slots=True)
class Form:
    """The first form of a page: where it goes and what stands in it."""

    method: str
    action: str
    fields: Mapping[str, str]


class _FirstForm(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.method = self.action = ""
        self.fields: dict[str, str] = {}
        self._inside = self._over = self._pressed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._over:
            return
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = True
            self.method, self.action = given.get("method", "get").upper(), given.get("action", "")
        elif self._inside and tag in ("input", "button", "textarea", "select") and given.get("name"):
            button = tag == "button" or given.get("type") in ("submit", "image")
            unchecked = given.get("type") in ("checkbox", "radio") and "checked" not in given
            if not unchecked and not (button and self._pressed):
                self.fields.setdefault(given["name"], given.get("value", ""))
            self._pressed = self._pressed or button
        elif self._inside and (tag == "button" or (tag == "input" and given.get("type") == "submit")):
            self._pressed = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._inside:
            self._over = True

    @property
    def found(self) -> bool:
        return self._inside


def first_form(html: str, address: str) -> Form | None:
    """The page's first form with the fields a press on its first button sends, or `None`."""
    parser = _FirstForm()
    parser.feed(html)
    return Form(parser.method, urljoin(address, parser.action), parser.fields) if parser.found else None


async def fill_in(http: httpx2.AsyncClient, address: str, what: Mapping[str, str], patience: float) -> int:
    """Open `address`, fill `what` into its first form, press the button; the status of where that leads.

    A page that has no form with these fields any more has been sent already: 200. Connections that get lost are tried
    again for `patience` seconds. Raises `CheckFailed`.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            shown = await http.get(address, follow_redirects=True)
            form = first_form(shown.text, str(shown.url))
            if shown.status_code < 500 and (form is None or set(what) - set(form.fields)):
                if shown.status_code >= 400:
                    raise CheckFailed(f"the page {address} answered {shown.status_code}")
                return shown.status_code
            if form is not None and shown.status_code < 500:
                return await _sent(http, form, {**form.fields, **what})
        except httpx2.TransportError as error:
            if time.monotonic() > deadline:
                told = f"waited {patience:.0f} s in vain: an answer from the page {address} ({type(error).__name__})"
                raise CheckFailed(told) from error
        if time.monotonic() > deadline:
            raise CheckFailed(f"waited {patience:.0f} s in vain: the page {address} to work")
        await asyncio.sleep(0.1)


async def _sent(http: httpx2.AsyncClient, form: Form, fields: Mapping[str, str]) -> int:
    """Send the form and follow where it leads. Where the way back leads out of reach, the form itself counts."""
    if form.method == "GET":
        answer = await http.get(form.action, params=dict(fields))
    else:
        answer = await http.post(form.action, data=dict(fields))
    status = answer.status_code
    if answer.is_redirect and answer.next_request is not None:
        try:
            status = (await http.get(answer.next_request.url, follow_redirects=True)).status_code
        except httpx2.TransportError:
            return status
    return status
