"""The chat of a contract: its record of moves, and what the two say to each other."""

import random
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from skillscoop_chassis.tables import AUDIT_LOG
from skillscoop_messages.events.notifications import MessagePosted
from skillscoop_messages.ids import new_id
from skillscoop_notifications.main import build
from skillscoop_notifications.settings import NotificationsSettings

from tests.integration.notifications.conftest import deliver, envelope, shifted
from tests.integration.notifications.story import ADA, BEN, EVE, NOON, SUE, TITLE, TraceContext
from tests.support.identity import Issuer
from tests.support.one_service import OneService, on_stage


async def conversation(stage: OneService, user: str, story: TraceContext, *roles: str) -> dict[str, Any]:
    path = f"/v1/conversations?contract_id={story.contract_id}"
    found = (await stage.call(user, "GET", path, roles=roles)).json()["data"]
    assert len(found) == 1
    return dict(found[0])


async def messages(stage: OneService, user: str, conversation_id: str) -> list[dict[str, Any]]:
    """Every message, oldest first, read in pages of two."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await stage.call(user, "GET", f"/v1/conversations/{conversation_id}/messages?limit=2{cursor}")
        assert answer.status_code == 200
        found += answer.json()["data"]
        if answer.json()["next_cursor"] is None:
            return found[::-1]
        cursor = f"&cursor={answer.json()['next_cursor']}"


async def test_the_chat_opens_with_the_contract_and_both_can_talk(stage: OneService) -> None:
    story = TraceContext()
    await stage.hear(story.created())
    thread = await conversation(stage, BEN, story)
    assert thread["title"] == TITLE
    assert [(one["role"], one["user_id"]) for one in thread["participants"]] == [("client", ADA), ("freelancer", BEN)]

    path = f"/v1/conversations/{thread['id']}/messages"
    answer = await stage.call(BEN, "POST", path, {"text": "Hello Ada"}, key="k1")
    again = await stage.call(BEN, "POST", path, {"text": "Hello Ada"}, key="k1")
    assert answer.status_code == 201
    assert answer.json()["author_id"] == BEN
    assert again.json() == answer.json()
    one = await stage.call(ADA, "GET", answer.headers["location"])
    assert one.json() == answer.json()

    assert (await conversation(stage, ADA, story))["unread_count"] == 1
    assert (await conversation(stage, BEN, story))["unread_count"] == 1
    assert (await conversation(stage, ADA, story))["last_message"]["text"] == "Hello Ada"
    said = stage.heard(MessagePosted)
    assert [(one.author_id, one.contract_id, one.message_id) for one in said] == [
        (BEN, story.contract_id, answer.json()["id"])
    ]
    assert "Hello" not in str(said)


async def test_reading_clears_what_is_unread_and_the_other_side_sees_it(stage: OneService) -> None:
    story = TraceContext()
    await stage.hear(story.created())
    thread = await conversation(stage, ADA, story)
    path = f"/v1/conversations/{thread['id']}"
    first = (await stage.call(BEN, "POST", f"{path}/messages", {"text": "one"})).json()
    last = (await stage.call(BEN, "POST", f"{path}/messages", {"text": "two"})).json()

    part = await stage.call(ADA, "POST", f"{path}/read", {"message_id": first["id"]})
    assert part.json()["unread_count"] == 1
    assert (await stage.call(ADA, "POST", f"{path}/read")).json()["unread_count"] == 0
    back = await stage.call(ADA, "POST", f"{path}/read", {"message_id": first["id"]})
    assert back.json()["unread_count"] == 0
    assert (await conversation(stage, BEN, story))["other_read_up_to"] == last["id"]
    assert (await stage.call(ADA, "POST", f"{path}/read", {"message_id": new_id("msg")})).status_code == 404


async def test_every_move_is_a_card_shown_by_sequence_whatever_order_it_arrives_in(stage: OneService) -> None:
    story = TraceContext()
    # Two services' clocks differ, and two moves of one transaction share their time.
    clocks = [0, 5, 5, 4, 90, 91]
    told = [
        envelope(event, sequence, shifted(NOON, seconds=clocks[sequence - 1]))
        for sequence, event in enumerate(story.whole(), 1)
    ]
    for one in random.Random(7).sample(told, len(told)):
        await deliver(stage, [one])
    thread = await conversation(stage, ADA, story)
    cards = [one["card"] for one in await messages(stage, ADA, thread["id"])]
    assert [card["type"] for card in cards] == [
        "contract.created",
        "terms.proposed",
        "milestone.funded",
        "milestone.submitted",
        "milestone.settlement_decided",
        "milestone.released",
    ]
    assert cards[3]["subject"] == {"type": "milestone", "id": story.milestone_id}
    assert cards[3]["data"]["note"] == "All in the folder."
    assert cards[3]["data"]["held"] == {"amount": 12_500, "currency": "usd"}


async def test_a_batch_in_any_order_and_delivered_twice_shows_each_move_once(stage: OneService) -> None:
    story = TraceContext()
    told = [envelope(event, sequence, NOON) for sequence, event in enumerate(story.whole(), 1)]
    await deliver(stage, told[::-1])
    await deliver(stage, told)
    thread = await conversation(stage, BEN, story)
    shown = await messages(stage, BEN, thread["id"])
    assert [one["card"]["type"] for one in shown][-2:] == ["milestone.settlement_decided", "milestone.released"]
    assert len(shown) == 6
    assert [one["author_id"] for one in shown] == [ADA, ADA, None, BEN, ADA, None]


async def test_a_submission_taken_back_is_a_card_and_both_are_told(stage: OneService) -> None:
    """Given submitted work, when contracts says that it was taken back, then the chat shows it as the freelancer's."""
    story = TraceContext()
    whole = [story.created(), story.funded(), story.submitted(), story.retracted()]
    await deliver(stage, [envelope(event, sequence, NOON) for sequence, event in enumerate(whole, 1)])

    thread = await conversation(stage, ADA, story)
    last = (await messages(stage, ADA, thread["id"]))[-1]

    assert (last["card"]["type"], last["author_id"]) == ("milestone.submission_retracted", BEN)
    assert last["card"]["data"]["held"] == {"amount": 12_500, "currency": "usd"}
    titles = {
        user: (await stage.call(user, "GET", "/v1/notifications")).json()["data"][0]["title"] for user in (ADA, BEN)
    }
    assert titles[BEN] == "You took “Payment page” back"
    assert titles[ADA].endswith("took “Payment page” back")


