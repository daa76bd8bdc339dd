"""Every operation, asked by everybody about everything: what belongs to strangers does not exist."""

from __future__ import annotations

import json

import pytest

from tests.edges.access_table import PRINCIPALS, TABLE, Row
from tests.edges.all_services import AllServices
from tests.edges.asking import Answer
from tests.edges.expectations import same_for_everybody, wrong_with
from tests.edges.operations import UNKNOWN, Operation, operations
from tests.edges.scenes import Scene
from tests.support.applications import SERVICES

STALE = '"999999"'
ADMIN_BUT_OPS = "401 403 403 403 403 403 403 404 403"
NOBODYS = "401 404 404 404 404 404 404 404 404"

MALFORMED = (
    "x", "0", "-1", "1e9", "null", "undefined", "*", "%20", "ctr_", "ms_", f"ctr_{UNKNOWN[:-1]}", f"ctr_{UNKNOWN}0",
    f"CTR_{UNKNOWN}", f"ctr_{UNKNOWN.upper()}", f"ctr_{UNKNOWN}%0A", f"ctr_{UNKNOWN}%20", "a%00b", "%F0%9F%92%A9",
    "%FF%FE", "%27%20OR%201=1--", "..", "ctr_" + "0" * 5_000,
)  # fmt: skip
ANY_ID_WILL_DO = ("show_story", "list_user_reviews", "get_user_rating")
"""Operations that have an answer for every id there may be."""


def body_of(row: Row, scenes: dict[str, Scene], scene: Scene) -> object:
    return None if row.body is None else row.body(scenes, scene)


async def call(all_services: AllServices, operation: Operation, who: str | None, path: str, body: object) -> Answer:
    match = STALE if operation.method != "GET" else None
    return await all_services.ask(who, operation.method, path, body, match=match, service=operation.service)


def test_every_operation_has_its_row_and_every_row_its_operation(all_services: AllServices) -> None:
    assert {one.id for one in operations(all_services)} == TABLE.keys()


