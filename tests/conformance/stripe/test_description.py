"""The judge itself: it accepts Stripe's own examples and refuses what is wrong."""

import json
from typing import Any

import pytest
from stripe_simulator.resources import charges

from tests.conformance.stripe.description import (
    FOLDER,
    Violation,
    validate_object,
    validate_request,
)


def _examples() -> dict[str, Any]:
    file = FOLDER / "fixtures3.cut.json"
    return dict(json.loads(file.read_text())["resources"]) if file.exists() else dict(OURS)


CREATED = 1_700_000_000
OURS: dict[str, Any] = {
    "charge": charges.shape("ch_1", 100, "usd", CREATED),
    "transfer": {
        **dict.fromkeys(("balance_transaction", "destination_payment", "source_transaction", "transfer_group")),
        "id": "tr_1",
        "object": "transfer",
        "amount": 100,
        "currency": "usd",
        "destination": "acct_1",
        "amount_reversed": 0,
        "created": CREATED,
        "livemode": False,
        "metadata": {},
        "reversed": False,
    },
    "refund": {
        **dict.fromkeys(("balance_transaction", "charge", "payment_intent", "reason")),
        "id": "re_1",
        "object": "refund",
        "amount": 100,
        "currency": "usd",
        "metadata": {},
        "created": CREATED,
        "status": "succeeded",
    },
    "balance_transaction": {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": 100,
        "available_on": CREATED,
        "fee": 0,
        "created": CREATED,
        "currency": "usd",
        "fee_details": [],
        "net": 100,
        "reporting_category": "charge",
        "source": "ch_1",
        "status": "available",
        "type": "charge",
    },
    "balance": {"object": "balance", "available": [], "pending": [], "livemode": False},
    "webhook_endpoint": {
        "id": "we_1",
        "object": "webhook_endpoint",
        "created": CREATED,
        "enabled_events": ["*"],
        "metadata": {},
        "livemode": False,
        "status": "enabled",
        "url": "http://127.0.0.1/",
    },
}
"""Where Stripe's own examples are absent: the least that each kind of object is."""


@pytest.mark.parametrize("name", ["charge", "transfer", "refund", "balance_transaction", "balance", "webhook_endpoint"])
def test_stripes_own_examples_fit(name: str) -> None:
    validate_object(name, _examples()[name])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("charge", {"amount": "100"}),
        ("charge", {"status": "perhaps"}),
        ("transfer", {"destination": 7}),
        ("balance_transaction", {"type": "gift"}),
    ],
)
def test_a_changed_example_does_not_fit(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(Violation):
        validate_object(name, _examples()[name] | change)


def test_a_field_we_rely_on_must_be_there() -> None:
    transfer = dict(_examples()["transfer"])
    del transfer["source_transaction"]
    with pytest.raises(Violation, match="source_transaction"):
        validate_object("transfer", transfer)


@pytest.mark.parametrize(
    "body",
    [
        "amount=100&currency=usd&metadata[op_id]=1&expand[0]=latest_charge&confirm=true",
        "amount=100&currency=usd&allowed_payment_method_types[0]=card&transfer_group=ms_1",
        "amount=100&currency=usd&automatic_payment_methods[enabled]=true&receipt_email=",
    ],
)
def test_a_right_request_fits(body: str) -> None:
    validate_request("POST", "/v1/payment_intents", body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/payment_intents", "currency=usd"),
        ("/v1/payment_intents", "amount=100&currency=usd&colour=red"),
        ("/v1/payment_intents", "amount=lots&currency=usd"),
        ("/v1/payment_intents", "amount=100&currency=usd&payment_method_types[0]=card"),
        ("/v1/refunds", "charge=ch_1&reason=mood"),
        ("/v1/nothing", ""),
        ("/v2/core/account_links", '{"account": "acct_1"}'),
    ],
)
def test_a_wrong_request_does_not_fit(path: str, body: str) -> None:
    with pytest.raises(Violation):
        validate_request("POST", path, body)
