"""Lists: whole pages in one order, and cursors that are worth nothing but where they were given."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.edges.access_table import TABLE
from tests.edges.all_services import AllServices
from tests.edges.expectations import wrong_with
from tests.edges.operations import Operation, operations
from tests.edges.scenes import Scene

LIMITS = (
    "0", "-1", "101", "abc", "1.5", "1e1", "", "%20", "null", "true", "1" + "0" * 30, "0x10", "٢", "10;", "5%00",
    "10.0", "1_0", "%2B5", " 5", "5 ", "-5",
)  # fmt: skip
NO_CURSORS = (
    "", "AAAA", "%", "x", "null", "a" * 1_000, "%F0%9F%92%A9", "%FF", "../..", "' OR 1=1", "e30", "W10",
    "AAAAAAAAAAAAAAAAAAAAAFsidiIsMSwieCJd",
)  # fmt: skip
FILTERS = {
    ("list_contracts", "state"): ("nonsense", "", "DRAFT", "draft,active"),
    ("list_contracts", "role"): ("agent", "", "Client"),
    ("list_disputes", "state"): ("nonsense", "OPEN"),
    ("list_disputes", "due_before"): (
        "tomorrow", "2026-01-01", "2026-01-01T00:00:00", "1e400", "", "1700000000", "1700000000000", "0", "-1", "P1D",
        "2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "20260101T000000Z", "2026-01-01T00:00:00+0100",
        "2026-W01-1T00:00:00Z", "2026-01-01T00:00:00 Z", "2026-01-01T24:00:00Z", "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now",
    ),
    ("list_disputes", "assigned_to"): ("x" * 256,),
    ("list_disputes", "contract_id"): ("x" * 65,),
    ("list_payments", "contract_id"): ("x" * 65,),
    ("list_conversations", "contract_id"): ("x" * 65,),
    ("list_notifications", "unread"): (
        "perhaps", "2", "", "1", "0", "yes", "no", "on", "off", "t", "f", "TRUE", "False",
    ),
    ("list_operations", "older_than"): ("2", "h", "-1h", "2h2", "1e3s", "9999999d", "2w", "٢h"),
    ("list_alerts", "resolved"): ("perhaps", "2", "", "1", "yes", "TRUE"),
    ("list_operations", "state"): ("x" * 33,),
}  # fmt: skip
"""Query parameters with values that no list takes."""


def lists(all_services: AllServices) -> list[Operation]:
    """Every list that comes in pages."""
    return [one for one in operations(all_services) if one.method == "GET" and {"limit", "cursor"} <= one.query]


def path_of(operation: Operation, scenes: dict[str, Scene]) -> str:
    return operation.address(scenes[TABLE[operation.id].scene])


async def test_pages_of_no_size(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    wrong = []
    for operation in lists(all_services):
        for limit in LIMITS:
            sent = limit if "%" in limit else quote(limit)
            answer = await all_services.ask(
                TABLE[operation.id].who, "GET", f"{path_of(operation, scenes)}?limit={sent}"
            )
            expected = (400, "query_malformed") if "%00" in limit else (422, "invalid_request")
            if (answer.status, answer.code) != expected or wrong_with(answer, operation):
                wrong.append(f"{operation.id} limit={limit}: {answer.status} {answer.text[:200]}")
            elif answer.status == 422 and [one["pointer"] for one in answer.json()["errors"]] != ["?limit"]:
                wrong.append(f"{operation.id} limit={limit}: does not point at it")

    assert not wrong, "\n".join(wrong)


async def test_what_is_no_cursor(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    wrong = []
    for operation in lists(all_services):
        for cursor in NO_CURSORS:
            sent = cursor if cursor.startswith("%F") else quote(cursor)
            answer = await all_services.ask(
                TABLE[operation.id].who, "GET", f"{path_of(operation, scenes)}?cursor={sent}"
            )
            if (answer.status, answer.code) != (400, "cursor_invalid") or wrong_with(answer, operation):
                wrong.append(f"{operation.id} cursor={cursor:.40}: {answer.status} {answer.text[:200]}")
        answer = await all_services.ask(
            TABLE[operation.id].who, "GET", f"{path_of(operation, scenes)}?cursor={'x' * 1_001}"
        )
        if answer.status != 422:
            wrong.append(f"{operation.id} with a cursor of 1,001 letters: {answer.status}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("place", FILTERS, ids=lambda place: f"{place[0]} {place[1]}")
async def test_filters_no_list_knows(
    all_services: AllServices, scenes: dict[str, Scene], place: tuple[str, str]
) -> None:
    operation = next(one for one in lists(all_services) if one.id == place[0])
    for value in FILTERS[place]:
        who = TABLE[operation.id].who
        answer = await all_services.ask(who, "GET", f"{path_of(operation, scenes)}?{place[1]}={quote(value)}")
        assert (answer.status, wrong_with(answer, operation)) == (422, []), (value, answer.text)
        assert [one["pointer"] for one in answer.json()["errors"]] == [f"?{place[1]}"]


async def cursors(all_services: AllServices, scenes: dict[str, Scene]) -> dict[str, tuple[Operation, str, str]]:
    """A real cursor of every list that has more than one entry, and whose it is."""
    found = {}
    for operation in lists(all_services):
        who = TABLE[operation.id].who
        answer = await all_services.done(who, "GET", f"{path_of(operation, scenes)}?limit=1")
        if answer["next_cursor"]:
            found[operation.id] = (operation, who, answer["next_cursor"])
    return found


def tampered(cursor: str) -> list[str]:
    """The cursor, nearly."""
    middle = len(cursor) // 2
    other = "A" if cursor[middle] != "A" else "B"
    last = "A" if cursor[-1] != "A" else "B"
    return [
        ("A" if cursor[0] != "A" else "B") + cursor[1:],
        cursor[:middle] + other + cursor[middle + 1 :],
        cursor[:-1] + last,
        cursor[:-1],
        cursor[1:],
        cursor + "A",
        cursor + "AAAA",
        cursor + "=",
        cursor + "!",
        cursor[:5] + "." + cursor[5:],
        cursor + " ",
        cursor.swapcase(),
        cursor + cursor,
    ]


async def test_cursors_are_worth_nothing_elsewhere(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    real = await cursors(all_services, scenes)
    assert len(real) >= 8, real.keys()
    wrong = []
    for operation, who, cursor in real.values():
        path = path_of(operation, scenes)
        asked = [(who, path, one) for one in tampered(cursor)]
        asked += [(who, path, other) for name, (_, _, other) in real.items() if name != operation.id]
        if not operation.operators:
            others = [name for name in ("ada", "grace", "carol", "sue") if name != who]
            asked += [(name, path, cursor) for name in others]
        else:
            asked.append(("otto", path, cursor))
        for name, where, sent in asked:
            answer = await all_services.ask(name, "GET", f"{where}?cursor={quote(sent)}")
            # Who may not see the list at all is told so, and nothing about the cursor.
            fine = (answer.status, answer.code) in ((400, "cursor_invalid"), (404, "not_found"))
            if not fine or (answer.status == 404 and name == who) or wrong_with(answer, operation):
                wrong.append(f"{operation.id} {sent[:60]} by {name}: {answer.status} {answer.text[:150]}")

    assert not wrong, "\n".join(wrong)


async def test_pages_make_up_the_whole_list(all_services: AllServices, scenes: dict[str, Scene]) -> None:
    for operation, who, _ in (await cursors(all_services, scenes)).values():
        path = path_of(operation, scenes)
        whole = (await all_services.done(who, "GET", f"{path}?limit=100"))["data"]
        seen: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await all_services.done(who, "GET", f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            assert len(page["data"]) <= 2
            seen += page["data"]
            cursor = page["next_cursor"]

        assert seen[:100] == whole, operation.id
