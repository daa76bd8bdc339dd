"""Situation 19: a stranger reads or acts on anything: as if it were not there; the sealed review stays sealed."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import sqlalchemy as sa
from skillscoop_cli.story.people import Person
from skillscoop_messages.ids import new_id
from skillscoop_messages.tables import OUTBOX

from tests.acceptance.job import Job, Json

BODIES: dict[str, Json] = {
    "approve": {"revision": 1},
    "decline": {"revision": 1, "reason": "No."},
    "request-changes": {"revision": 1, "comment": "Longer."},
    "terms": {"milestones": [{"description": "Mine", "amount": 1_000}]},
    "review": {"rating": 1, "text": "Ha."},
    "fund": {"amount": 40_000, "revision": 1},
    "release": {"amount": 40_000},
    "submit": {"note": "Ready."},
    "messages": {"text": "Hello?"},
    "answer": {"statement": "No."},
    "evidence": {"text": "See."},
    "notes": {"text": "Hm."},
}
"""What a command needs to get past the checks of its body, by the last part of its path."""

PRIVATE = re.compile(r"\{(contract|milestone|payment|dispute|conversation|notification)_id\}")
PREFIX = {"contract": "ctr", "milestone": "ms", "payment": "pay", "dispute": "dsp", "conversation": "cnv",
          "notification": "ntf", "evidence": "evd", "message": "msg"}  # fmt: skip


async def everything_of(job: Job) -> dict[str, str]:
    """A job with one of everything: an active contract, a held payment, an open dispute with evidence, a chat."""
    await job.ready(40_000)
    case = await job.disputed(1)
    evidence = (await job.done(job.cast.ada, "POST", f"{case}/evidence", {"text": "A screenshot."}))["evidence"][0]
    conversation = (await job.see(f"/v1/conversations?contract_id={job.contract_id}"))["data"][0]["id"]
    said = await job.done(job.cast.ada, "POST", f"/v1/conversations/{conversation}/messages", {"text": "Secret."})
    notices = await job.seen_notices(job.cast.ada, "milestone.funded")
    return {
        "contract": job.contract_id,
        "milestone": job.milestones[0],
        "payment": (await job.payment())["id"],
        "dispute": case.rpartition("/")[2],
        "evidence": evidence["id"],
        "conversation": conversation,
        "message": said["id"],
        "notification": notices[0]["id"],
    }


def filled(path: str, ids: dict[str, str]) -> str:
    """A path template with ids, and 1 for every other parameter."""
    return re.sub(r"\{(\w+?)(_id)?\}", lambda found: ids.get(found[1], "1"), path)


def body_for(path: str, ids: dict[str, str]) -> Any:
    """A body that is no reason to refuse the call."""
    last = path.rpartition("/")[2]
    if last in ("propose", "decide"):
        return {"split": [{"milestone_id": ids["milestone"], "to_freelancer": 1}], "reasons": "Because."}
    return {} if "/proposal/" in path else BODIES.get(last, {})


def told(answer: httpx2.Response) -> Json:
    """What an answer gives away, without what differs by its very nature."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {name: value for name, value in answer.json().items() if name not in ("request_id", "instance")}


