"""The live stream: everything once, in order, across any number of cuts."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from skillscoop_notifications.adapters.stream import STREAMS_OF_ONE_USER
from skillscoop_notifications.jobs import jobs
from skillscoop_notifications.main import build
from skillscoop_notifications.tables import STREAM_ITEMS, STREAM_TICKETS

from tests.integration.notifications.conftest import Mailbox, deliver, envelope, listening
from tests.integration.notifications.story import ADA, BEN, EVE, NOON, TraceContext
from tests.support.one_service import OneService


async def test_a_listener_hears_of_notices_messages_and_objects(stage: OneService) -> None:
    story = TraceContext()
    async with listening(stage, BEN) as stream:
        assert stream.status == 200
        await stage.hear(story.funded())
        events = await stream.until(3)
    assert [(event, id_) for event, id_, _ in events] == [("message", 1), ("notification", 2), ("object", 3)]
    feed = (await stage.call(BEN, "GET", "/v1/notifications")).json()["data"]
    assert events[1][2] == feed[0]
    assert events[2][2] == {
        "type": "milestone",
        "id": story.milestone_id,
        "contract_id": story.contract_id,
        "version": 3,
        "state": "funded",
    }
    thread = events[0][2]["conversation_id"]
    assert events[0][2] == (await stage.call(BEN, "GET", f"/v1/conversations/{thread}/messages")).json()["data"][0]


async def test_what_is_written_reaches_both_and_nobody_else(stage: OneService) -> None:
    story = TraceContext()
    await stage.hear(story.created())
    thread = (await stage.call(ADA, "GET", "/v1/conversations")).json()["data"][0]["id"]
    async with listening(stage, ADA) as ada, listening(stage, BEN) as ben, listening(stage, EVE) as eve:
        sent = await stage.call(BEN, "POST", f"/v1/conversations/{thread}/messages", {"text": "Line 1\nLine 2"})
        for stream in (ada, ben):
            event, _, data = (await stream.until(1))[0]
            assert (event, data) == ("message", sent.json())
        assert eve.events == []


async def test_a_cut_stream_goes_on_without_loss_or_double(stage: OneService) -> None:
    story = TraceContext()
    told = [envelope(story.funded(), number, NOON) for number in range(1, 31)]
    async with listening(stage, ADA) as first:
        await deliver(stage, told[:5])
        seen = await first.until(15)
    await deliver(stage, told[5:20])
    async with listening(stage, ADA, last_id=seen[-1][1]) as second:
        seen += await second.until(45)
        await deliver(stage, told[20:])
        seen += (await second.until(75))[45:]
    async with listening(stage, ADA, f"last_event_id={seen[-1][1]}") as third:
        assert third.events == []
    assert [id_ for _, id_, _ in seen] == list(range(1, 91))
    notices = [data["id"] for event, _, data in seen if event == "notification"]
    assert len(notices) == len(set(notices)) == 30


async def test_many_writers_leave_no_gap_and_nothing_out_of_order(stage: OneService) -> None:
    stories = [TraceContext() for _ in range(8)]
    async with listening(stage, ADA) as stream:
        await asyncio.gather(*(deliver(stage, [envelope(one.funded(), 1, NOON)]) for one in stories))
        events = await stream.until(24)
    assert [id_ for _, id_, _ in events] == list(range(1, 25))


async def test_what_another_process_told_is_heard_too(stage: OneService, mailbox: Mailbox) -> None:
    worker = build(stage.service.settings, clocks=stage.service.clocks, transport=stage.service.transport)  # type: ignore[arg-type]
    async with stage.service.resources[0], listening(stage, BEN) as stream:
        told = envelope(TraceContext().funded(), 1, NOON)
        await deliver(OneService(worker, stage.client, stage.issuer, stage.elapsed), [told])
        assert len(await stream.until(3)) == 3
    await worker.database.close()


async def test_a_ticket_opens_one_stream_once(stage: OneService) -> None:
    answer = await stage.call(BEN, "POST", "/v1/stream/tickets", key="same")
    assert answer.status_code == 201
    other = await stage.call(BEN, "POST", "/v1/stream/tickets", key="same")
    assert other.json()["ticket"] != answer.json()["ticket"]
    await stage.hear(TraceContext().funded())

    query = f"ticket={answer.json()['ticket']}&last_event_id={answer.json()['last_event_id']}"
    async with listening(stage, None, query) as stream:
        assert stream.status == 200
        assert len(await stream.until(3)) == 3
    for used in (query, "ticket=nonsense", "ticket="):
        async with listening(stage, None, used) as refused:
            assert refused.status == 401
    async with listening(stage, None) as without:
        assert without.status == 401


async def test_a_ticket_not_used_in_time_is_worth_nothing(stage: OneService) -> None:
    ticket = (await stage.call(BEN, "POST", "/v1/stream/tickets")).json()["ticket"]
    async with stage.service.database.begin() as tx:
        await tx.execute(STREAM_TICKETS.update().values(expires_at=tx.wall() - timedelta(seconds=1)))
    async with listening(stage, None, f"ticket={ticket}") as stream:
        assert stream.status == 401


@pytest.mark.parametrize("last_id", ["999", "-1", "nonsense", "9" * 30])
async def test_an_id_that_was_never_given_resets(stage: OneService, last_id: str) -> None:
    await stage.hear(TraceContext().funded())
    async with listening(stage, BEN, f"last_event_id={last_id}") as stream:
        assert await stream.until(1) == [("reset", 3, {})]


async def test_after_a_day_a_stream_resets_and_goes_on_from_now(stage: OneService) -> None:
    await stage.hear(TraceContext().funded())
    await stage.hear(TraceContext().funded())
    async with stage.service.database.begin() as tx:
        old = STREAM_ITEMS.c.position <= 3
        await tx.execute(STREAM_ITEMS.update().where(old).values(created_at=tx.wall() - timedelta(hours=24, minutes=5)))
    async with listening(stage, BEN, last_id=3) as fresh:
        assert [id_ for _, id_, _ in await fresh.until(3)] == [4, 5, 6]
    async with listening(stage, BEN, last_id=1) as stale:
        assert await stale.until(1) == [("reset", 6, {})]
        await stage.hear(TraceContext().funded())
        assert [id_ for _, id_, _ in await stale.until(4)] == [6, 7, 8, 9]

    async with stage.service.database.begin() as tx:
        await tx.execute(STREAM_ITEMS.update().where(old).values(created_at=tx.wall() - timedelta(hours=26)))
    await jobs(stage.service.database)[0].run()
    async with stage.service.database.read() as tx:
        left = await tx.all(sa.select(STREAM_ITEMS.c.position).where(STREAM_ITEMS.c.user_id == BEN))
    assert {row["position"] for row in left} == {4, 5, 6, 7, 8, 9}
    async with listening(stage, BEN, last_id=2) as purged:
        assert (await purged.until(1))[0][0] == "reset"


async def test_a_stream_ends_with_its_token(stage: OneService) -> None:
    async with listening(stage, BEN, ttl=1) as stream:
        assert stream.status == 200
        await stream.until_ended()


async def test_a_stream_ends_when_the_process_is_asked_to(stage: OneService) -> None:
    async with listening(stage, BEN) as stream:
        stage.service.stopping.set()
        await stream.until_ended()


async def test_one_user_cannot_open_streams_without_end(stage: OneService) -> None:
    hub = stage.service.outside["hub"]
    with_room = [hub.listening(BEN, 0) for _ in range(STREAMS_OF_ONE_USER)]
    for one in with_room:
        one.__enter__()
    async with listening(stage, BEN) as stream:
        assert stream.status == 429
    for one in with_room:
        one.__exit__(None, None, None)
    async with listening(stage, BEN) as stream:
        assert stream.status == 200
    assert hub.count(BEN) == 0
