"""Mail: to confirmed addresses only, by preference, and never in anybody's way."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP
from skillscoop_notifications.adapters.emails import email_writer
from skillscoop_notifications.adapters.file_sink import file_mailer
from skillscoop_notifications.adapters.mail import Delayed, Refused, Sent
from skillscoop_notifications.adapters.smtp import smtp_mailer
from skillscoop_notifications.tables import DELIVERIES, PEOPLE

from tests.integration.notifications.conftest import Mailbox, deliver, envelope, send_mail
from tests.integration.notifications.story import ADA, BEN, NOON, TraceContext
from tests.support.one_service import OneService

ADDRESS = "ben@example.org"


def contact(email: str | None = ADDRESS, name: str | None = "Ben") -> dict[str, Any]:
    return {"email": email, "name": name, "locale": "en", "time_zone": "Europe/Berlin"}


def code_in(mailbox: Mailbox) -> str:
    found = re.search(r"\b(\d{8})\b", mailbox.emails[-1].text)
    assert found
    return found.group(1)


async def confirmed(stage: OneService, mailbox: Mailbox) -> None:
    """Ben told his address and confirmed it."""
    await stage.call(BEN, "PUT", "/v1/me/contact", contact())
    await send_mail(stage)
    answer = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    assert answer.json()["email_confirmed"] is True
    mailbox.emails.clear()


async def states(stage: OneService) -> list[str]:
    async with stage.service.database.read() as tx:
        rows = await tx.all(sa.select(DELIVERIES.c.state).order_by(DELIVERIES.c.id))
    return [row["state"] for row in rows]


async def test_an_address_counts_only_once_it_is_confirmed(stage: OneService, mailbox: Mailbox) -> None:
    unknown = (await stage.call(BEN, "GET", "/v1/me/contact")).json()
    assert (unknown["email"], unknown["version"], unknown["locale"]) == (None, 0, "en")
    put = await stage.call(BEN, "PUT", "/v1/me/contact", contact())
    assert (put.json()["email"], put.json()["email_confirmed"]) == (ADDRESS, False)
    await stage.hear(TraceContext().funded())
    await send_mail(stage)
    assert mailbox.to(ADDRESS) == ["Please confirm your mail address"]

    wrong = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": "no"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "code_wrong")
    right = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    assert right.json()["email_confirmed"] is True
    again = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    assert again.json()["version"] == right.json()["version"]
    await stage.hear(TraceContext().funded())
    await send_mail(stage)
    assert mailbox.to(ADDRESS)[1:] == ["“Payment page” is funded"]

    await stage.call(BEN, "PUT", "/v1/me/contact", contact("ben2@example.org"))
    await stage.hear(TraceContext().funded())
    await send_mail(stage)
    assert mailbox.to(ADDRESS)[2:] == []
    assert mailbox.to("ben2@example.org") == ["Please confirm your mail address"]


async def test_a_code_cannot_be_guessed(stage: OneService, mailbox: Mailbox) -> None:
    await stage.call(BEN, "PUT", "/v1/me/contact", contact())
    await send_mail(stage)
    for _ in range(5):
        answer = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": "00000000x"})
        assert answer.status_code == 422
    answer = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    assert (answer.status_code, answer.json()["code"]) == (409, "code_expired")
    other = await stage.call(ADA, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    assert other.status_code == 409


async def test_an_old_code_is_worth_nothing(stage: OneService, mailbox: Mailbox) -> None:
    await stage.call(BEN, "PUT", "/v1/me/contact", contact())
    await send_mail(stage)
    async with stage.service.database.begin() as tx:
        await tx.execute(PEOPLE.update().values(code_expires_at=tx.wall()))
    answer = await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    assert answer.status_code == 409


async def test_nobody_fills_a_strangers_mailbox(stage: OneService, mailbox: Mailbox) -> None:
    answers = [
        (await stage.call(BEN, "PUT", "/v1/me/contact", contact(f"n{number}@example.org"))).status_code
        for number in range(6)
    ]
    assert answers == [200] * 5 + [429]
    await send_mail(stage)
    assert len(mailbox.emails) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"email": "ben"},
        {"email": "ben@example.org\nBcc: eve@example.org"},
        {"email": 7},
        {"name": ""},
        {"name": "Ben\nBcc: eve"},
        {"name": "x" * 201},
        {"locale": "english please"},
        {"locale": "e"},
        {"locale": "en-"},
        {"name": "\u202egnirts"},
        {"name": "\u200d\u200c"},
        {"name": "\u3164"},
        {"time_zone": "Mars/Olympus"},
        {"phone": "1"},
    ],
)
async def test_a_contact_that_is_none_is_refused(stage: OneService, change: dict[str, Any]) -> None:
    answer = await stage.call(BEN, "PUT", "/v1/me/contact", {**contact(), **change})
    assert answer.status_code == 422
    assert "eve" not in answer.text
    assert (await stage.call(BEN, "GET", "/v1/me/contact")).json()["version"] == 0


async def test_mail_follows_preferences_and_leaves_out_what_one_did_oneself(
    stage: OneService, mailbox: Mailbox
) -> None:
    await confirmed(stage, mailbox)
    kinds = (await stage.call(BEN, "GET", "/v1/notification-preferences")).json()["email"]
    assert kinds["milestone.funded"] is True
    assert kinds["contract.created"] is False
    path = "/v1/notification-preferences"
    put = await stage.call(BEN, "PUT", path, {"email": {"milestone.funded": False, "contract.created": True}})
    assert put.json()["email"] == {**kinds, "milestone.funded": False, "contract.created": True}
    assert put.headers["etag"] == '"1"'
    stale = await stage.call(BEN, "PUT", path, {"email": {}}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert (await stage.call(BEN, "PUT", path, {"email": {"everything": True}})).status_code == 422
    assert (await stage.call(BEN, "PUT", path, {"email": {"milestone.funded": 1}})).status_code == 422

    story = TraceContext()
    for event in (story.created(), story.funded(), story.submitted(), story.released()):
        await stage.hear(event)
    await send_mail(stage)
    assert sorted(mailbox.to(ADDRESS)) == [
        "$125.00 is on its way to your account",
        "The client drafts a contract with you",
    ]


async def test_a_fact_is_mailed_once_however_often_it_arrives(stage: OneService, mailbox: Mailbox) -> None:
    await confirmed(stage, mailbox)
    funded = envelope(TraceContext().funded(), 1, NOON)
    for _ in range(3):
        await deliver(stage, [funded])
        await send_mail(stage)
    assert len(mailbox.to(ADDRESS)) == 1


async def test_a_mail_server_that_is_down_stops_nothing_and_gets_everything_later(
    stage: OneService, mailbox: Mailbox
) -> None:
    await confirmed(stage, mailbox)
    mailbox.answers = [Delayed("smtp_unreachable")]
    await stage.hear(TraceContext().funded())
    await send_mail(stage)
    assert mailbox.emails == []
    assert (await stage.call(BEN, "GET", "/v1/notifications/unread-count")).json()["unread_count"] == 1
    assert await states(stage) == ["sent", "pending"]

    async with stage.service.database.begin() as tx:
        await tx.execute(DELIVERIES.update().where(DELIVERIES.c.state == "pending").values(due_at=tx.wall()))
    await send_mail(stage)
    assert mailbox.to(ADDRESS) == ["“Payment page” is funded"]
    assert await states(stage) == ["sent", "sent"]


async def test_letters_that_never_arrive_end(stage: OneService, mailbox: Mailbox) -> None:
    await confirmed(stage, mailbox)
    mailbox.answers = [Refused("smtp_550"), Delayed("smtp_451")]
    await stage.hear(TraceContext().funded())
    await send_mail(stage)
    await stage.hear(TraceContext().funded())
    async with stage.service.database.begin() as tx:
        await tx.execute(DELIVERIES.update().values(created_at=tx.wall() - timedelta(hours=49)))
    await send_mail(stage)
    assert await states(stage) == ["sent", "refused", "given_up"]
    async with stage.service.database.read() as tx:
        assert {str(row["data"]) + str(row["address"]) for row in await tx.all(sa.select(DELIVERIES))} == {"{}None"}


async def test_an_address_taken_back_meanwhile_gets_nothing(stage: OneService, mailbox: Mailbox) -> None:
    await confirmed(stage, mailbox)
    await stage.hear(TraceContext().funded())
    await stage.call(BEN, "PUT", "/v1/me/contact", contact(None))
    await send_mail(stage)
    assert mailbox.emails == []
    assert await states(stage) == ["sent", "dropped"]


async def test_no_address_and_no_name_stands_in_a_log_or_an_event(
    stage: OneService, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await stage.call(BEN, "PUT", "/v1/me/contact", contact(name="Benedict Secretname"))
    await send_mail(stage)
    await stage.call(BEN, "POST", "/v1/me/contact/confirm", {"code": code_in(mailbox)})
    await stage.hear(TraceContext().funded())
    mailbox.answers = [Delayed("smtp_unreachable")]
    await send_mail(stage)
    story = TraceContext()
    await stage.hear(story.created())
    thread = (await stage.call(BEN, "GET", f"/v1/conversations?contract_id={story.contract_id}")).json()["data"][0]
    await stage.call(BEN, "POST", f"/v1/conversations/{thread['id']}/messages", {"text": "hi"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("skillscoop")]
    assert ADDRESS not in str(ours) + str(stage.said)
    assert "Secretname" not in str(ours) + str(stage.said)


class Server:
    """What a real mail server got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.refuse: str | None = None

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.got.append(envelope.content)
        return "250 OK"


