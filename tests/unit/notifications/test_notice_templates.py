"""Everybody the registry names hears of every event, in words that fit."""

import re
from collections.abc import Iterator
from string import Formatter
from typing import Any, Literal, get_args, get_origin

import pytest
from skillscoop_messages.events.base import Event
from skillscoop_messages.examples import EXAMPLES
from skillscoop_messages.registry import EVENTS
from skillscoop_notifications.domain.notice_template import (
    Notice,
    NoticeTemplate,
    actor_of,
    card_data,
    notice_for,
    rendered,
)
from skillscoop_notifications.domain.notice_templates import MAIL_DEFAULTS, NOTICE_TEMPLATES, template_of
from skillscoop_notifications.domain.people import mail_choices, wants_mail
from skillscoop_notifications.domain.words import names_of, one_line, words_of

TOLD = [entry for entry in EVENTS.values() if entry.recipients and entry.publisher != "notifications"]
TOLD_ELSEWHERE = {"payments.payment.failed.v1", "payments.payment.canceled.v1"}
"""Facts the client hears of once, as the answer contracts gives to them."""


def example_of(event_type: str) -> Event:
    return next(event for event in EXAMPLES.values() if event.type == event_type)


def variants(event: Event) -> Iterator[dict[str, Any]]:
    """The example's fields, and each of its closed choices in turn."""
    yield dict(vars(event))
    for name, info in type(event).model_fields.items():
        choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
        if info.annotation is bool:
            choices = (True, False)
        for choice in choices:
            yield {**vars(event), name: choice}
        if type(None) in get_args(info.annotation):
            yield {**vars(event), name: None}


CASES = [
    pytest.param(entry, data, id=f"{entry.type}-{number}")
    for entry in TOLD
    for number, data in enumerate(variants(example_of(entry.type)))
]


@pytest.mark.parametrize(("entry", "data"), CASES)
def test_every_recipient_reads_a_finished_sentence(entry: Any, data: dict[str, Any]) -> None:
    template = template_of(entry.type, data)
    assert template is not None
    actor = actor_of(template, data)
    said = {**words_of(data), **names_of(None, None, actor)}
    for role in entry.recipients:
        notice = notice_for(template, role, actor)
        if notice is None:
            assert may_stay_silent(entry.type, template, role)
            continue
        text = rendered(notice, said)
        assert text.title
        assert len(text.title) <= 200
        for sentence in (text.title, text.body):
            assert not re.search(r"[{}]|None|\bthe \.|^the ", sentence), sentence
            assert "escrow" not in sentence.lower()


def may_stay_silent(event_type: str, template: NoticeTemplate, role: str) -> bool:
    """Our team only hears of disputes it works on; nobody of an assignment to nobody."""
    return event_type in TOLD_ELSEWHERE or role == "support" or template.when == ("agent_id", None) or not template.card


@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: entry.type)
def test_templates_ask_only_for_words_the_event_has(entry: Any) -> None:
    for data in variants(example_of(entry.type)):
        template = template_of(entry.type, data)
        assert template is not None
        known = set(words_of(vars(example_of(entry.type)))) | set(names_of(None, None, None))
        asked = {
            name
            for notice in template.notices.values()
            for text in (notice.title, notice.body)
            for _, name, _, _ in Formatter().parse(text)
            if name
        }
        assert asked <= known


@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: entry.type)
def test_a_telling_names_real_fields(entry: Any) -> None:
    fields = set(entry.event.model_fields)
    for template in NOTICE_TEMPLATES[entry.type]:
        assert template.kind == entry.type.split(".", 1)[1].removesuffix(".v1")
        assert template.subject[1] in fields
        assert set(template.data) <= fields
        assert template.when is None or template.when[0] in fields
        assert template.actor_field is None or template.actor_field in fields
        assert set(template.notices) <= set(entry.recipients) | {"actor", "other"}


def test_nothing_is_told_of_events_that_are_for_nobody() -> None:
    assert set(NOTICE_TEMPLATES) == {entry.type for entry in TOLD}


def test_what_only_one_party_may_hear_is_on_no_card() -> None:
    shown_to_both = {type_ for type_, group in NOTICE_TEMPLATES.items() if any(template.card for template in group)}
    assert all({"client", "freelancer"} <= EVENTS[type_].recipients for type_ in shown_to_both)


def test_the_freelancer_hears_of_a_release_when_decided_and_when_on_its_way() -> None:
    decided = {**vars(example_of("contracts.milestone.settlement_decided.v1")), "reason": "release"}
    delivered = vars(example_of("contracts.milestone.released.v1"))
    titles = []
    for type_, data in (
        ("contracts.milestone.settlement_decided.v1", decided),
        ("contracts.milestone.released.v1", delivered),
    ):
        template = template_of(type_, data)
        assert template is not None
        notice = notice_for(template, "freelancer", actor_of(template, data))
        assert notice is not None
        titles.append(rendered(notice, {**words_of(data), **names_of(None, None, None)}).title)
    assert "released" in titles[0]
    assert "on its way to your account" in titles[1]


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(12_50, "usd", "$12.50"), (1_250, "jpy", "¥1,250"), (12_500, "kwd", "12.500 KWD")],
)
def test_money_is_written_with_the_exponent_of_its_currency(amount: int, currency: str, written: str) -> None:
    data = {**vars(example_of("contracts.milestone.funded.v1")), "held": amount, "currency": currency}
    template = template_of("contracts.milestone.funded.v1", data)
    assert template is not None
    notice = notice_for(template, "freelancer", None)
    assert notice is not None
    body = rendered(notice, {**words_of(data), **names_of("Ada", None, None)}).body
    assert body == f"Ada paid: {written} is held securely via Stripe. You can start."
    assert card_data(template, data)["held"] == {"amount": amount, "currency": currency}


def test_names_are_used_where_known_and_begin_a_sentence_properly() -> None:
    known = names_of("Ada", "Ben", "client")
    assert (known["client"], known["Freelancer"], known["actor"], known["other"]) == ("Ada", "Ben", "Ada", "Ben")
    unknown = names_of(None, "", "freelancer")
    assert (unknown["client"], unknown["Client"]) == ("the client", "The client")
    assert (unknown["Actor"], unknown["other"]) == ("The freelancer", "the client")


def test_what_people_write_is_never_read_as_a_template() -> None:
    data = {**vars(example_of("contracts.terms.changes_requested.v1")), "comment": "{client} {0} %s {{x}}"}
    notice = Notice("{Freelancer} asks", "{quote}")
    assert rendered(notice, {**words_of(data), **names_of("Ada", "{title}", None)}) == Notice(
        "{title} asks", "{client} {0} %s {{x}}"
    )


def test_titles_are_one_printable_line() -> None:
    assert one_line("Logo\r\nBcc: everybody\x00\u2028!", 80) == "Logo Bcc: everybody !"
    assert len(one_line("x" * 500)) == 80


def test_preferences_list_every_kind_that_has_a_notice() -> None:
    assert set(MAIL_DEFAULTS) == {one.kind for group in NOTICE_TEMPLATES.values() for one in group if one.notices}
    assert mail_choices({"milestone.funded": False})["milestone.funded"] is False
    assert mail_choices({})["milestone.funded"] is True
    assert wants_mail("milestone.held_changed", False, {"milestone.held_changed": True})
