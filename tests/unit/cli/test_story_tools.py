"""The walk's own tools: forms as a person fills them in, amounts as a person reads them, calls that do not give up."""

from collections import deque

import httpx2
import pytest
from skillscoop_cli.failures import CheckFailed
from skillscoop_cli.story.client import Api
from skillscoop_cli.story.ledger import changes, unexplained
from skillscoop_cli.story.pages import fill_in, first_form
from skillscoop_cli.story.patience import Patience
from skillscoop_cli.story.people import cast_of
from skillscoop_cli.story.record import Check, Outcome
from skillscoop_cli.story.walk import by_service

PAGE = """
<form method="post" action="pay"><input name="number"><input name="exp"><input type="hidden" name="token" value="t1">
<input type="checkbox" name="save" value="yes"><button name="what" value="pay">Pay</button>
<button name="what2" value="cancel">Cancel</button></form>
<form action="/other"><input name="stray"></form>
"""


def test_the_first_form_is_sent_as_its_first_button_sends_it() -> None:
    form = first_form(PAGE, "http://stripe.test/checkout/cs_1")
    assert form is not None
    assert (form.method, form.action) == ("POST", "http://stripe.test/checkout/pay")
    assert form.fields == {"number": "", "exp": "", "token": "t1", "what": "pay"}


def test_a_page_without_a_form_has_none() -> None:
    assert first_form("<p>Paid</p>", "http://stripe.test/") is None


async def test_a_person_fills_in_the_form_and_lands_where_it_leads() -> None:
    sent: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/checkout/cs_1":
            return httpx2.Response(200, text=PAGE)
        sent.append(request.content.decode())
        return (
            httpx2.Response(303, headers={"location": "/thanks"}) if request.method == "POST" else httpx2.Response(200)
        )

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        assert await fill_in(http, "http://stripe.test/checkout/cs_1", {"number": "42", "exp": "12/34"}, 1) == 200
    assert sent[0] == "number=42&exp=12%2F34&token=t1&what=pay"


def _ledger(**parts: int) -> dict[str, dict[str, object]]:
    return {part: {"amount": amount, "currency": "usd"} for part, amount in parts.items()}


def test_ledger_lines_say_what_moved() -> None:
    before = _ledger(charged=400, held=400)
    after = _ledger(charged=400, held=0, released=400)
    assert changes({}, before) == ["charged +$4.00", "held +$4.00"]
    assert changes(before, after) == ["held −$4.00", "released +$4.00"]
    assert unexplained(after) == 0
    assert unexplained(_ledger(charged=400, held=399)) == 1


async def test_a_call_survives_a_server_that_starts_again_and_keeps_its_key() -> None:
    keys: list[str] = []
    answers = iter([None, 503, 200])

    def answer(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["idempotency-key"])
        status = next(answers)
        if status is None:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(status, json={"state": "proposed"})

    ada = cast_of(lambda user, roles: f"token-of-{user}").ada
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        done = await Api(http, lambda path: "http://api.test").call(ada, "POST", "/v1/contracts/c/send", {})
    assert (done["state"], done.retried) == ("proposed", True)
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_another_answer_than_expected_is_told_with_its_code() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(409, json={"code": "revision_outdated", "detail": "Revision 2 is current."})

    ada = cast_of(lambda user, roles: "t", "x").ada
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        with pytest.raises(
            CheckFailed,
            match=r"Ada: POST http://api\.test/v1/x should be answered 200: 409 revision_outdated: Revision 2",
        ):
            await Api(http, lambda path: "http://api.test").call(ada, "POST", "/v1/x", {})


def test_services_at_their_own_addresses_are_found_by_path() -> None:
    route = by_service({"contracts": "http://contracts.test/", "payments": "http://payments.test"})
    assert route("/v1/contracts/ctr_1") == "http://contracts.test"
    assert route("/v1/contracts/ctr_1/ledger") == "http://payments.test"
    assert route("/v1/admin/payments/story/ctr_1?messages=m1") == "http://payments.test"
    with pytest.raises(CheckFailed, match="no address was given for disputes"):
        route("/v1/disputes")


def test_a_wait_grows_with_what_the_machine_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a busy machine or slow answers, then a wait is longer; on an idle one it is what was asked for."""
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert Patience(30.0).now() == 30.0

    monkeypatch.setattr("os.getloadavg", lambda: (8.0, 0.0, 0.0))
    assert Patience(30.0).now() == 120.0
    monkeypatch.setattr("os.getloadavg", lambda: (800.0, 0.0, 0.0))
    assert Patience(30.0).now() == 300.0

    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.0, 0.0))
    assert Patience(30.0, deque([0.01, 0.25, 0.25])).now() == 150.0


async def test_a_wait_in_vain_says_what_was_waited_for_and_where() -> None:
    """Given a state that never comes, when the wait is over, then the error names address, states and what was seen."""
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json={"state": "funding"}))
    ada = cast_of(lambda user, roles: f"token-of-{user}").ada
    async with httpx2.AsyncClient(transport=transport) as http:
        api = Api(http, lambda path: "http://api.test", Patience(0.0))
        with pytest.raises(CheckFailed, match=r"http://api\.test/v1/milestones/m to be funded; last seen: .*funding"):
            await api.until_state(ada, "/v1/milestones/m", "funded")


def test_a_walk_that_left_checks_out_did_not_hold() -> None:
    """Given every check held and one could not be made, then the walk as a whole is not well."""
    outcome = Outcome("http://api.test", checks=[Check("debits = credits", True)])
    assert outcome.ok
    outcome.left_out.append("the platform's books")
    assert not outcome.ok