async def test_news_may_overtake_the_contract_itself(stage: OneService) -> None:
    story = TraceContext()
    await deliver(stage, [envelope(story.funded(), 3, NOON)])
    await deliver(stage, [envelope(story.created(), 1, shifted(NOON, seconds=-9))])
    thread = await conversation(stage, ADA, story)
    shown = await messages(stage, ADA, thread["id"])
    assert [one["card"]["type"] for one in shown] == ["contract.created", "milestone.funded"]


async def test_what_arrives_late_is_not_read_already(stage: OneService) -> None:
    """Given Ben read everything, up to a message of today
    When a card of yesterday arrives
    Then it is one unread entry, shown in its place above the mark; reading again makes it read.
    """
    story, today = TraceContext(), stage.service.clocks.business()
    await deliver(stage, [envelope(story.created(), 1, shifted(today, hours=-30))])
    thread = await conversation(stage, BEN, story)
    path = f"/v1/conversations/{thread['id']}"
    await stage.call(ADA, "POST", f"{path}/messages", {"text": "Good morning"})
    read = await stage.call(BEN, "POST", f"{path}/read")
    assert read.json()["unread_count"] == 0

    await deliver(stage, [envelope(story.proposed(), 2, shifted(today, hours=-24))])
    assert (await conversation(stage, BEN, story))["unread_count"] == 1
    shown = await messages(stage, BEN, thread["id"])
    assert [one["kind"] for one in shown] == ["card", "card", "text"]
    assert (await stage.call(BEN, "POST", f"{path}/read")).json()["unread_count"] == 0
    assert (await conversation(stage, BEN, story))["unread_count"] == 0


@pytest.mark.parametrize("act", ["message", "answer"])
async def test_naming_somebody_tells_nothing_about_them(stage: OneService, act: str) -> None:
    """Given Ben, who told us his name, is named as freelancer in a draft and has read what the client wrote
    When the client looks at the conversation and at their notices
    Then they learn neither his name nor that he reads, until he wrote or moved something himself.
    """
    await stage.call(BEN, "PUT", "/v1/me/contact", {"email": None, "name": "Benedict Ocean"})
    story = TraceContext()
    await stage.hear(story.created())
    await stage.hear(story.proposed())
    thread = await conversation(stage, ADA, story)
    path = f"/v1/conversations/{thread['id']}"
    await stage.call(ADA, "POST", f"{path}/messages", {"text": "Are you there?"})
    await stage.call(BEN, "POST", f"{path}/read")

    named = await conversation(stage, ADA, story)
    notices = (await stage.call(ADA, "GET", "/v1/notifications")).json()["data"]
    assert named["participants"][1] == {"user_id": BEN, "role": "freelancer", "name": None}
    assert named["other_read_up_to"] is None
    assert "Benedict" not in str(notices)
    assert (await conversation(stage, BEN, story))["participants"][1]["name"] == "Benedict Ocean"

    if act == "message":
        await stage.call(BEN, "POST", f"{path}/messages", {"text": "Yes"})
    else:
        await stage.hear(story.changes_requested())
        titles = [one["title"] for one in (await stage.call(ADA, "GET", "/v1/notifications")).json()["data"]]
        assert "Benedict Ocean asks" in titles[0]
    acted = await conversation(stage, ADA, story)
    assert acted["participants"][1]["name"] == "Benedict Ocean"
    assert acted["other_read_up_to"] is not None


