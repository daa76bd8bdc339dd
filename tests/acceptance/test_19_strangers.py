"""Situation 19: a stranger reads or acts on anything: as if it were not there; the sealed review stays sealed."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import sqlalchemy as sa
from skillscoop_cli.story.people import Person
from skillscoop_messages.ids import new_id
from skillscoop_messages.tables import OUTBOX

from tests.acceptance.contract_flow import ContractFlow, Json

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


async def everything_of(flow: ContractFlow) -> dict[str, str]:
    """One of everything: an active contract, a held payment, an open dispute with evidence, a chat."""
    await flow.ready(40_000)
    case = await flow.disputed(1)
    evidence = (await flow.done(flow.cast.ada, "POST", f"{case}/evidence", {"text": "A screenshot."}))["evidence"][0]
    conversation = (await flow.see(f"/v1/conversations?contract_id={flow.contract_id}"))["data"][0]["id"]
    said = await flow.done(flow.cast.ada, "POST", f"/v1/conversations/{conversation}/messages", {"text": "Secret."})
    notices = await flow.seen_notices(flow.cast.ada, "milestone.funded")
    return {
        "contract": flow.contract_id,
        "milestone": flow.milestones[0],
        "payment": (await flow.payment())["id"],
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


async def private_calls(flow: ContractFlow) -> list[tuple[str, str]]:
    """Every call to something that belongs to somebody: method and path template."""
    document = (await flow.ask(None, "GET", "/openapi.json")).json()
    calls = [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        if PRIVATE.search(path) and not path.startswith("/v1/admin/")
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(calls) > 40
    return calls


async def looks_alike(flow: ContractFlow, who: Person, method: str, path: str, ids: dict[str, str]) -> None:
    """For `who` what is there and what is not cannot be told apart."""
    nothing = {name: new_id(PREFIX[name]) for name in ids}
    answers = []
    for known in (ids, nothing):
        body = None if method == "GET" else body_for(path, known)
        answers.append(await flow.ask(who, method, filled(path, known), body, match="*"))
    call = f"{who.name}: {method} {path}"
    assert [answer.status_code for answer in answers] == [404, 404], f"{call}: {[one.text for one in answers]}"
    assert told(answers[0]) == told(answers[1]), call
    for value in ids.values():
        assert value not in str(told(answers[0])), call


async def test_for_a_stranger_nothing_is_there(flow: ContractFlow) -> None:
    ids = await everything_of(flow)
    before = await flow.contract(), await flow.see(f"/v1/disputes/{ids['dispute']}"), await flow.ledger()
    for method, path in await private_calls(flow):
        await looks_alike(flow, flow.cast.mallory, method, path, ids)
    for listed in ("contracts", "payments", "disputes", "conversations"):
        found = await flow.see(f"/v1/{listed}?contract_id={flow.contract_id}" if listed != "contracts" else
                              "/v1/contracts?role=client", flow.cast.mallory)  # fmt: skip
        assert found["data"] == []
    form = {"reason": "other", "statement": "Mine.", "desired": []}
    real = await flow.ask(flow.cast.mallory, "POST", "/v1/disputes", {"contract_id": flow.contract_id, **form})
    none = await flow.ask(flow.cast.mallory, "POST", "/v1/disputes", {"contract_id": new_id("ctr"), **form})
    assert (real.status_code, told(real)) == (404, told(none))
    assert before == (await flow.contract(), await flow.see(f"/v1/disputes/{ids['dispute']}"), await flow.ledger())


async def test_support_without_the_case_and_operators_are_strangers_too(flow: ContractFlow) -> None:
    ids = await everything_of(flow)
    for who in (flow.cast.sam, flow.cast.olga):
        for method, path in await private_calls(flow):
            # The queue of disputes is support's own place.
            if method == "GET" and not (who is flow.cast.sam and path == "/v1/disputes/{dispute_id}"):
                await looks_alike(flow, who, method, path, ids)
    row = await flow.see(f"/v1/disputes/{ids['dispute']}", flow.cast.sam)
    assert "statement" not in row
    assert "evidence" not in row


async def test_an_assigned_agent_reads_until_the_case_is_closed(flow: ContractFlow) -> None:
    await flow.ready(40_000)
    case = await flow.disputed(1)
    await flow.proposed(case, first=10_000)
    readable = (flow.path, f"{flow.path}/timeline", f"{flow.path}/ledger", flow.milestone_path())
    for path in readable:
        await flow.seen("readable", path, lambda _: True, flow.cast.sam)
    for person in (flow.cast.ada, flow.cast.grace):
        await flow.done(person, "POST", f"{case}/proposal/accept")
    await flow.seen("closed", case, lambda one: one["state"] == "closed")
    await flow.heard_all()
    for path in readable:
        answer = await flow.ask(flow.cast.sam, "GET", path)
        assert answer.status_code == 404, f"{path}: {answer.text}"


async def test_the_other_party_is_told_that_it_is_not_theirs(flow: ContractFlow) -> None:
    await flow.active(40_000)
    refused = await flow.ask(
        flow.cast.grace, "POST", f"{flow.milestone_path()}/fund", {"amount": 40_000, "revision": 1}
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_draft_is_nothing_to_the_freelancer_but_its_title_and_its_chat(flow: ContractFlow) -> None:
    made = await flow.draft(40_000)
    seen = await flow.contract(flow.cast.grace)
    assert (seen["title"], seen["milestones"], seen["terms_hash"]) == (made["title"], [], None)
    hidden = await flow.ask(flow.cast.grace, "GET", flow.milestone_path())
    missing = await flow.ask(flow.cast.grace, "GET", f"/v1/milestones/{new_id('ms')}")
    assert (hidden.status_code, told(hidden)) == (404, told(missing))


async def over(flow: ContractFlow) -> None:
    """The work is done and paid, and both may write about it."""
    await flow.ready(40_000)
    assert (await flow.release()).status_code == 202
    await flow.becomes("released")
    await flow.done(flow.cast.ada, "POST", f"{flow.path}/complete")
    await flow.seen("the window", f"{flow.path}/reviews", lambda one: one["window"]["state"] == "open")


SECRET = "Never on time, but brilliant."


async def seen_anywhere(flow: ContractFlow, who: Person | None) -> str:
    """Everything somebody can read about the contract, as one text."""
    paths = [f"/v1/users/{flow.cast.grace.id}/reviews", f"/v1/users/{flow.cast.grace.id}/rating"]
    if who is not None:
        paths += [flow.path, f"{flow.path}/reviews", f"{flow.path}/timeline", "/v1/notifications?limit=100"]
        conversations = await flow.ask(who, "GET", f"/v1/conversations?contract_id={flow.contract_id}")
        for one in conversations.json().get("data", []):
            paths.append(f"/v1/conversations/{one['id']}/messages")
    if who is not None and "ops" in who.roles:
        paths += [f"/v1/admin/{service}/story/{flow.contract_id}" for service in flow.system.services]
    return "\n".join([(await flow.ask(who, "GET", path)).text for path in paths])


async def test_a_sealed_review_stays_sealed_until_the_other_one_is_in(flow: ContractFlow) -> None:
    await over(flow)
    words = {"rating": 2, "text": SECRET}
    await flow.done(flow.cast.ada, "PUT", f"{flow.path}/review", words)
    await flow.seen_notices(flow.cast.grace, "review.received")
    await flow.heard_all()

    everybody = (flow.cast.grace, flow.cast.mallory, flow.cast.sam, flow.cast.olga, None)
    for who in everybody:
        assert SECRET not in await seen_anywhere(flow, who)
    (shown,) = (await flow.see(f"{flow.path}/reviews", flow.cast.grace))["data"]
    assert (shown["state"], shown["rating"], shown["text"]) == ("sealed", None, None)
    assert (await flow.see(f"/v1/users/{flow.cast.grace.id}/rating"))["count"] == 0
    for service in flow.system.services.values():
        async with service.database.read() as tx:
            bodies = await tx.all(sa.select(OUTBOX.c.body).where(OUTBOX.c.subject == flow.contract_id))
        assert SECRET.encode() not in b"".join(bytes(row["body"]) for row in bodies)

    await flow.done(flow.cast.grace, "PUT", f"{flow.path}/review", {"rating": 5, "text": "Pays at once."})
    for who in (flow.cast.grace, flow.cast.mallory, None):
        assert SECRET in await seen_anywhere(flow, who)
    rating = await flow.see(f"/v1/users/{flow.cast.grace.id}/rating")
    assert (rating["count"], rating["mean"]) == (1, 2)


async def test_a_lone_review_opens_when_the_window_closes(flow: ContractFlow) -> None:
    await over(flow)
    await flow.done(flow.cast.ada, "PUT", f"{flow.path}/review", {"rating": 2, "text": SECRET})
    flow.system.pass_time(days=13)
    await flow.heard_all()
    assert SECRET not in await seen_anywhere(flow, flow.cast.grace)
    flow.system.pass_time(days=1, minutes=1)
    await flow.seen("published", f"{flow.path}/reviews", lambda one: SECRET in str(one), flow.cast.grace)
    late = await flow.ask(flow.cast.grace, "PUT", f"{flow.path}/review", {"rating": 5, "text": "Too late."})
    assert (late.status_code, late.json()["code"]) == (409, "window_not_open")
