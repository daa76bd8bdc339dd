"""How the caller can be reached, and what is mailed to them."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter
from pydantic import AfterValidator, Field
from skillscoop_chassis.http.dependencies import ReadRequest, WriteRequest
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import StrictRequest
from skillscoop_chassis.http.problems import Problem, documented, invalid
from skillscoop_messages.executor import Executor
from skillscoop_messages.texts import is_one_line, shows_something
from starlette.responses import Response

from skillscoop_notifications.api import error_mapping  # noqa: F401 - registers this service's codes
from skillscoop_notifications.domain.notice_templates import MAIL_DEFAULTS
from skillscoop_notifications.domain.people import LOCALE, is_address, language_of_tag
from skillscoop_notifications.repository import people
from skillscoop_notifications.schemas import UNCHANGED, ContactView, PreferencesView
from skillscoop_notifications.usecases import contact as contacts
from skillscoop_notifications.views import contact_view, preferences_view

router = APIRouter(tags=["contact"])


class ContactRequest(StrictRequest):
    """The whole contact; what is left out goes back to its default. `email: null` ends all mail.

    `locale` is a language tag (BCP 47, or as POSIX writes it); the language of it is kept.
    """

    email: Annotated[str, Field(min_length=3, max_length=254)] | None = Field(examples=["ada@example.org"])
    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")] | None = Field(
        default=None, examples=["Ada"]
    )
    locale: Annotated[str, Field(min_length=2, max_length=100, pattern=LOCALE), AfterValidator(language_of_tag)] = (
        Field(default="en", examples=["en", "en-US-u-fw-mon", "pt_BR"])
    )
    time_zone: str = Field(default="UTC", min_length=1, max_length=64, examples=["Europe/Berlin"])


class ConfirmRequest(StrictRequest):
    """The code from the mail."""

    code: str = Field(min_length=1, max_length=32, examples=["12345678"])


class PreferencesRequest(StrictRequest):
    """Which kinds to mail, by name; kinds not named stay as they are."""

    email: dict[str, bool] = Field(max_length=100, examples=[{"milestone.funded": True}])


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _checked(body: ContactRequest) -> contacts.Contact:
    if body.email is not None and not is_address(body.email):
        raise invalid("/email", "malformed", "This is not a mail address.")
    if body.name is not None and not (is_one_line(body.name) and shows_something(body.name)):
        raise invalid("/name", "malformed", "A name is one line that shows something.")
    if _zones() and body.time_zone not in _zones():
        raise invalid("/time_zone", "not_allowed", "This is not an IANA time zone.")
    return contacts.Contact(body.email, body.name and body.name.strip(), body.locale, body.time_zone)


@router.get("/v1/me/contact", response_model=ContactView, responses=UNCHANGED, summary="My contact")
async def get_contact(read: ReadRequest) -> Response:
    """What the caller told about themselves, or the defaults with version 0."""
    tx = await read.begin()
    row = await contacts.known_person(tx, read.actor.id)
    return read.reply(contact_view(row), version=row["version"])


@router.put("/v1/me/contact", response_model=ContactView, responses=documented(429), summary="Change my contact")
async def put_contact(work: WriteRequest, body: ContactRequest) -> Response:
    """Say how the caller can be reached. A new address gets a code by mail and counts once that was confirmed."""
    contact = _checked(body)
    tx = await work.begin()
    known = await people.ensure_person(tx, work.actor.id)
    work.match(known["version"])
    row, mailed = await contacts.change_contact(tx, known, contact)
    if mailed:
        mail: Executor[object] = work.service.outside["mail"]
        tx.after_commit(mail.nudge)
    return await work.reply(contact_view(row), version=row["version"])


@router.post(
    "/v1/me/contact/confirm",
    response_model=ContactView,
    summary="Confirm my mail address",
    openapi_extra=MATCH_UNUSED,
)
async def confirm_contact(work: WriteRequest, body: ConfirmRequest) -> Response:
    """Confirm the address with the code that was mailed to it; five tries, 24 hours."""
    tx = await work.begin()
    row = await contacts.confirm_contact(tx, work.actor.id, body.code.strip())
    if row is None:
        # Answered, not raised: the wrong try must be committed to count.
        wrong = Problem("code_wrong", "This is not the code from the mail.")
        return wrong.response(work.request.scope["path"], work.request_id)
    return await work.reply(contact_view(row), version=row["version"])


@router.get(
    "/v1/notification-preferences",
    response_model=PreferencesView,
    responses=UNCHANGED,
    summary="What is mailed to me",
)
async def get_preferences(read: ReadRequest) -> Response:
    """Every kind of notice with whether it is also mailed."""
    tx = await read.begin()
    row = await contacts.known_person(tx, read.actor.id)
    return read.reply(preferences_view(row), version=row["mail_version"])


@router.put("/v1/notification-preferences", response_model=PreferencesView, summary="Choose what is mailed to me")
async def put_preferences(work: WriteRequest, body: PreferencesRequest) -> Response:
    """Choose by kind. The feed and the stream always tell everything."""
    if not body.email.keys() <= MAIL_DEFAULTS.keys():
        raise invalid("/email", "not_allowed", "There is no such kind of notice.")
    tx = await work.begin()
    known = await people.ensure_person(tx, work.actor.id)
    work.match(known["mail_version"])
    row = await contacts.choose_mail(tx, known, body.email)
    return await work.reply(preferences_view(row), version=row["mail_version"])
