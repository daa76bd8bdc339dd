"""Our outgoing calls as Stripe's parameters. Kept on the operation's row; every try sends exactly them."""

from typing import Any

from skillscoop_payments.domain.outgoing_calls import (
    ChargeCall,
    CheckoutCall,
    CloseCall,
    OutgoingCall,
    RecipientCall,
    RefundCall,
    Tag,
    TransferCall,
)

INTENT_EXPANSION = ["latest_charge.balance_transaction"]
SESSION_EXPANSION = ["payment_intent.latest_charge.balance_transaction"]
REFUND_EXPANSION = ["balance_transaction", "failure_balance_transaction"]
ACCOUNT_INCLUDES = ["configuration.recipient", "requirements"]
MOVED_BY_OTHERS = ("refund", "refund_failure", "transfer_refund", "adjustment")
"""Types of balance transactions in which what we did not do ourselves is found."""
CARDS_ONLY = ["card"]


def parameters(call: OutgoingCall) -> dict[str, Any]:
    """What Stripe is sent for a call."""
    match call:
        case ChargeCall():
            return _charge(call)
        case CheckoutCall():
            return _checkout(call)
        case CloseCall():
            return {"checkout": call.checkout_ref} if call.checkout_ref else {"intent": call.intent_ref}
        case TransferCall():
            return {
                "amount": call.amount,
                "currency": call.currency,
                "destination": call.account_ref,
                "source_transaction": call.charge_ref,
                "transfer_group": call.group,
                "metadata": metadata(call.tag),
            }
        case RefundCall():
            return {
                "payment_intent": call.intent_ref,
                "amount": call.amount,
                "reason": "requested_by_customer",
                "metadata": metadata(call.tag),
                "expand": REFUND_EXPANSION,
            }
        case RecipientCall():
            return _recipient(call)


def metadata(tag: Tag) -> dict[str, str]:
    """What is written into each object: opaque ids only."""
    named = {
        "env": tag.environment,
        "op_id": tag.operation_id,
        "object_id": tag.object_id,
        "contract_id": tag.contract_id,
        "milestone_id": tag.milestone_id,
    }
    return {name: value for name, value in named.items() if value is not None}


def _charge(call: ChargeCall) -> dict[str, Any]:
    params: dict[str, Any] = {
        "amount": call.amount,
        "currency": call.currency,
        "allowed_payment_method_types": CARDS_ONLY,
        "transfer_group": call.group,
        "description": f"Milestone {call.group}",
        "metadata": metadata(call.tag),
        "expand": INTENT_EXPANSION,
    }
    if call.method is None:
        return params
    return {**params, "payment_method": call.method, "confirm": True, "return_url": call.return_url}


def _checkout(call: CheckoutCall) -> dict[str, Any]:
    return {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": call.currency,
                    "unit_amount": call.amount,
                    "product_data": {"name": call.label},
                },
            }
        ],
        "allowed_payment_method_types": CARDS_ONLY,
        "success_url": call.return_url,
        "cancel_url": call.return_url,
        "metadata": metadata(call.tag),
        "payment_intent_data": {
            "description": f"Milestone {call.group}",
            "transfer_group": call.group,
            "metadata": metadata(call.tag),
        },
        "expand": SESSION_EXPANSION,
    }


def _recipient(call: RecipientCall) -> dict[str, Any]:
    # Stripe asks for it where the account is made, and writes there about what it needs to know.
    contact = {"contact_email": call.email} if call.email else {}
    return {
        **contact,
        "dashboard": "express",
        "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        "identity": {"country": call.country.lower()},
        "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
        "metadata": metadata(call.tag),
        "include": ACCOUNT_INCLUDES,
    }
