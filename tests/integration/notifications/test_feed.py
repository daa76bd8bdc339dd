"""The feed: everybody hears of each fact once."""

from tests.integration.notifications.conftest import deliver, envelope
from tests.integration.notifications.story import ADA, BEN, EVE, NOON, TraceContext
from tests.support.one_service import OneService


async def unread(stage: OneService, user: str) -> int:
    return int((await stage.call(user, "GET", "/v1/notifications/unread-count")).json()["unread_count"])


async def test_a_fact_that_arrives_twice_is_told_once(stage: OneService) -> None:
    story = TraceContext()
    funded = envelope(story.funded(), 1, NOON)
    await deliver(stage, [funded, funded])
    await deliver(stage, [funded])
    for user in (ADA, BEN):
        data = (await stage.call(user, "GET", "/v1/notifications")).json()["data"]
        assert [one["kind"] for one in data] == ["milestone.funded"]
        assert data[0]["subject"] == {"type": "milestone", "id": story.milestone_id}
        assert data[0]["read_at"] is None
        assert await unread(stage, user) == 1


async def test_what_one_does_oneself_is_in_the_feed_but_no_news(stage: OneService) -> None:
    await stage.hear(TraceContext().submitted())
    mine = (await stage.call(BEN, "GET", "/v1/notifications")).json()["data"]
    assert mine[0]["title"] == "You submitted “Payment page”"
    assert mine[0]["read_at"] is not None
    assert await unread(stage, BEN) == 0
    assert await unread(stage, ADA) == 1
    assert (await stage.call(BEN, "GET", "/v1/notifications?unread=true")).json()["data"] == []


async def test_reading_one_and_all(stage: OneService) -> None:
    story = TraceContext()
    await stage.hear(story.funded())
    await stage.hear(story.released())
    newest = (await stage.call(BEN, "GET", "/v1/notifications")).json()["data"][0]
    assert newest["title"] == "$125.00 is on its way to your account"

    path = f"/v1/notifications/{newest['id']}/read"
    first = await stage.call(BEN, "POST", path, {})
    again = await stage.call(BEN, "POST", path)
    assert first.json()["read_at"] is not None
    assert again.json() == first.json()
    assert first.headers["etag"] == '"2"'
    assert await unread(stage, BEN) == 1
    assert (await stage.call(BEN, "POST", path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await stage.call(EVE, "POST", path)).status_code == 404
    assert (await stage.call(ADA, "POST", path)).status_code == 404

    assert (await stage.call(BEN, "POST", "/v1/notifications/read-all")).json()["unread_count"] == 0
    assert await unread(stage, BEN) == 0
    assert await unread(stage, ADA) == 2


async def test_pages_are_newest_first_and_complete(stage: OneService) -> None:
    story = TraceContext()
    told = [envelope(story.funded(), number, NOON) for number in range(1, 8)]
    await deliver(stage, told)
    seen, cursor = [], ""
    while True:
        answer = (await stage.call(ADA, "GET", f"/v1/notifications?limit=3{cursor}")).json()
        seen += [one["id"] for one in answer["data"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)
    assert (await stage.call(ADA, "GET", "/v1/notifications?cursor=AAAA")).status_code == 400
    assert (await stage.call(BEN, "GET", f"/v1/notifications?limit=3{cursor}")).status_code == 400


async def test_names_are_used_once_they_are_known(stage: OneService) -> None:
    contact = {"email": None, "name": "Grace & Co", "locale": "en", "time_zone": "Europe/Berlin"}
    assert (await stage.call(ADA, "PUT", "/v1/me/contact", contact)).status_code == 200
    await stage.hear(TraceContext().proposed())
    title = (await stage.call(BEN, "GET", "/v1/notifications")).json()["data"][0]["title"]
    assert title == "Grace & Co sent you terms to review"
    own = (await stage.call(ADA, "GET", "/v1/notifications")).json()["data"][0]["body"]
    assert "waits for the freelancer" in own


async def test_a_message_that_cannot_be_told_leaves_the_others_told(stage: OneService) -> None:
    good, bad = TraceContext(), TraceContext()
    broken = envelope(bad.funded(), 1, NOON)
    broken.data.__dict__["currency"] = None
    await deliver(stage, [envelope(good.funded(), 1, NOON), broken])
    data = (await stage.call(ADA, "GET", "/v1/notifications")).json()["data"]
    assert [one["contract_id"] for one in data] == [good.contract_id]
