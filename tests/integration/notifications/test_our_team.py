"""What somebody of our team sees and hears: only with the role, and only while they work on a dispute."""

import sqlalchemy as sa
from skillscoop_messages.ids import new_id
from skillscoop_notifications.tables import STREAM_ITEMS

from tests.integration.notifications.conftest import listening
from tests.integration.notifications.story import ADA, SUE, TraceContext
from tests.support.one_service import OneService

TEAM = ("support",)


async def opened(stage: OneService, story: TraceContext) -> str:
    """The conversation of the trace's contract."""
    await stage.hear(story.created())
    return str((await stage.call(ADA, "GET", "/v1/conversations")).json()["data"][0]["id"])


async def test_an_assignment_without_the_role_opens_nothing(stage: OneService) -> None:
    """Given a case assigned to somebody whose token lacks the role
    When they ask for the chat and its messages, write, mark as read, or list conversations and notices
    Then they are a stranger everywhere; with the role they read.
    """
    story = TraceContext()
    thread = await opened(stage, story)
    await stage.hear(story.assigned(new_id("dsp"), SUE))

    base = f"/v1/conversations/{thread}"
    message = (await stage.call(SUE, "GET", f"{base}/messages", roles=TEAM)).json()["data"][0]["id"]
    for path in (base, f"{base}/messages", f"{base}/messages/{message}"):
        assert (await stage.call(SUE, "GET", path)).status_code == 404, path
        assert (await stage.call(SUE, "GET", path, roles=TEAM)).status_code == 200, path
    assert (await stage.call(SUE, "POST", f"{base}/messages", {"text": "hm"})).status_code == 404
    assert (await stage.call(SUE, "POST", f"{base}/read")).status_code == 404
    for path in ("/v1/conversations", "/v1/notifications"):
        assert (await stage.call(SUE, "GET", path)).json()["data"] == [], path
        assert len((await stage.call(SUE, "GET", path, roles=TEAM)).json()["data"]) == 1, path
    count = "/v1/notifications/unread-count"
    assert (await stage.call(SUE, "GET", count)).json()["unread_count"] == 0
    assert (await stage.call(SUE, "GET", count, roles=TEAM)).json()["unread_count"] == 1


async def test_a_stream_without_the_role_hears_nothing_of_a_case(stage: OneService) -> None:
    """Given a case assigned to Sue, who listens once with the role and twice without it, by token and by ticket
    When a party writes
    Then only the stream with the role says so.
    """
    story = TraceContext()
    thread = await opened(stage, story)
    await stage.hear(story.assigned(new_id("dsp"), SUE))
    ticket = (await stage.call(SUE, "POST", "/v1/stream/tickets")).json()["ticket"]

    async with (
        listening(stage, SUE, roles=TEAM) as agent,
        listening(stage, SUE) as nobody,
        listening(stage, None, f"ticket={ticket}") as by_ticket,
    ):
        await stage.call(ADA, "POST", f"/v1/conversations/{thread}/messages", {"text": "Between us"})
        heard = await agent.until(1)
        own = await stage.call(SUE, "PUT", "/v1/me/contact", {"email": None})
        assert own.status_code == 200
        assert [data["text"] for _, _, data in heard] == ["Between us"]
        assert nobody.events == by_ticket.events == []


async def test_who_no_longer_works_on_a_case_hears_nothing_that_was_said_meanwhile(stage: OneService) -> None:
    """Given messages written while Sue worked on a case
    When she comes back with the last id she saw after the case was taken from her
    Then her stream passes over all of them, and says what is hers.
    """
    story, dispute = TraceContext(), new_id("dsp")
    thread = await opened(stage, story)
    await stage.hear(story.assigned(dispute, SUE), 1)
    async with stage.service.database.read() as tx:
        before = (
            await tx.all(
                sa.select(sa.func.max(STREAM_ITEMS.c.position).label("last")).where(STREAM_ITEMS.c.user_id == SUE)
            )
        )[0]["last"]
    await stage.call(ADA, "POST", f"/v1/conversations/{thread}/messages", {"text": "While she worked"})
    await stage.hear(story.assigned(dispute, None), 2)
    another = TraceContext()
    await stage.hear(another.created())
    await stage.hear(another.assigned(new_id("dsp"), SUE))

    async with listening(stage, SUE, last_id=before, roles=TEAM) as stream:
        heard = await stream.until(1)
    assert "message" not in [event for event, _, _ in heard]
    assert {data["contract_id"] for _, _, data in heard} == {another.contract_id}
