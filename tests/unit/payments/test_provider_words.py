"""At the adapter's edge: Stripe's objects and signatures, keys and retries, accounts, settings."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import stripe
from pydantic import SecretStr, ValidationError
from skillscoop_payments.adapters import stripe_shapes
from skillscoop_payments.adapters.stripe import API_VERSION
from skillscoop_payments.adapters.stripe_events import WebhookRefused, read, verify
from skillscoop_payments.domain.observations import AccountSeen, Capability
from skillscoop_payments.domain.operation import KEY_LIFE, LONGEST_WAIT, key, must_search, wait_after
from skillscoop_payments.domain.payout_account import PayoutAccount, State, apply_all, look
from skillscoop_payments.settings import PaymentsSettings

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
    notice = read(json.dumps(event).encode(), "platform", live=False)
    assert (notice.subject, notice.ref) == (subject, ref)


@pytest.mark.parametrize("body", ["", "[]", "5", "{}", '{"id": "e", "type": "t", "object": "v2.core.event"}'])
def test_what_is_no_event_of_this_kind_is_refused(body: str) -> None:
    with pytest.raises(WebhookRefused):
        read(body.encode(), "platform", live=False)


def test_an_intent_is_paid_only_with_a_charge_that_succeeded() -> None:
    base = {"id": "pi_1", "status": "succeeded", "amount_received": 500, "metadata": {"env": "test", "op_id": "op_1"}}
    assert stripe_shapes.payment({**base, "latest_charge": None}).status == "processing"
    assert stripe_shapes.payment({**base, "latest_charge": {"id": "ch_1", "status": "pending"}}).status == "processing"
    entry = {"id": "txn_1", "amount": 500, "fee": 45, "net": 455, "currency": "usd"}
    charge = {"id": "ch_1", "status": "succeeded", "balance_transaction": entry}
    seen = stripe_shapes.payment({**base, "latest_charge": charge})
    assert (seen.status, seen.paid, seen.origin.operation_id) == ("paid", 500, "op_1")
    assert seen.booking is not None and seen.booking.fee == 45


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
    assert stripe_shapes.account(body).capability == capability


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("capability", get_args(Capability))
def test_a_payout_account_follows_every_look_and_a_second_one_says_nothing(
    state: State, capability: Capability
) -> None:
    before = PayoutAccount("pac_1", "grace", "US", state, account_ref="acct_1")
    seen = AccountSeen("acct_1", capability, ("identity",))
    after = apply_all(before, look(before, seen))
    assert after.ready == (capability == "active")
    assert look(after, seen) == []
    if capability in ("pending", "restricted"):
        assert after.state == {"none": "onboarding", "active": "restricted"}.get(state, state)


def test_a_key_is_stable_for_an_attempt_and_shared_with_nothing() -> None:
    keys = {
        key(env, kind, op, n) for env in ("a", "b") for kind in ("x", "y") for op in ("op_1", "op_2") for n in (1, 2)
    }
    assert len(keys) == 16
    assert key("test", "create_refund", "op_1", 1) == "test:create_refund:1:1"


@pytest.mark.parametrize(
    ("claims", "search_first", "age", "expected"),
    [(1, False, timedelta(days=3), False), (1, True, timedelta(0), False), (2, False, timedelta(0), False),
     (2, False, KEY_LIFE + timedelta(seconds=1), True), (2, True, timedelta(0), True)],
)  # fmt: skip
def test_who_may_have_acted_before_looks_first_once_the_key_may_be_forgotten(
    claims: int, search_first: bool, age: timedelta, expected: bool
) -> None:
    assert must_search(claims=claims, search_first=search_first, key_since=NOW - age, wall=NOW) is expected


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