async def test_who_has_not_answered_is_not_written_to_without_end(
    sqlite_url: str, keys: Issuer, jwks_file: Path
) -> None:
    """Given two messages a day to somebody who has not yet taken part
    When the client writes three, the freelancer answers, and the client goes on
    Then the third is refused, and nothing is once they answered.
    """
    more = {"rate_limits": "on", "cap_unanswered_messages": "2/day"}
    async with on_stage(build, NotificationsSettings, keys, sqlite_url, jwks_file, **more) as stage:
        story = TraceContext()
        await stage.hear(story.created())
        path = f"/v1/conversations/{(await conversation(stage, ADA, story))['id']}/messages"
        told = [await stage.call(ADA, "POST", path, {"text": f"Hello? {n}"}) for n in range(3)]
        assert [one.status_code for one in told] == [201, 201, 429]
        assert told[2].json()["code"] == "too_many_messages"
        assert int(told[2].headers["retry-after"]) > 3_600
        for user in (BEN, ADA, ADA, ADA):
            assert (await stage.call(user, "POST", path, {"text": "Now we talk"})).status_code == 201


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_stranger_hears_what_one_hears_of_nothing(stage: OneService, method: str) -> None:
    story = TraceContext()
    await stage.hear(story.created())
    thread = await conversation(stage, ADA, story)
    body = {"text": "hi"} if method == "POST" else None

    def told(answer: httpx2.Response) -> tuple[int, dict[str, Any]]:
        return answer.status_code, {k: v for k, v in answer.json().items() if k not in ("request_id", "instance")}

    seen = await stage.call(EVE, method, f"/v1/conversations/{thread['id']}/messages", body)
    none = await stage.call(EVE, method, f"/v1/conversations/{new_id('cnv')}/messages", body)
    nonsense = await stage.call(EVE, method, "/v1/conversations/nonsense/messages", body)
    assert told(seen) == told(none) == told(nonsense)
    assert seen.status_code == 404
    assert (await stage.call(EVE, "GET", f"/v1/conversations/{thread['id']}")).status_code == 404
    assert (await stage.call(EVE, "POST", f"/v1/conversations/{thread['id']}/read")).status_code == 404
    assert (await stage.call(EVE, "GET", f"/v1/conversations?contract_id={story.contract_id}")).json()["data"] == []


async def test_who_works_on_a_dispute_may_read_until_it_closes_and_each_reading_is_noted(stage: OneService) -> None:
    story, dispute = TraceContext(), new_id("dsp")
    await stage.hear(story.created())
    thread = await conversation(stage, ADA, story)
    path = f"/v1/conversations/{thread['id']}/messages"
    assert (await stage.call(SUE, "GET", path, roles=("support",))).status_code == 404

    await stage.hear(story.assigned(dispute, SUE), 2)
    await stage.hear(story.assigned(dispute, EVE), 1)
    assert (await stage.call(SUE, "GET", path, roles=("support",))).status_code == 200
    assert (await stage.call(EVE, "GET", path)).status_code == 404
    assert (await stage.call(SUE, "POST", path, {"text": "hm"}, roles=("support",))).status_code == 403
    assert (await conversation(stage, SUE, story, "support"))["unread_count"] == 0
    async with stage.service.database.read() as tx:
        noted = await tx.all(sa.select(AUDIT_LOG.c.actor, AUDIT_LOG.c.subject))
    assert {(row["actor"], row["subject"]) for row in noted} == {(SUE, thread["id"])}

    await stage.hear(story.closed(dispute), 3)
    assert (await stage.call(SUE, "GET", path, roles=("support",))).status_code == 404


async def test_a_dispute_that_closed_before_its_assignment_arrived_stays_closed(stage: OneService) -> None:
    story, dispute = TraceContext(), new_id("dsp")
    await stage.hear(story.closed(dispute), 5)
    await stage.hear(story.assigned(dispute, SUE), 4)
    found = (await stage.call(SUE, "GET", "/v1/conversations")).json()
    assert found["data"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"text": ""}, {"text": "  "}, {"text": 7}, {"text": "x" * 5_001}, {"text": "x", "kind": "card"}, []],
)
async def test_a_message_that_is_none_changes_nothing(stage: OneService, body: Any) -> None:
    story = TraceContext()
    await stage.hear(story.created())
    thread = await conversation(stage, ADA, story)
    answer = await stage.call(ADA, "POST", f"/v1/conversations/{thread['id']}/messages", body)
    assert answer.status_code == 422
    assert len(await messages(stage, ADA, thread["id"])) == 1
