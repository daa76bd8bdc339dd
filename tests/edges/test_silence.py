"""What is secret stays so: nothing of it in any log line, event, stored answer, or another service's database."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from skillscoop_chassis.telemetry import set_up_logging
from skillscoop_messages.ids import new_message_id
from skillscoop_messages.transport.base import RawMessage

from tests.edges.all_services import HOOK_SECRET, THIN_SECRET, AllServices
from tests.edges.scenes import Scene
from tests.edges.test_webhooks import EVENT, deliver, knock, now, signature
from tests.support.applications import SERVICES

MAIL, NAME = "mona.secret@mail.example", "Mona Secret-Name"
WORDS = {
    "a message": "words-of-a-message",
    "a piece of evidence": "words-of-evidence",
    "an internal note": "words-of-a-note",
    "a sealed review": "words-of-a-review",
    "a form": "words-of-a-form",
    "an answer": "words-of-an-answer",
    "a refused body": "words-of-a-refused-body",
    "poison": "words-of-poison",
}
ONLY_HERE = {
    "a message": "notifications",
    "the address": "notifications",
    "the name": "notifications",
    "a form": "disputes",
    "an answer": "disputes",
    "a piece of evidence": "disputes",
    "an internal note": "disputes",
    "a sealed review": "reviews",
    "the client's secret": "payments",
}
"""Which service's database may know it."""


@dataclass
class Heard:
    """What processes wrote to their logs, and what must not stand there."""

    level: str
    log: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)


@contextmanager
def logging_as_a_process(level: str) -> Iterator[io.StringIO]:
    """Everything this process logs, as a service would write it to stderr."""
    root = logging.getLogger()
    before = (
        root.level,
        list(root.handlers),
        {name: logging.getLogger(name).level for name in logging.root.manager.loggerDict},
    )
    written = io.StringIO()
    set_up_logging("edges", "json", level)
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    try:
        yield written
    finally:
        root.handlers[:] = before[1]
        root.setLevel(before[0])
        for name, known in before[2].items():
            logging.getLogger(name).setLevel(known)


async def tell_secrets(all_services: AllServices, scenes: dict[str, Scene]) -> dict[str, str]:
    """A busy day with something secret in every move. What is secret, by name."""
    secrets = {**WORDS, "the address": MAIL, "the name": NAME}
    secrets |= {f"the token of {who}": token for who, token in all_services.tokens.items()}
    secrets |= {"a webhook secret": HOOK_SECRET, "another webhook secret": THIN_SECRET}
    secrets["a key"] = "words-of-an-idempotency-key"

    await all_services.ask("ada", "PUT", "/v1/me/contact", {"email": MAIL, "name": NAME})
    await all_services.settle()
    secrets["the code"] = next(
        word for word in all_services.emails[-1].text.split() if word.isdigit() and len(word) == 8
    )
    await all_services.ask("ada", "POST", "/v1/me/contact/confirm", {"code": "00000000"})
    await all_services.done("ada", "POST", "/v1/me/contact/confirm", {"code": secrets["the code"]})

    active = scenes["active"]
    fund = {"amount": active.prices[0], "revision": 1, "method": "payment_intent"}
    path = f"/v1/milestones/{active.milestone_id}"
    await all_services.done("ada", "POST", f"{path}/fund", fund, key=secrets["a key"])
    await all_services.settle()
    secrets["the client's secret"] = (await all_services.done("ada", "GET", f"{path}/payment"))["client_secret"]
    secrets["the page to pay"] = (
        await all_services.done("ada", "GET", f"/v1/milestones/{scenes['paying'].milestone_id}/payment")
    )["checkout_url"]
    link = await all_services.done("grace", "POST", "/v1/payout-accounts/me/onboarding-link", {})
    secrets["the onboarding link"] = link["url"]
    secrets["the ticket"] = (await all_services.done("ada", "POST", "/v1/stream/tickets"))["ticket"]
    await all_services.ask(None, "GET", f"/v1/stream?ticket={secrets['the ticket']}x")

    talk = f"/v1/conversations/{active.conversation_id}/messages"
    await all_services.done("ada", "POST", talk, {"text": WORDS["a message"]})
    case, form = scenes["disputed"], scenes["funded"]
    await all_services.done("ada", "POST", f"{case.dispute}/evidence", {"text": WORDS["a piece of evidence"]})
    await all_services.done("grace", "POST", f"{case.dispute}/answer", {"statement": WORDS["an answer"]})
    await all_services.done("sue", "POST", f"{scenes['reviewed'].dispute}/notes", {"text": WORDS["an internal note"]})
    filed = {"contract_id": form.contract_id, "reason": "late", "statement": WORDS["a form"], "desired": []}
    await all_services.done("ada", "POST", "/v1/disputes", filed)
    review = {"rating": 2, "text": WORDS["a sealed review"]}
    await all_services.done("ada", "PUT", f"{scenes['completed'].contract}/review", review)
    await all_services.settle()

    refused = WORDS["a refused body"]
    await all_services.ask("ada", "POST", talk, {"text": [refused], "other": refused})
    await all_services.ask("ada", "POST", talk, raw=f'{{"text": "{refused}'.encode())
    await all_services.ask("mallory", "POST", talk, {"text": refused})
    await all_services.ask(
        None, "GET", "/v1/contracts", headers=[("Authorization", f"Bearer {all_services.token('ada')}x")]
    )
    await all_services.ask(None, "GET", f"/v1/contracts?token={all_services.token('ada')}")
    await all_services.ask("ada", "GET", f"/v1/contracts/{MAIL}")
    poison = json.dumps({"specversion": "1.0", "id": WORDS["poison"], "data": {"text": WORDS["poison"]}}).encode()
    for queue in ("contracts.note_payout_account", "payments.learn_policy", "notifications.notify_people"):
        await all_services.put(
            queue,
            [RawMessage(new_message_id(), "x", "y", poison), RawMessage(new_message_id(), "x", "y", b"\xff" + poison)],
        )
    await deliver(
        all_services, {**EVENT, "data": {"object": {"id": "pi_1", "client_secret": secrets["the client's secret"]}}}
    )
    body = json.dumps({**EVENT, "data": MAIL}).encode()
    await knock(all_services, body, signature(body, "whsec_guessed", now(all_services)))
    await all_services.settle()
    return secrets