@pytest.fixture
async def smtp() -> AsyncIterator[tuple[Server, str]]:
    """A mail server of our own."""
    server = Server()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(server, hostname="here", loop=loop), "127.0.0.1", 0)
    yield server, f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


def email() -> Any:
    data = {"title": "“Logo” is funded", "body": "Held.\nGo.", "kind": "milestone.funded", "contract_id": None}
    return email_writer(None)("dlv_1", ADDRESS, "notice", data)


async def test_a_letter_arrives_whole_through_a_mail_server(smtp: tuple[Server, str]) -> None:
    server, url = smtp
    send = smtp_mailer(url, "SkillScoop <no-reply@example.org>", lambda: NOON)
    assert await send(email()) == Sent()
    message = message_from_bytes(server.got[0], policy=policy.default)
    assert (message["To"], message["Subject"]) == (ADDRESS, "“Logo” is funded")
    assert message["Message-ID"] == "<dlv_1@example.org>"
    text, html = message.iter_parts()
    assert "Held." in text.get_content()
    assert "Go." in html.get_content()


async def test_what_the_server_refuses_is_told_apart(smtp: tuple[Server, str]) -> None:
    server, url = smtp
    send = smtp_mailer(url, "no-reply@example.org", lambda: NOON)
    server.refuse = f"550 no {ADDRESS} here"
    assert await send(email()) == Refused("smtp_550")
    server.refuse = "450 later"
    assert isinstance(await send(email()), Delayed)


