"""Amounts, currencies and splits: only whole minor units somebody may be charged, and only what was agreed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from skillscoop_messages.money import CURRENCIES, LARGEST_AMOUNT

from tests.edges.access_table import TABLE
from tests.edges.all_services import AllServices
from tests.edges.expectations import wrong_with
from tests.edges.operations import Operation, operations
from tests.edges.scenes import Scene
from tests.edges.test_bodies import fitting, send, with_value

Json = dict[str, Any]
PLACE = '"the-amount-stands-here"'

NO_JSON = ("NaN", "Infinity", "-Infinity", "012", "+1", "1_000", "0x10", "١٢", "1,5", ".5", "5.", "1 000")
NO_AMOUNT = (
    "-1", "100000000", "2147483648", "9007199254740993", "9223372036854775808", "-9223372036854775809", "1" + "0" * 30,
    "12.0", "12.5", "1e2", "1E400", "-1e400", "0.1e1", '"100"', '"1e3"', '"12.50"', '"١٢"', '"NaN"', "true", "false",
    "null", "[]", "[100]", "{}", '{"amount": 100, "currency": "usd"}',
)  # fmt: skip
NO_PRICE = ("0", "-0", "-0.0")


def amounts(operation: Operation, schema: Json, body: Any, at: str = "") -> Iterator[tuple[str, int]]:
    """(pointer, minimum) of every amount in a body, by what the document says of it."""
    told = operation.resolved(schema)
    if told.get("type") == "integer" and told.get("maximum") == LARGEST_AMOUNT:
        yield at, int(told["minimum"])
    elif isinstance(body, dict):
        for name, value in body.items():
            below = operation.below(told, name)
            if below is not None:
                yield from amounts(operation, below, value, f"{at}/{name}")
    elif isinstance(body, list) and body:
        yield from amounts(operation, told["items"], body[0], f"{at}/0")


def places(all_services: AllServices, scenes: dict[str, Scene]) -> list[tuple[Operation, str, int]]:
    """Every amount that can be sent anywhere."""
    return [
        (one, pointer, minimum)
        for one in operations(all_services)
        if one.content.get("application/json")
        for pointer, minimum in amounts(one, one.schema, fitting(TABLE[one.id], scenes))
    ]


def test_amounts_are_found_where_money_is_named(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    found = [(operation.id, pointer, minimum) for operation, pointer, minimum in places(all_services, scenes)]

    assert sorted(found) == [
        ("answer_dispute", "/desired/0/to_freelancer", 0),
        ("create_contract", "/milestones/0/amount", 1),
        ("decide_dispute", "/split/0/to_freelancer", 0),
        ("edit_terms", "/milestones/0/amount", 1),
        ("file_dispute", "/desired/0/to_freelancer", 0),
        ("fund_milestone", "/amount", 1),
        ("propose_split", "/split/0/to_freelancer", 0),
        ("put_policy", "/fee/fixed/usd", 0),
        ("put_policy", "/second_approval_amount/usd", 0),
        ("quote", "/amount", 1),
        ("release_milestone", "/amount", 1),
    ]


async def test_what_is_no_amount_is_refused_everywhere(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    wrong = []
    for operation, pointer, minimum in places(all_services, scenes):
        marked = json.dumps(with_value(fitting(TABLE[operation.id], scenes), pointer, json.loads(PLACE)))
        literals = dict.fromkeys(NO_JSON, 400) | dict.fromkeys(NO_AMOUNT, 422)
        literals |= {one: 422 for one in NO_PRICE if minimum or "." in one}
        for literal, status in literals.items():
            answer = await send(all_services, scenes, operation, raw=marked.replace(PLACE, literal).encode())
            problems = wrong_with(answer, operation)
            pointed = [one["pointer"] for one in answer.json().get("errors", [])]
            if answer.status != status or (status == 422 and not any(one.startswith(pointer) for one in pointed)):
                problems.append(f"expected {status}, got {answer.status} {answer.text[:200]}")
            problems += [f"changed {table}" for table in all_services.changed()]
            wrong += [f"{operation.id} {pointer} = {literal:.40}: {one}" for one in problems]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("currency", CURRENCIES.values(), ids=lambda one: one.code)
async def test_amounts_outside_of_what_a_currency_charges(all_services: AllServices, currency: Any) -> None:
    bad = [1, currency.minimum - 1, currency.maximum + 1]
    bad += [currency.minimum + 1] if currency.step > 1 else []
    line = {"description": "Work", "amount": 0}
    terms: Json = {"title": "Job", "freelancer_id": "grace", "currency": currency.code}
    for amount in bad:
        quote = await all_services.ask("ada", "POST", "/v1/quotes", {"amount": amount, "currency": currency.code})
        draft = await all_services.ask(
            "ada", "POST", "/v1/contracts", {**terms, "milestones": [{**line, "amount": amount}]}
        )
        assert (quote.status, draft.status, wrong_with(quote) + wrong_with(draft)) == (422, 422, []), amount
        assert draft.json()["errors"][0]["pointer"] == "/milestones/0/amount"
    assert all_services.changed() == []
    for amount in (currency.minimum, currency.maximum - currency.maximum % currency.step):
        body = {"amount": amount, "currency": currency.code}
        assert (await all_services.done("ada", "POST", "/v1/quotes", body))["net"] == body


CODES = ("USD", "Usd", "usd ", " usd", "usdx", "us", "", "xxx", "btc", "u$d", "уsd", "usd\n", "840", 840, None, ["usd"])


@pytest.mark.parametrize("code", CODES, ids=repr)
async def test_currencies_nobody_settles_in(all_services: AllServices, code: Any) -> None:
    draft = fitting(TABLE["create_contract"], {"reviewed": Scene("", [""], ())})
    answers = [
        await all_services.ask("ada", "POST", "/v1/contracts", {**draft, "currency": code}),
        await all_services.ask("ada", "POST", "/v1/quotes", {"amount": 12_500, "currency": code}),
    ]
    if isinstance(code, str):
        policy: list[Json] = [{"fee": {"fixed": {code: 30}}}, {"second_approval_amount": {code: 30}}]
        answers += [
            await all_services.ask("olga", "PUT", "/v1/admin/contracts/policy", body, match="*") for body in policy
        ]

    for answer in answers:
        assert (answer.status, wrong_with(answer)) == (422, []), answer.text
    assert [one["pointer"] for answer in answers[:2] for one in answer.json()["errors"]] == ["/currency"] * 2
    assert all_services.changed() == []


async def test_a_change_of_fees_takes_two_operators(all_services: AllServices) -> None:
    """Given one operator who changes the fee, then nothing changes until another one sends the same."""
    policy, fee = "/v1/admin/contracts/policy", {"fee": {"bps": 700}}
    before = await all_services.done("olga", "GET", "/v1/policy")

    first = await all_services.ask("olga", "PUT", policy, fee)
    assert (first.status, first.json()["state"], first.json()["asked_by"]) == (202, "awaiting_second_operator", "olga")
    assert (await all_services.done("olga", "GET", "/v1/policy")) == before
    for who, body in (("olga", fee), ("otto", {"fee": {"bps": 701}})):
        refused = await all_services.ask(who, "PUT", policy, body)
        assert (refused.status, refused.code) == (409, "second_operator_differs")

    changed = await all_services.done("otto", "PUT", policy, fee)
    assert (changed["version"], changed["fee"]["bps"]) == (before["version"] + 1, 700)
    acts = all_services.rows(
        "contracts", "SELECT actor, action FROM audit_log WHERE subject = 'policy' ORDER BY id DESC LIMIT 2"
    )
    assert acts == [("otto", "change_policy"), ("olga", "ask_to_change_fee")]
    await all_services.done("olga", "PUT", policy, {"review_days": 20})


async def test_a_price_has_to_exceed_its_fee(all_services: AllServices) -> None:
    for operator in ("olga", "otto"):
        await all_services.done(
            operator, "PUT", "/v1/admin/contracts/policy", {"fee": {"fixed": {"usd": 500}}}, match="*"
        )
    all_services.changed()
    draft = fitting(TABLE["create_contract"], {"reviewed": Scene("", [""], ())})
    refused = await all_services.ask("ada", "POST", "/v1/contracts", with_value(draft, "/milestones/0/amount", 500))

    assert (refused.status, refused.json()["errors"][0]["code"]) == (422, "amount_within_fee")
    assert all_services.changed() == []
    await all_services.done("ada", "POST", "/v1/contracts", with_value(draft, "/milestones/0/amount", 501))


async def test_only_the_agreed_amount_is_funded_and_released(
    all_services: AllServices, scenes: dict[str, Scene]
) -> None:
    active, funded, settling = scenes["active"], scenes["funded"], scenes["waiting"]
    fund, release = f"/v1/milestones/{active.milestone_id}/fund", f"/v1/milestones/{funded.milestone_id}/release"
    for amount in (1, 4_999, 5_001, 7_000, LARGEST_AMOUNT):
        answer = await all_services.ask("ada", "POST", fund, {"amount": amount, "revision": 1})
        assert (answer.status, answer.code, wrong_with(answer)) == (409, "amount_changed", [])
        assert {"state", "version", "allowed", "amount"} <= answer.json().keys()
        answer = await all_services.ask("ada", "POST", release, {"amount": amount}, match="*")
        assert (answer.status, answer.code, wrong_with(answer)) == (409, "amount_changed", [])
    for revision in (2, 2_147_483_647):
        answer = await all_services.ask("ada", "POST", fund, {"amount": 5_000, "revision": revision})
        assert (answer.status, answer.code, answer.json()["revision"]) == (409, "revision_changed", 1)
    again = await all_services.ask(
        "ada", "POST", f"/v1/milestones/{settling.milestone_id}/release", {"amount": 5_000}, match="*"
    )
    assert (again.status, again.code) == (409, "move_not_allowed")
    twice = await all_services.ask("ada", "POST", f"/v1/milestones/{scenes['paying'].milestone_id}/fund",
                            {"amount": 5_000, "revision": 1})  # fmt: skip
    assert twice.status == 409
    assert all_services.changed() == []


async def test_terms_that_cannot_be_stated(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    draft, funded, theirs = scenes["draft"], scenes["funded"], scenes["others"]
    first, second = draft.terms()["milestones"]

    async def stated(scene: Scene, *lines: Json) -> tuple[int, str | None, list[str]]:
        answer = await all_services.ask("ada", "PUT", f"{scene.contract}/terms", {"milestones": list(lines)}, match="*")
        assert wrong_with(answer) == [], answer.text
        assert all_services.changed() == []
        return answer.status, answer.code, [one["pointer"] for one in answer.json().get("errors", [])]

    unknown = {**first, "id": "ms_01940000000070008000ffffffffffff"}
    assert (await stated(draft, unknown, second))[:2] == (422, "invalid_request")
    assert await stated(draft, {**first, "id": theirs.milestone_id}, second) == await stated(draft, unknown, second)
    assert await stated(draft, {**first, "id": funded.milestone_id}, second) == await stated(draft, unknown, second)
    assert (await stated(draft, first, {**second, "id": first["id"]}))[0] == 422
    assert (await stated(draft, *[{"description": "Work", "amount": 5_000}] * 51))[0] == 422
    assert (await stated(draft, {**first, "due_date": "2020-01-01"}, second))[2] == ["/milestones/0/due_date"]
    assert (await stated(draft, {**first, "amount": 49}, second))[2] == ["/milestones/0/amount"]

    held, other = funded.terms()["milestones"]
    assert (await stated(funded, {**held, "amount": 5_001}, other))[:2] == (409, "milestone_locked")
    assert (await stated(funded, {**held, "amount": 4_999}, other))[:2] == (409, "milestone_locked")
    assert (await stated(funded, other))[:2] == (409, "milestone_locked")


async def test_splits_that_do_not_add_up(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    case, theirs = scenes["reviewed"], scenes["others"]
    good = case.split(2_500, 3_500)
    bad: dict[str, tuple[list[Json], str]] = {
        "more than held": (case.split(5_001, 0), "/split/0"),
        "more than held on the second": (case.split(0, 7_001), "/split/1"),
        "one milestone is missing": (case.split(5_000), "/split"),
        "a milestone twice": ([*good, good[0]], "/split/2"),
        "somebody else's milestone": ([*good, *theirs.split(1)], "/split/2"),
        "a milestone of another dispute": ([good[0], *scenes["disputed"].split(1)], "/split/1"),
        "no milestone at all": ([*good, {"milestone_id": "x", "to_freelancer": 1}], "/split/2"),
    }
    for step in ("propose", "decide"):
        for name, (split, pointer) in bad.items():
            answer = await all_services.ask("sue", "POST", f"{case.dispute}/{step}", {"split": split, "reasons": "So."})
            assert (answer.status, wrong_with(answer)) == (422, []), (step, name, answer.text)
            assert pointer in [one["pointer"] for one in answer.json()["errors"]], (step, name, answer.text)
            assert all_services.changed() == [], (step, name)


async def test_wishes_for_more_than_is_held(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    held, case, theirs = scenes["funded"], scenes["disputed"], scenes["others"]
    form = fitting(TABLE["file_dispute"], scenes)
    for desired in (held.split(5_001), [*held.split(1), *held.split(1)]):
        answer = await all_services.ask("ada", "POST", "/v1/disputes", {**form, "desired": desired})
        assert (answer.status, wrong_with(answer)) == (422, []), answer.text
    no_id = {**form, "milestone_ids": [held.milestones[0], "ms_x"], "desired": []}
    answer = await all_services.ask("ada", "POST", "/v1/disputes", no_id)
    assert (answer.status, wrong_with(answer)) == (422, []), answer.text
    # Whether a milestone is somebody else's or was funded a moment ago is not told: both are not heard of here.
    for unheard in (
        {"desired": theirs.split(1)},
        {"milestone_ids": theirs.milestones, "desired": []},
        {"milestone_ids": [case.milestones[0]], "desired": []},
    ):
        answer = await all_services.ask("ada", "POST", "/v1/disputes", {**form, **unheard})
        assert (answer.status, answer.code, wrong_with(answer)) == (409, "not_heard_of_yet", []), answer.text
    for desired in (case.split(5_001), theirs.split(1)):
        body = {"statement": "No.", "desired": desired}
        answer = await all_services.ask("grace", "POST", f"{case.dispute}/answer", body)
        assert (answer.status, wrong_with(answer)) == (422, []), answer.text
    form = {**form, "desired": []}
    twice = {**form, "contract_id": case.contract_id, "milestone_ids": case.milestones}
    again = await all_services.ask("ada", "POST", "/v1/disputes", twice)
    assert (again.status, again.code) == (409, "already_disputed")
    unpaid = {**form, "contract_id": scenes["active"].contract_id, "milestone_ids": None}
    nothing = await all_services.ask("ada", "POST", "/v1/disputes", unpaid)
    assert (nothing.status, nothing.code) == (409, "nothing_held")
    assert all_services.changed() == []


async def test_frozen_money_stays_where_it_is(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    case = scenes["disputed"]
    body = {"amount": 5_000}
    answer = await all_services.ask("ada", "POST", f"/v1/milestones/{case.milestone_id}/release", body, match="*")

    assert (answer.status, answer.code) == (409, "milestone_frozen")
    assert all_services.changed() == []