@pytest_asyncio.fixture(loop_scope="session", params=["info", "debug"])
async def heard(
    request: pytest.FixtureRequest, all_services: AllServices, scenes: dict[str, Scene]
) -> AsyncIterator[Heard]:
    """A busy day, overheard."""
    first = len(all_services.said)
    for who in ("ada", "grace", "mallory", "sue", "olga"):
        all_services.token(who)
    with logging_as_a_process(request.param) as written:
        logging.getLogger("skillscoop").info("it is on")
        secrets = await tell_secrets(all_services, scenes)
    yield Heard(request.param, written.getvalue(), secrets, [raw.body for raw in all_services.said[first:]])


async def test_nothing_secret_is_told(heard: Heard, all_services: AllServices) -> None:
    lines = [json.loads(line) for line in heard.log.splitlines()]
    assert lines[0]["event"] == "it is on"
    assert len(lines) > 5, "refused webhooks, poison and tokens are logged"
    assert len(heard.events) > 5
    told = {
        name: [line for line in heard.log.splitlines() if secret in line][:2] for name, secret in heard.secrets.items()
    }
    assert {name: where for name, where in told.items() if where} == {}

    named = {
        name: [event for event in heard.events if secret.encode() in event] for name, secret in heard.secrets.items()
    }
    assert {name: where for name, where in named.items() if where} == {}

    for service in SERVICES:
        answers = "".join(body for (body,) in all_services.rows(service, "SELECT body FROM idempotency_keys"))
        for name in ("the client's secret", "the page to pay", "the onboarding link", "the ticket", "the code"):
            assert heard.secrets[name] not in answers, (service, name)
        whole = contents(all_services, service)
        for name, secret in heard.secrets.items():
            nowhere = name.startswith(("the token", "a key", "the ticket", "a webhook", "the onboarding"))
            if nowhere or ONLY_HERE.get(name, service) != service:
                assert secret not in whole, (service, name)


def contents(all_services: AllServices, service: str) -> str:
    """Everything that stands in a service's database."""
    tables = all_services.rows(service, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return "".join(repr(all_services.rows(service, f'SELECT * FROM "{name}"')) for (name,) in tables)