async def test_no_server_at_all_is_only_a_delay() -> None:
    send = smtp_mailer("smtp://127.0.0.1:1", "no-reply@example.org", lambda: NOON)
    assert await send(email()) == Delayed("smtp_unreachable")


async def test_without_a_server_letters_become_files(tmp_path: Path) -> None:
    send = file_mailer(tmp_path / "mail", "no-reply@example.org", lambda: NOON)
    assert await send(email()) == Sent()
    assert await send(email()) == Sent()
    (file,) = (tmp_path / "mail").iterdir()
    assert file.name == "dlv_1.eml"
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["To"] == ADDRESS
    (tmp_path / "taken").write_text("")
    assert isinstance(await file_mailer(tmp_path / "taken", "a@b.org", lambda: NOON)(email()), Delayed)


@pytest.mark.parametrize("name", ["ශ්\u200dරී", "علی\u200cرضا", "👨\u200d👩\u200d👧"])
async def test_a_name_with_joiners_is_kept_and_told_as_it_is(stage: OneService, name: str) -> None:
    """Given a client whose name is written with joiners
    When they draft a contract
    Then the freelancer's notice says the name unchanged, and so does their contact.
    """
    put = await stage.call(ADA, "PUT", "/v1/me/contact", {"email": None, "name": name})
    assert (put.status_code, put.json()["name"]) == (200, name)
    await stage.hear(TraceContext().created())
    notice = (await stage.call(BEN, "GET", "/v1/notifications")).json()["data"][0]
    assert notice["title"].startswith(f"{name} drafts")


@pytest.mark.parametrize(
    ("tag", "language"),
    [("en-US-u-fw-mon", "en"), ("pt_BR", "pt"), ("EN-us", "en"), ("pt_BR.UTF-8", "pt"), ("zh-Hant-TW", "zh")],
)
async def test_a_locale_is_reduced_to_its_language(stage: OneService, tag: str, language: str) -> None:
    """Browsers and systems write what they mean with a language in different ways."""
    put = await stage.call(ADA, "PUT", "/v1/me/contact", {"email": None, "locale": tag})
    assert (put.status_code, put.json()["locale"]) == (200, language)
