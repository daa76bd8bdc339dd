"""Both sides review each other after the job; until both did, or the time is over, nobody sees what was written."""

import json
from typing import Any

import httpx2
import sqlalchemy as sa
from skillscoop_messages.events.contracts import ContractCompleted, ContractCreated, ContractEnded
from skillscoop_messages.events.reviews import ReviewPublished, ReviewReceived
from skillscoop_messages.ids import new_id

from tests.support.one_service import OneService

ADA, BEN = "ada", "ben"
SECRET = "Splendid and on time, a pleasure."


def about(contract_id: str) -> dict[str, Any]:
    return {"contract_id": contract_id, "client_id": ADA, "freelancer_id": BEN, "title": "A new checkout"}


async def completed(stage: OneService) -> str:
    """A contract that was just completed."""
    contract_id = new_id("ctr")
    await stage.hear(ContractCreated(**about(contract_id), currency="usd"))
    await stage.hear(ContractCompleted(**about(contract_id), currency="usd", paid_to_freelancer=5_000, review_days=14))
    return contract_id


async def review(stage: OneService, user: str, contract_id: str, rating: int = 5, **more: Any) -> httpx2.Response:
    body = {"rating": rating, "text": SECRET, **more}
    return await stage.call(user, "PUT", f"/v1/contracts/{contract_id}/review", body)


async def test_both_reviews_become_public_together(stage: OneService) -> None:
    contract_id = await completed(stage)

    first = await review(stage, ADA, contract_id, 4, aspects={"communication": 5})
    assert first.status_code == 200
    assert first.headers["etag"] == '"1"'
    assert first.json()["state"] == "sealed"
    assert (await review(stage, BEN, contract_id, 5)).json()["state"] == "published"

    public = (await stage.call("", "GET", f"/v1/users/{BEN}/reviews")).json()
    assert [(one["author_id"], one["rating"], one["aspects"], one["text"]) for one in public["data"]] == [
        (ADA, 4, {"communication": 5}, SECRET)
    ]
    assert (await stage.call("", "GET", f"/v1/users/{BEN}/rating")).json() == {
        "object": "rating",
        "user_id": BEN,
        "count": 1,
        "mean": 4.0,
        "histogram": {"4": 1},
    }
    assert {one.author_id for one in stage.heard(ReviewPublished)} == {ADA, BEN}
    assert (await review(stage, ADA, contract_id, 1)).status_code == 409


async def test_a_sealed_review_shows_the_other_side_only_that_it_exists(stage: OneService) -> None:
    contract_id = await completed(stage)
    await review(stage, ADA, contract_id, 2)
    await review(stage, ADA, contract_id, 1)

    seen = (await stage.call(BEN, "GET", f"/v1/contracts/{contract_id}/reviews")).json()
    [one] = seen["data"]
    assert (one["author_id"], one["state"], one["version"]) == (ADA, "sealed", 1)
    assert (one["rating"], one["text"], one["aspects"]) == (None, None, None)
    assert one["updated_at"] == one["created_at"]
    [own] = (await stage.call(ADA, "GET", f"/v1/contracts/{contract_id}/reviews")).json()["data"]
    assert (own["rating"], own["text"]) == (1, SECRET)

    assert (await stage.call("", "GET", f"/v1/users/{BEN}/rating")).json()["count"] == 0
    assert (await stage.call("", "GET", f"/v1/users/{BEN}/reviews")).json() == {"data": [], "next_cursor": None}
    assert len(stage.heard(ReviewReceived)) == 1
    assert all(SECRET not in one.data.model_dump_json() and "rating" not in one.data.model_dump() for one in stage.said)


async def test_what_was_written_is_published_when_the_window_closes(stage: OneService) -> None:
    contract_id = await completed(stage)
    await review(stage, BEN, contract_id, 3)

    await stage.pass_time(days=13)
    assert not stage.heard(ReviewPublished)
    await stage.pass_time(days=1)
    await stage.ring()

    assert [one.rating for one in stage.heard(ReviewPublished)] == [3]
    late = await review(stage, ADA, contract_id)
    assert (late.status_code, late.json()["code"], late.json()["state"]) == (409, "window_not_open", "closed")


async def test_there_is_no_reviewing_before_the_contract_is_over(stage: OneService) -> None:
    contract_id = new_id("ctr")
    await stage.hear(ContractCreated(**about(contract_id), currency="usd"))
    early = await review(stage, ADA, contract_id)
    assert (early.status_code, early.json()["code"], early.json()["state"]) == (409, "window_not_open", "waiting")


