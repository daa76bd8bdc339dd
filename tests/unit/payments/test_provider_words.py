"""At the adapter's edge: Stripe's objects and signatures, keys and retries, accounts, settings."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import stripe
from pydantic import SecretStr, ValidationError
from skillscoop_payments.adapters import stripe_search, stripe_snapshots
from skillscoop_payments.adapters.stripe import API_VERSION, StripeGateway
from skillscoop_payments.adapters.stripe_events import WebhookRefused, read, verify
from skillscoop_payments.domain.operation import (
    KEY_LIFE,
    LONGEST_WAIT,
    MOST_REFUSALS,
    Drop,
    Kind,
    Operation,
    Search,
    Send,
    Step,
    Wait,
    key,
    next_step,
    wait_after,
    wait_after_refusal,
)
from skillscoop_payments.domain.payout_account import PayoutAccount, State, apply_all, observe
from skillscoop_payments.domain.snapshots import AccountSnapshot, Capability
from skillscoop_payments.settings import PaymentsSettings
from skillscoop_payments.usecases import making_calls

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_version_we_ask_for_is_the_one_the_sdk_was_made_for() -> None:
    assert stripe.api_version == API_VERSION


def signed(body: str, secret: str = "whsec_1", age: int = 0) -> str:
    return stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=int(NOW.timestamp()) - age)


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_a_signature_of_the_sdk_is_believed_for_five_minutes_both_ways(age: int) -> None:
    verify(b'{"a": 1}', signed('{"a": 1}', age=age), ["whsec_0", "whsec_1"], NOW)


@pytest.mark.parametrize(
    "header",
    ["", "t=", "v1=aa", "t=1763812800", "t=x,v1=aa", signed("{}", "whsec_2"), signed("{}", age=301),
     signed("{}", age=-301), signed("{} "), signed("{}").replace("v1=", "v0=")],
)  # fmt: skip
def test_anything_else_is_not(header: str) -> None:
    with pytest.raises(WebhookRefused):
        verify(b"{}", header, ["whsec_1"], NOW)


def test_without_secrets_nothing_is_believed() -> None:
    with pytest.raises(WebhookRefused):
        verify(b"{}", signed("{}", ""), [], NOW)


@pytest.mark.parametrize(
    ("type", "inside", "subject", "ref"),
    [
        ("payment_intent.succeeded", {"id": "pi_1"}, "payment", "pi_1"),
        ("charge.updated", {"id": "ch_1", "payment_intent": "pi_1"}, "payment", "pi_1"),
        ("charge.updated", {"id": "ch_1", "payment_intent": None}, "payment", None),
        ("refund.failed", {"id": "re_1"}, "refund", "re_1"),
        ("customer.created", {"id": "cus_1"}, "nothing", None),
        ("payment_intent.succeeded", {"id": 5}, "payment", None),
        ("payment_intent.succeeded", [], "payment", None),
    ],
)
def test_an_event_says_what_to_look_at_and_nothing_more(type: str, inside: Any, subject: str, ref: str | None) -> None:
    event = {"id": "evt_1", "object": "event", "type": type, "livemode": False, "data": {"object": inside}}
    provider_event = read(json.dumps(event).encode(), "platform", live=False)
    assert (provider_event.subject, provider_event.ref) == (subject, ref)


@pytest.mark.parametrize("body", ["", "[]", "5", "{}", '{"id": "e", "type": "t", "object": "v2.core.event"}'])
def test_what_is_no_event_of_this_kind_is_refused(body: str) -> None:
    with pytest.raises(WebhookRefused):
        read(body.encode(), "platform", live=False)


def test_an_intent_is_paid_only_with_a_charge_that_succeeded() -> None:
    base = {"id": "pi_1", "status": "succeeded", "amount_received": 500, "metadata": {"env": "test", "op_id": "op_1"}}
    assert stripe_snapshots.payment({**base, "latest_charge": None}).status == "processing"
    assert (
        stripe_snapshots.payment({**base, "latest_charge": {"id": "ch_1", "status": "pending"}}).status == "processing"
    )
    entry = {"id": "txn_1", "amount": 500, "fee": 45, "net": 455, "currency": "usd"}
    charge = {"id": "ch_1", "status": "succeeded", "balance_transaction": entry}
    snapshot = stripe_snapshots.payment({**base, "latest_charge": charge})
    assert (snapshot.status, snapshot.paid, snapshot.origin.operation_id) == ("paid", 500, "op_1")
    assert snapshot.booking is not None and snapshot.booking.fee == 45


@pytest.mark.parametrize(
    ("status", "closed", "capability"),
    [("active", False, "active"), ("pending", False, "pending"), ("restricted", False, "restricted"),
     ("unsupported", False, "rejected"), ("active", True, "rejected"), ("something_new", False, "restricted"),
     (None, False, "pending")],
)  # fmt: skip
def test_an_account_can_be_paid_to_only_while_its_capability_is_active(
    status: str | None, closed: bool, capability: Capability
) -> None:
    transfers = {"stripe_balance": {"stripe_transfers": {"status": status}}} if status else {}
    body = {"id": "acct_1", "closed": closed, "configuration": {"recipient": {"capabilities": transfers}}}
    assert stripe_snapshots.account(body).capability == capability


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("capability", get_args(Capability))
def test_a_payout_account_follows_every_snapshot_and_a_second_one_says_nothing(
    state: State, capability: Capability
) -> None:
    before = PayoutAccount("pac_1", "grace", "US", state, account_ref="acct_1")
    snapshot = AccountSnapshot("acct_1", capability, ("identity",))
    after = apply_all(before, observe(before, snapshot))
    assert after.ready == (capability == "active")
    assert observe(after, snapshot) == []
    if capability in ("pending", "restricted"):
        assert after.state == {"none": "onboarding", "active": "restricted"}.get(state, state)


def test_a_key_is_stable_for_an_attempt_and_shared_with_nothing() -> None:
    keys = {
        key(env, kind, op, n) for env in ("a", "b") for kind in ("x", "y") for op in ("op_1", "op_2") for n in (1, 2)
    }
    assert len(keys) == 16
    assert key("test", "create_refund", "op_1", 1) == "test:create_refund:1:1"


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("key_age", "unanswered", "search_first", "wanted", "expected"),
    [
        pytest.param(None, None, False, True, Send(), id="never tried"),
        pytest.param(timedelta(days=3), None, False, True, Send(), id="tried for days, always surely in vain"),
        pytest.param(timedelta(hours=1), MINUTES, False, True, Send(), id="no answer, and the key is remembered"),
        pytest.param(KEY_LIFE + MINUTES, 6 * MINUTES, False, True, Search(), id="no answer, and the key is forgotten"),
        pytest.param(KEY_LIFE + MINUTES, MINUTES, False, True, Wait(NOW + 4 * MINUTES), id="may be under way still"),
        pytest.param(timedelta(0), None, True, True, Search(), id="a remembered error"),
        pytest.param(timedelta(0), None, False, False, Drop(), id="canceled, and surely in vain"),
        pytest.param(timedelta(0), MINUTES, False, False, Wait(NOW + 4 * MINUTES), id="canceled while under way"),
        pytest.param(timedelta(0), 6 * MINUTES, False, False, Search(), id="canceled, and it may be there"),
    ],
)
def test_a_call_is_sent_searched_waited_for_or_dropped_by_what_may_have_become_of_it(
    key_age: timedelta | None, unanswered: timedelta | None, search_first: bool, wanted: bool, expected: Step
) -> None:
    operation = Operation(
        "op_1",
        "create_intent",
        {},
        "key",
        key_since=None if key_age is None else NOW - key_age,
        unanswered_at=None if unanswered is None else NOW - unanswered,
        search_first=search_first,
    )
    assert next_step(operation, NOW, wanted=wanted) == expected


def test_refusals_that_may_pass_are_repeated_ever_more_rarely_and_end_after_two_days() -> None:
    waits = [wait_after_refusal(refusals, 0.0) for refusals in range(1, MOST_REFUSALS)]
    seconds = [wait.total_seconds() for wait in waits if wait is not None]
    assert seconds == sorted(seconds) and len(seconds) == MOST_REFUSALS - 1
    assert 48 <= sum(seconds) / 3600 <= 72
    assert wait_after_refusal(MOST_REFUSALS, 0.0) is None


def test_every_kind_of_call_says_what_is_sent_where_to_search_and_what_a_result_means() -> None:
    kinds = set(get_args(Kind))
    sends = StripeGateway("sk_test_x", None, timeout=1, connections=1)._sends
    assert kinds == set(making_calls.RESULTS) == set(sends) == {*stripe_search.STAGES, "close_payment"}


def test_waiting_grows_and_ends_growing() -> None:
    waits = [wait_after(claims, 0.0) for claims in range(1, 40)]
    assert waits == sorted(waits) and waits[-1] == LONGEST_WAIT
    assert wait_after(10_000, 1.0) == LONGEST_WAIT * 1.5


def given_settings(tmp_path: Path, **more: Any) -> PaymentsSettings:
    places = {"database_url": "sqlite:///x", "bus_url": "embedded:///x", "jwks_file": tmp_path}
    return PaymentsSettings(**{**places, **more})


def test_real_money_moves_in_production_only_and_only_at_stripe(tmp_path: Path) -> None:
    live = SecretStr("sk_live_aVeryLongKey")
    with pytest.raises(ValidationError, match="production"):
        given_settings(tmp_path, stripe_api_key=live)
    production = {
        "environment": "production",
        "jwt_issuer": "https://issuer",
        "cursor_secrets": ["a-long-enough-secret"],
        "stripe_publishable_key": "pk_live_aVeryLongKey",
        "stripe_webhook_secrets": "whsec_aVeryLongSecret1,whsec_aVeryLongSecret2",
        "database_url": "postgresql://payments:9fK2-pq7-Vx@db.internal/payments",
        "bus_url": "amqps://payments:x0Y-41r-Ze@broker.internal/",
        "return_url": "https://app.example/back",
    }
    assert given_settings(tmp_path, stripe_api_key=live, **production).live
    with pytest.raises(ValidationError, match="production"):
        given_settings(tmp_path, **production)
    with pytest.raises(ValidationError, match="STRIPE_API_BASE"):
        given_settings(tmp_path, stripe_api_key=live, stripe_api_base="http://elsewhere", **production)


def test_the_sdk_is_not_loaded_before_it_is_needed() -> None:
    import subprocess
    import sys

    code = "import sys, skillscoop_payments.main; print(any(name in sys.modules for name in ('stripe', 'aiohttp')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
