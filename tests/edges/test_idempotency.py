"""Idempotency-Key on every POST: one effect and one answer for one key of one caller at one path."""

from __future__ import annotations

import json

import pytest

from tests.edges.access_table import TABLE
from tests.edges.all_services import AllServices
from tests.edges.asking import Answer, Header
from tests.edges.expectations import wrong_with
from tests.edges.operations import Operation, operations
from tests.edges.scenes import Scene
from tests.edges.test_bodies import fitting
from tests.support.applications import SERVICES

NEVER_REPLAYED = {"create_stream_ticket", "receive_platform_event", "receive_connect_event", "receive_thin_event"}
NO_KEYS: tuple[str | bytes, ...] = (
    "", " ", "a b", "a\tb", "x" * 256, "x" * 10_000, "käse", "käse".encode(), "a\x00b", "a\x7f", b"\xff\xfe",
)  # fmt: skip


def keyed(all_services: AllServices, service: str) -> list[Operation]:
    """The operations of a service that answer the same key the same."""
    return [
        one
        for one in operations(all_services)
        if one.service == service and "Idempotency-Key" in one.headers and one.id not in NEVER_REPLAYED
    ]


async def post(
    all_services: AllServices,
    scenes: dict[str, Scene],
    operation: Operation,
    keys: list[str | bytes],
    *,
    who: str | None = None,
    path: str | None = None,
    raw: bytes | None = None,
    match: str = "*",
) -> Answer:
    row = TABLE[operation.id]
    if raw is None:
        raw = b"" if row.body is None else json.dumps(fitting(row, scenes)).encode()
    headers: list[Header] = [("Idempotency-Key", key) for key in keys]
    return await all_services.ask(
        who or row.who,
        "POST",
        path or operation.address(scenes[row.scene]),
        raw=raw,
        key=None,
        match=match,
        headers=headers,
        service=operation.service,
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_no_key(all_services: AllServices, scenes: dict[str, Scene], service: str) -> None:
    wrong = []
    for operation in keyed(all_services, service):
        required = operation.headers["Idempotency-Key"]
        bad: list[tuple[list[str | bytes], str]] = [([key], "idempotency_key_invalid") for key in NO_KEYS]
        bad += [(["a", "a"], "idempotency_key_invalid"), (["a", "b"], "idempotency_key_invalid")]
        bad += [([], "idempotency_key_required")] if required else []
        for keys, code in bad:
            answer = await post(all_services, scenes, operation, keys)
            problems = wrong_with(answer, operation)
            if (answer.status, answer.code) != (400, code):
                problems.append(f"expected {code}, got {answer.status} {answer.text[:200]}")
            problems += [f"changed {table}" for table in all_services.changed()]
            wrong += [f"{operation.id} {keys!r:.40}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
async def test_one_key_one_effect_one_answer(all_services: AllServices, scenes: dict[str, Scene], service: str) -> None:
    kept = all_services.keep()
    wrong = []
    for operation in keyed(all_services, service):
        row = TABLE[operation.id]

        def expect(holds: bool, words: str, answer: Answer, name: str = operation.id) -> None:
            if not holds:
                wrong.append(f"{name}: {words}: {answer.status} {answer.text[:200]}")

        all_services.bring_back(kept)
        key: list[str | bytes] = ["!" * 254 + "~"]
        invalid = await post(all_services, scenes, operation, key, raw=b'{"made_up": 1}')
        expect(invalid.status == 422, "an unknown field", invalid)
        if row.checks:
            stale = await post(all_services, scenes, operation, key, match='"999999"')
            expect(stale.status == 412 and all_services.changed() == [], "a stale version", stale)

        first = await post(all_services, scenes, operation, key)
        expect(first.status < 300, "after failures the key is free", first)
        expect(first.header("idempotent-replayed") is None, "the first answer", first)
        all_services.changed()

        again = await post(all_services, scenes, operation, key)
        expect((again.status, again.content) == (first.status, first.content), "the same answer again", again)
        expect(again.header("idempotent-replayed") == "true", "marked as repeated", again)
        for name in ("etag", "location", "content-type"):
            expect(again.header(name) == first.header(name), f"the same {name}", again)

        body = json.dumps(fitting(row, scenes)).encode() if row.body else b"{}"
        other = await post(all_services, scenes, operation, key, raw=body + b" ")
        expect((other.status, other.code) == (422, "idempotency_key_reused"), "another body", other)
        expect(wrong_with(other, operation) == [], "another body as a problem", other)
        expect(all_services.changed() == [], "repeats change nothing", other)

        somebody = await post(all_services, scenes, operation, key, who="mallory")
        expect(somebody.code != "idempotency_key_reused", "somebody else's key", somebody)
        expect(somebody.header("idempotent-replayed") is None, "somebody else's answer", somebody)
        if operation.parameters:
            elsewhere = await post(all_services, scenes, operation, key, path=operation.address(None))
            expect((elsewhere.status, elsewhere.code) == (404, "not_found"), "another path", elsewhere)

    assert not wrong, "\n".join(wrong)


async def test_the_first_answer_stays_though_the_world_moves_on(
    all_services: AllServices, scenes: dict[str, Scene]
) -> None:
    draft, key = scenes["draft"], "a-key-for-sending"
    first = await all_services.ask("ada", "POST", f"{draft.contract}/send", key=key)
    await all_services.done("ada", "POST", f"{draft.contract}/withdraw")

    again = await all_services.ask("ada", "POST", f"{draft.contract}/send", key=key)

    assert (again.content, again.header("idempotent-replayed")) == (first.content, "true")
    assert (await all_services.done("ada", "GET", draft.contract))["state"] == "withdrawn"


async def test_only_answers_of_what_was_done_are_kept(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    path = f"/v1/milestones/{scenes['active'].milestone_id}/fund"
    for body, who, status in (
        ({"amount": 1, "revision": 1}, "ada", 409),
        ({"amount": 5_000, "revision": 1}, "grace", 403),
        ({"amount": 5_000, "revision": 1}, "mallory", 404),
        ({"amount": 0, "revision": 1}, "ada", 422),
    ):
        for _ in range(2):
            answer = await all_services.ask(who, "POST", path, body, key="the-same")
            assert (answer.status, answer.header("idempotent-replayed")) == (status, None)
    assert all_services.changed() == []
    done = await all_services.ask("ada", "POST", path, {"amount": 5_000, "revision": 1}, key="the-same")
    assert (done.status, done.header("idempotent-replayed")) == (202, None)


async def test_links_and_tickets_are_new_each_time(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    tickets = [await all_services.done("ada", "POST", "/v1/stream/tickets", key="one-key") for _ in range(2)]
    path = "/v1/payout-accounts/me/onboarding-link"
    links = [await all_services.done("grace", "POST", path, {}, key="one-key") for _ in range(2)]

    assert tickets[0]["ticket"] != tickets[1]["ticket"]
    assert links[0]["url"] != links[1]["url"]
    kept = all_services.rows("notifications", "SELECT body FROM idempotency_keys") + all_services.rows(
        "payments", "SELECT body FROM idempotency_keys"
    )
    assert not [body for (body,) in kept if tickets[0]["ticket"] in body or links[0]["url"] in body]
