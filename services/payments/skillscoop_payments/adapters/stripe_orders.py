"""Our orders as Stripe's parameters. Kept on the operation's row, and sent from there unchanged at every try."""

from typing import Any

from skillscoop_payments.domain.orders import (
    ChargeOrder,
    CheckoutOrder,
    CloseOrder,
    Order,
    RecipientOrder,
    RefundOrder,
    Tag,
    TransferOrder,
)

INTENT_EXPANSION = ["latest_charge.balance_transaction"]
SESSION_EXPANSION = ["payment_intent.latest_charge.balance_transaction"]
REFUND_EXPANSION = ["balance_transaction", "failure_balance_transaction"]
ACCOUNT_INCLUDES = ["configuration.recipient", "requirements"]
MOVED_BY_OTHERS = ("refund", "refund_failure", "transfer_refund", "adjustment")
"""Types of balance transactions in which what we did not do ourselves is found."""
CARDS_ONLY = ["card"]


def parameters(order: Order) -> dict[str, Any]:
    """What Stripe is sent for an order."""
    match order:
        case ChargeOrder():
            return _charge(order)
        case CheckoutOrder():
            return _checkout(order)
        case CloseOrder():
            return {"checkout": order.checkout_ref} if order.checkout_ref else {"intent": order.intent_ref}
        case TransferOrder():
            return {
                "amount": order.amount,
                "currency": order.currency,
                "destination": order.account_ref,
                "source_transaction": order.charge_ref,
                "transfer_group": order.group,
                "metadata": metadata(order.tag),
            }
        case RefundOrder():
            return {
                "payment_intent": order.intent_ref,
                "amount": order.amount,
                "reason": "requested_by_customer",
                "metadata": metadata(order.tag),
                "expand": REFUND_EXPANSION,
            }
        case RecipientOrder():
            return _recipient(order)


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


def _charge(order: ChargeOrder) -> dict[str, Any]:
    params: dict[str, Any] = {
        "amount": order.amount,
        "currency": order.currency,
        "allowed_payment_method_types": CARDS_ONLY,
        "transfer_group": order.group,
        "description": f"Milestone {order.group}",
        "metadata": metadata(order.tag),
        "expand": INTENT_EXPANSION,
    }
    if order.method is None:
        return params
    return {**params, "payment_method": order.method, "confirm": True, "return_url": order.return_url}


def _checkout(order: CheckoutOrder) -> dict[str, Any]:
    return {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency,
                    "unit_amount": order.amount,
                    "product_data": {"name": order.label},
                },
            }
        ],
        "allowed_payment_method_types": CARDS_ONLY,
        "success_url": order.return_url,
        "cancel_url": order.return_url,
        "metadata": metadata(order.tag),
        "payment_intent_data": {
            "description": f"Milestone {order.group}",
            "transfer_group": order.group,
            "metadata": metadata(order.tag),
        },
        "expand": SESSION_EXPANSION,
    }


def _recipient(order: RecipientOrder) -> dict[str, Any]:
    # Stripe asks for it where the account is made, and writes there about what it needs to know.
    contact = {"contact_email": order.email} if order.email else {}
    return {
        **contact,
        "dashboard": "express",
        "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        "identity": {"country": order.country.lower()},
        "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
        "metadata": metadata(order.tag),
        "include": ACCOUNT_INCLUDES,
    }