async def private_calls(job: Job) -> list[tuple[str, str]]:
    """Every call to something that belongs to somebody: method and path template."""
    document = (await job.ask(None, "GET", "/openapi.json")).json()
    calls = [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        if PRIVATE.search(path) and not path.startswith("/v1/admin/")
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(calls) > 40
    return calls


async def looks_alike(job: Job, who: Person, method: str, path: str, ids: dict[str, str]) -> None:
    """For `who` what is there and what is not cannot be told apart."""
    nothing = {name: new_id(PREFIX[name]) for name in ids}
    answers = []
    for known in (ids, nothing):
        body = None if method == "GET" else body_for(path, known)
        answers.append(await job.ask(who, method, filled(path, known), body, match="*"))
    call = f"{who.name}: {method} {path}"
    assert [answer.status_code for answer in answers] == [404, 404], f"{call}: {[one.text for one in answers]}"
    assert told(answers[0]) == told(answers[1]), call
    for value in ids.values():
        assert value not in str(told(answers[0])), call


async def test_for_a_stranger_nothing_is_there(job: Job) -> None:
    ids = await everything_of(job)
    before = await job.contract(), await job.see(f"/v1/disputes/{ids['dispute']}"), await job.ledger()
    for method, path in await private_calls(job):
        await looks_alike(job, job.cast.mallory, method, path, ids)
    for listed in ("contracts", "payments", "disputes", "conversations"):
        found = await job.see(f"/v1/{listed}?contract_id={job.contract_id}" if listed != "contracts" else
                              "/v1/contracts?role=client", job.cast.mallory)  # fmt: skip
        assert found["data"] == []
    form = {"reason": "other", "statement": "Mine.", "desired": []}
    real = await job.ask(job.cast.mallory, "POST", "/v1/disputes", {"contract_id": job.contract_id, **form})
    none = await job.ask(job.cast.mallory, "POST", "/v1/disputes", {"contract_id": new_id("ctr"), **form})
    assert (real.status_code, told(real)) == (404, told(none))
    assert before == (await job.contract(), await job.see(f"/v1/disputes/{ids['dispute']}"), await job.ledger())


async def test_support_without_the_case_and_operators_are_strangers_too(job: Job) -> None:
    ids = await everything_of(job)
    for who in (job.cast.sam, job.cast.olga):
        for method, path in await private_calls(job):
            # The queue of disputes is support's own place.
            if method == "GET" and not (who is job.cast.sam and path == "/v1/disputes/{dispute_id}"):
                await looks_alike(job, who, method, path, ids)
    row = await job.see(f"/v1/disputes/{ids['dispute']}", job.cast.sam)
    assert "statement" not in row
    assert "evidence" not in row


async def test_an_assigned_agent_reads_until_the_case_is_closed(job: Job) -> None:
    await job.ready(40_000)
    case = await job.disputed(1)
    await job.proposed(case, first=10_000)
    readable = (job.path, f"{job.path}/timeline", f"{job.path}/ledger", job.milestone_path())
    for path in readable:
        await job.seen("readable", path, lambda _: True, job.cast.sam)
    for person in (job.cast.ada, job.cast.grace):
        await job.done(person, "POST", f"{case}/proposal/accept")
    await job.seen("closed", case, lambda one: one["state"] == "closed")
    await job.heard_all()
    for path in readable:
        answer = await job.ask(job.cast.sam, "GET", path)
        assert answer.status_code == 404, f"{path}: {answer.text}"


async def test_the_other_party_is_told_that_it_is_not_theirs(job: Job) -> None:
    await job.active(40_000)
    refused = await job.ask(job.cast.grace, "POST", f"{job.milestone_path()}/fund", {"amount": 40_000, "revision": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_draft_is_nothing_to_the_freelancer_but_its_title_and_its_chat(job: Job) -> None:
    made = await job.draft(40_000)
    seen = await job.contract(job.cast.grace)
    assert (seen["title"], seen["milestones"], seen["terms_hash"]) == (made["title"], [], None)
    hidden = await job.ask(job.cast.grace, "GET", job.milestone_path())
    missing = await job.ask(job.cast.grace, "GET", f"/v1/milestones/{new_id('ms')}")
    assert (hidden.status_code, told(hidden)) == (404, told(missing))


async def over(job: Job) -> None:
    """The job is done and paid, and both may write about it."""
    await job.ready(40_000)
    assert (await job.release()).status_code == 202
    await job.becomes("released")
    await job.done(job.cast.ada, "POST", f"{job.path}/complete")
    await job.seen("the window", f"{job.path}/reviews", lambda one: one["window"]["state"] == "open")


SECRET = "Never on time, but brilliant."


async def seen_anywhere(job: Job, who: Person | None) -> str:
    """Everything somebody can read about the job, as one text."""
    paths = [f"/v1/users/{job.cast.grace.id}/reviews", f"/v1/users/{job.cast.grace.id}/rating"]
    if who is not None:
        paths += [job.path, f"{job.path}/reviews", f"{job.path}/timeline", "/v1/notifications?limit=100"]
        conversations = await job.ask(who, "GET", f"/v1/conversations?contract_id={job.contract_id}")
        for one in conversations.json().get("data", []):
            paths.append(f"/v1/conversations/{one['id']}/messages")
    if who is not None and "ops" in who.roles:
        paths += [f"/v1/admin/{service}/story/{job.contract_id}" for service in job.world.services]
    return "\n".join([(await job.ask(who, "GET", path)).text for path in paths])


async def test_a_sealed_review_stays_sealed_until_the_other_one_is_in(job: Job) -> None:
    await over(job)
    words = {"rating": 2, "text": SECRET}
    await job.done(job.cast.ada, "PUT", f"{job.path}/review", words)
    await job.seen_notices(job.cast.grace, "review.received")
    await job.heard_all()

    everybody = (job.cast.grace, job.cast.mallory, job.cast.sam, job.cast.olga, None)
    for who in everybody:
        assert SECRET not in await seen_anywhere(job, who)
    (shown,) = (await job.see(f"{job.path}/reviews", job.cast.grace))["data"]
    assert (shown["state"], shown["rating"], shown["text"]) == ("sealed", None, None)
    assert (await job.see(f"/v1/users/{job.cast.grace.id}/rating"))["count"] == 0
    for service in job.world.services.values():
        async with service.database.read() as tx:
            bodies = await tx.all(sa.select(OUTBOX.c.body).where(OUTBOX.c.subject == job.contract_id))
        assert SECRET.encode() not in b"".join(bytes(row["body"]) for row in bodies)

    await job.done(job.cast.grace, "PUT", f"{job.path}/review", {"rating": 5, "text": "Pays at once."})
    for who in (job.cast.grace, job.cast.mallory, None):
        assert SECRET in await seen_anywhere(job, who)
    rating = await job.see(f"/v1/users/{job.cast.grace.id}/rating")
    assert (rating["count"], rating["mean"]) == (1, 2)


async def test_a_lone_review_opens_when_the_window_closes(job: Job) -> None:
    await over(job)
    await job.done(job.cast.ada, "PUT", f"{job.path}/review", {"rating": 2, "text": SECRET})
    job.world.pass_time(days=13)
    await job.heard_all()
    assert SECRET not in await seen_anywhere(job, job.cast.grace)
    job.world.pass_time(days=1, minutes=1)
    await job.seen("published", f"{job.path}/reviews", lambda one: SECRET in str(one), job.cast.grace)
    late = await job.ask(job.cast.grace, "PUT", f"{job.path}/review", {"rating": 5, "text": "Too late."})
    assert (late.status_code, late.json()["code"]) == (409, "window_not_open")