@pytest.mark.parametrize("service", SERVICES)
async def test_everybody_gets_what_the_table_says(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    wrong = []
    kept = all_services.keep()
    for operation in operations(all_services):
        if operation.service != service:
            continue
        row = TABLE[operation.id]
        scene = scenes[row.seen or row.scene]
        for principal, status in row.expected().items():
            if status is None:
                continue
            path = operation.address(scene, **row.values)
            answer = await call(all_services, operation, PRINCIPALS[principal], path, body_of(row, scenes, scene))
            problems = wrong_with(answer, operation) if answer.status >= 400 else []
            if answer.status != status:
                problems.append(f"expected {status}: {answer.text[:200]}")
            changed = all_services.changed()
            if changed and (answer.status >= 400 or operation.method == "GET"):
                problems.append(f"changed {changed}")
            if changed:
                all_services.bring_back(kept)
            wrong += [f"{operation.id} by {principal}: {answer.status} {one}" for one in problems]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
async def test_what_nobody_has_and_what_is_no_id_does_not_exist(
    all_services: AllServices, scenes: dict[str, Scene], service: str
) -> None:
    wrong = []
    for operation in operations(all_services):
        if operation.service != service or not operation.parameters or operation.id.endswith(ANY_ID_WILL_DO):
            continue
        row = TABLE[operation.id]
        scene = scenes[row.seen or row.scene]
        expected = Row(ADMIN_BUT_OPS if operation.operators else NOBODYS).expected()
        paths = [operation.address(None)]
        for name in operation.parameters:
            paths += [operation.address(scene, **{name: id}) for id in (*MALFORMED, f"x_{UNKNOWN}")]
        for number, path in enumerate(paths):
            body = body_of(row, scenes, scene)
            asking = PRINCIPALS.items() if number == 0 else (("client", "ada"), ("operator", "olga"))
            for principal, who in asking:
                answer = await call(all_services, operation, who, path, body)
                problems = wrong_with(answer, operation)
                # NUL reaches no route, so nobody's role is asked for.
                status = 404 if "%00" in path else expected[principal]
                if answer.status != status:
                    problems.append(f"expected {status}: {answer.text[:200]}")
                wrong += [f"{operation.id} by {principal} at {path[:120]}: {answer.status} {one}" for one in problems]
        wrong += [f"{operation.id} changed {table}" for table in all_services.changed()]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", ["mallory", "carol", "sam", "olga", "ivan"])
async def test_what_belongs_to_strangers_and_what_is_not_there_are_one_answer(
    all_services: AllServices, scenes: dict[str, Scene], who: str
) -> None:
    told = []
    compared = 0
    for operation in operations(all_services):
        row = TABLE[operation.id]
        if not operation.parameters or operation.operators or operation.public:
            continue
        scene = scenes[row.seen or row.scene]
        theirs = await call(all_services, operation, who, operation.address(scene), body_of(row, scenes, scene))
        nobodys = await call(all_services, operation, who, operation.address(None), body_of(row, scenes, scene))
        if who == "sam" and theirs.status in (200, 403, 412):
            continue
        compared += 1
        same = json.dumps(same_for_everybody(theirs)) == json.dumps(same_for_everybody(nobodys))
        without = {name for name, _ in theirs.headers} == {name for name, _ in nobodys.headers}
        if not (theirs.status == nobodys.status == 404 and same and without):
            told.append(f"{operation.id}: {theirs.status} {theirs.text} / {nobodys.status} {nobodys.text}")

    assert not told, "\n".join(told)
    assert compared > 25


async def test_parts_of_one_are_not_found_under_another(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    ours, theirs = scenes["reviewed"], scenes["others"]
    other = scenes["disputed"]
    asked = [
        ("ada", "GET", f"{ours.dispute}/evidence/{theirs.evidence_id}", None),
        ("ada", "GET", f"{ours.dispute}/evidence/{other.evidence_id}", None),
        ("ada", "GET", f"{theirs.dispute}/evidence/{ours.evidence_id}", None),
        ("ada", "GET", f"/v1/conversations/{ours.conversation_id}/messages/{theirs.message_id}", None),
        ("ada", "GET", f"/v1/conversations/{theirs.conversation_id}/messages/{ours.message_id}", None),
        ("ada", "POST", f"/v1/conversations/{ours.conversation_id}/read", {"message_id": theirs.message_id}),
        ("sue", "GET", f"{theirs.dispute}/evidence/{theirs.evidence_id}", None),
        ("sue", "GET", theirs.contract, None),
        ("sue", "GET", f"{theirs.contract}/ledger", None),
        ("sue", "GET", f"/v1/conversations/{theirs.conversation_id}", None),
    ]
    answers = [await all_services.ask(who, method, path, body) for who, method, path, body in asked]

    assert [answer.status for answer in answers] == [404] * len(asked)
    assert all_services.changed() == []


async def test_a_draft_is_the_clients_own(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    draft = scenes["draft"]
    path = f"/v1/milestones/{draft.milestone_id}"
    asked = [
        await all_services.ask("grace", "GET", path),
        await all_services.ask("grace", "GET", f"{draft.contract}/terms/1"),
        await all_services.ask("grace", "POST", f"{path}/submit", {"note": "Ready."}),
        await all_services.ask("grace", "POST", f"{path}/fund", {"amount": 5_000, "revision": 1}),
    ]

    assert [answer.status for answer in asked] == [404] * 4
    assert (await all_services.done("grace", "GET", draft.contract))["milestones"] == []
    assert (await all_services.done("grace", "GET", f"{draft.contract}/terms"))["data"] == []


async def test_lists_hold_nothing_of_others(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    ours = {"ada": scenes["reviewed"], "carol": scenes["others"]}
    for who, mine in ours.items():
        other = next(scene for name, scene in ours.items() if name != who)
        for path in ("/v1/contracts", "/v1/payments", "/v1/disputes", "/v1/conversations", "/v1/notifications"):
            text = (await all_services.ask(who, "GET", f"{path}?limit=100")).text
            assert other.contract_id not in text, (who, path)
            filtered = await all_services.ask(who, "GET", f"{path}?limit=100&contract_id={other.contract_id}")
            assert other.contract_id not in filtered.text, (who, path)
        assert mine.contract_id in (await all_services.ask(who, "GET", "/v1/contracts?limit=100")).text


async def test_only_the_client_sees_how_to_pay(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    path = f"/v1/milestones/{scenes['paying'].milestone_id}/payment"
    secrets = ("checkout_url", "client_secret", "publishable_key")
    told = {who: await all_services.done(who, "GET", path) for who in ("ada", "grace")}

    assert told["ada"]["checkout_url"]
    assert [told["grace"][name] for name in secrets] == [None] * 3


async def test_support_without_the_case_sees_a_row_of_the_queue(
    all_services: AllServices, scenes: dict[str, Scene]
) -> None:
    row = await all_services.ask("sam", "GET", scenes["reviewed"].dispute)
    whole = await all_services.done("sue", "GET", scenes["reviewed"].dispute)

    assert row.status == 200
    assert not {"statement", "evidence", "proposal", "answer", "notes"} & row.json().keys()
    assert whole["statement"] == "It came late."


async def test_a_sealed_review_stays_sealed(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    over = scenes["completed"]
    words = {"rating": 1, "text": "the-words-of-a-sealed-review", "aspects": {"quality": 2}}
    await all_services.done("ada", "PUT", f"{over.contract}/review", words)
    await all_services.settle()
    asked = [
        await all_services.ask("grace", "GET", f"{over.contract}/reviews"),
        await all_services.ask(None, "GET", "/v1/users/grace/reviews"),
        await all_services.ask(None, "GET", "/v1/users/grace/rating"),
        await all_services.ask("grace", "GET", "/v1/notifications?limit=100"),
        await all_services.ask("grace", "GET", f"/v1/conversations/{over.conversation_id}/messages"),
        await all_services.ask("olga", "GET", f"/v1/admin/reviews/story/{over.contract_id}"),
        await all_services.ask("mallory", "GET", f"{over.contract}/reviews"),
    ]

    assert [answer.status for answer in asked] == [200] * 6 + [404]
    assert not [answer.text for answer in asked if "sealed-review" in answer.text]
    (seen,) = asked[0].json()["data"]
    assert (seen["rating"], seen["text"], seen["aspects"], seen["version"]) == (None, None, None, 1)
    assert asked[2].json()["count"] == 0
    assert not [raw for raw in all_services.said if b"sealed-review" in raw.body]