async def test_a_contract_that_ended_unpaid_opens_no_window_and_a_paid_one_does(stage: OneService) -> None:
    unpaid, paid = new_id("ctr"), new_id("ctr")
    await stage.hear(ContractEnded(**about(unpaid), currency="usd", paid_to_freelancer=0, review_days=14))
    await stage.hear(ContractEnded(**about(paid), currency="usd", paid_to_freelancer=1, review_days=14))
    assert (await review(stage, ADA, unpaid)).json()["code"] == "window_not_open"
    assert (await review(stage, ADA, paid)).status_code == 200


async def test_events_may_come_twice_and_in_any_order(stage: OneService) -> None:
    contract_id = new_id("ctr")
    over = ContractCompleted(**about(contract_id), currency="usd", paid_to_freelancer=5_000, review_days=14)
    await stage.hear(over, sequence=9, times=2)
    await stage.hear(ContractCreated(**{**about(contract_id), "title": "Old"}, currency="usd"), sequence=1)
    await review(stage, ADA, contract_id)
    assert [one.title for one in stage.heard(ReviewReceived)] == ["A new checkout"]


async def test_strangers_learn_nothing(stage: OneService) -> None:
    contract_id = await completed(stage)
    await review(stage, ADA, contract_id)
    unknown = await stage.call("eve", "GET", f"/v1/contracts/{new_id('ctr')}/reviews")
    answers = [
        await stage.call("eve", "GET", f"/v1/contracts/{contract_id}/reviews"),
        await stage.call("eve", "GET", f"/v1/contracts/{contract_id}/reviews", roles=("support", "ops")),
        await review(stage, "eve", contract_id),
        await stage.call("eve", "GET", "/v1/contracts/nonsense/reviews"),
    ]
    same = ("status", "code", "title", "detail", "type")
    assert {json.dumps([one.json()[name] for name in same]) for one in [*answers, unknown]} == {
        json.dumps([unknown.json()[name] for name in same])
    }
    assert unknown.status_code == 404
    assert (await stage.call("", "GET", f"/v1/contracts/{contract_id}/reviews")).status_code == 401


async def test_the_unknown_have_no_rating(stage: OneService) -> None:
    answer = (await stage.call("", "GET", "/v1/users/nobody/rating")).json()
    assert (answer["count"], answer["mean"], answer["histogram"]) == (0, None, {})
    assert (await stage.call("", "GET", "/v1/users/nobody/reviews")).json()["data"] == []


async def test_the_same_words_again_change_nothing_and_a_stale_version_is_refused(stage: OneService) -> None:
    contract_id = await completed(stage)
    await review(stage, ADA, contract_id)
    assert (await review(stage, ADA, contract_id)).headers["etag"] == '"1"'
    assert (await review(stage, ADA, contract_id, 2)).headers["etag"] == '"2"'
    stale = await stage.call(
        ADA,
        "PUT",
        f"/v1/contracts/{contract_id}/review",
        {"rating": 1, "text": "worse"},
        headers={"If-Match": '"1"'},
    )
    assert (stale.status_code, stale.json()["version"]) == (412, 2)


async def test_bad_reviews_are_refused_field_by_field(stage: OneService) -> None:
    contract_id = await completed(stage)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"rating": 0, "text": "x"}, "/rating"),
        ({"rating": 6, "text": "x"}, "/rating"),
        ({"rating": "5", "text": "x"}, "/rating"),
        ({"rating": 4.0, "text": "x"}, "/rating"),
        ({"rating": True, "text": "x"}, "/rating"),
        ({"rating": 5}, "/text"),
        ({"rating": 5, "text": ""}, "/text"),
        ({"rating": 5, "text": "x" * 5_001}, "/text"),
        ({"rating": 5, "text": "x", "stars": 1}, "/stars"),
        ({"rating": 5, "text": "x", "aspects": {"quality": 9}}, "/aspects/quality"),
    ]
    for body, pointer in bad:
        answer = await stage.call(ADA, "PUT", f"/v1/contracts/{contract_id}/review", body)
        assert answer.status_code == 422, body
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    async with stage.service.database.read() as tx:
        assert (await tx.first(sa.text("SELECT count(*) AS reviews FROM reviews")))["reviews"] == 0  # type: ignore[index]


async def test_public_reviews_come_in_pages_newest_first(stage: OneService) -> None:
    for rating in (1, 2, 3):
        contract_id = await completed(stage)
        await review(stage, ADA, contract_id, rating)
        await review(stage, BEN, contract_id)
    first = (await stage.call("", "GET", f"/v1/users/{BEN}/reviews?limit=2")).json()
    rest = (await stage.call("", "GET", f"/v1/users/{BEN}/reviews?limit=2&cursor={first['next_cursor']}")).json()
    assert [one["rating"] for one in first["data"] + rest["data"]] == [3, 2, 1]
    assert rest["next_cursor"] is None
    rating = (await stage.call("", "GET", f"/v1/users/{BEN}/rating")).json()
    assert (rating["count"], rating["mean"]) == (3, 2.0)
