"""Accounts v2: recipients, their onboarding links, and what Stripe decides about them.

The status of the `stripe_transfers` capability is the account's state here: `pending` until the account is
onboarded, `active`, `restricted` while something is owed to Stripe, `unsupported` when it was rejected for good.
"""

from stripe_simulator import clock, ids
from stripe_simulator.errors import Json, bad_parameter, invalid, wrong_account
from stripe_simulator.parameters import Table, merge_metadata
from stripe_simulator.resources.events import emit_thin
from stripe_simulator.resources.operation import Call, Operation
from stripe_simulator.settings import MINIMUM_CHARGE
from stripe_simulator.store import Transaction

LINK_LIFETIME = 300
_INCLUDABLE = (
    "configuration.customer",
    "configuration.merchant",
    "configuration.recipient",
    "defaults",
    "future_requirements",
    "identity",
    "requirements",
)
_STATUS_DETAILS: dict[str, list[Json]] = {
    "pending": [{"code": "determining_status", "resolution": "provide_info"}],
    "active": [],
    "restricted": [{"code": "requirements_past_due", "resolution": "provide_info"}],
    "unsupported": [{"code": "unsupported_business", "resolution": "no_resolution"}],
}
_DEADLINE = {"pending": "currently_due", "restricted": "past_due"}

_CREATE: Table = {
    "contact_email": "text",
    "contact_phone": "text",
    "display_name": "text",
    "dashboard": ("express", "full", "none"),
    "defaults": {
        "currency": "text",
        "locales": "texts",
        "profile": {"business_url": "text", "doing_business_as": "text", "product_description": "text"},
        "responsibilities": {
            "fees_collector!": ("application", "stripe"),
            "losses_collector!": ("application", "stripe"),
        },
    },
    "identity": {"country": "text", "entity_type": ("company", "government_entity", "individual", "non_profit")},
    "configuration": {
        "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested!": "boolean"}}}},
    },
    "include": "texts",
    "metadata": "metadata",
}
_USE_CASE: Table = {
    "refresh_url!": "text",
    "return_url": "text",
    "collection_options": {"fields": "text", "future_requirements": "text"},
}
_LINK: Table = {
    "account!": "text",
    "use_case!": {
        "type!": ("account_onboarding", "account_update"),
        "account_onboarding": _USE_CASE,
        "account_update": _USE_CASE,
    },
}


def transfers_status(account: Json) -> str:
    """Status of the capability to receive transfers; `unrequested` when nobody asked for it."""
    recipient = account["configuration"]["recipient"] or {}
    capability = ((recipient.get("capabilities") or {}).get("stripe_balance") or {}).get("stripe_transfers")
    return str(capability["status"]) if capability else "unrequested"


def decide(tx: Transaction, id: str, status: str) -> Json:
    """Stripe's decision about a recipient: `active`, `restricted` or `unsupported`; asked again, nothing happens.

    Raises Refusal for an account without the capability.
    """
    account = tx.need("v2.core.account", id)
    before = transfers_status(account)
    if before == "unrequested":
        raise invalid("The account never requested stripe_balance.stripe_transfers.")
    if before == status:
        return account
    account["configuration"]["recipient"] = _recipient(status)
    account["requirements"] = _requirements(status)
    tx.put(account)
    updated = {"updated_capability": "stripe_balance.stripe_transfers"}
    emit_thin(tx, "v2.core.account[configuration.recipient].capability_status_updated", id, updated)
    emit_thin(tx, "v2.core.account[requirements].updated", id)
    emit_thin(tx, "v2.core.account.updated", id)
    return account


def close(tx: Transaction, id: str) -> Json:
    """The account ends: its owner or Stripe closed it."""
    account = tx.need("v2.core.account", id)
    account["configuration"]["recipient"] = _recipient("restricted")
    closed = tx.put({**account, "closed": True})
    emit_thin(tx, "v2.core.account.closed", id)
    return closed


def delete(tx: Transaction, id: str) -> Json:
    """The account is gone, and nobody is told: from now on the API knows no such account."""
    account = tx.need("v2.core.account", id)
    tx.remove(id)
    return account


def _recipient(status: str) -> Json:
    capability = {"status": status, "status_details": _STATUS_DETAILS[status]}
    return {"applied": True, "capabilities": {"stripe_balance": {"stripe_transfers": capability}}}


def _requirements(status: str) -> Json:
    deadline = _DEADLINE.get(status)
    if deadline is None:
        return {"entries": []}
    impact = {
        "capability": "stripe_balance.stripe_transfers",
        "configuration": "recipient",
        "deadline": {"status": deadline},
    }
    entries = [
        {
            "awaiting_action_from": "user",
            "description": description,
            "errors": [],
            "impact": {"restricts_capabilities": [impact]},
            "minimum_deadline": {"status": deadline},
            "requested_reasons": [{"code": "routine_onboarding"}],
        }
        for description in ("identity.individual.given_name", "identity.individual.date_of_birth", "external_account")
    ]
    return {"entries": entries, "summary": {"minimum_deadline": {"status": deadline}}}


def _create(call: Call) -> Json:
    identity, defaults = call["identity"] or {}, call["defaults"] or {}
    wanted = (call["configuration"] or {}).get("recipient")
    country = (identity.get("country") or "").upper()
    if wanted is not None and len(country) != 2:
        message = "A recipient needs identity.country, two letters."
        raise bad_parameter(message, code="identity_country_required", param="identity.country")
    if wanted is not None and not call["contact_email"] and call.tx.meta("contact_email_required", False):
        message = "A recipient needs contact_email."
        raise bad_parameter(message, code="parameter_missing", param="contact_email")
    currency = defaults.get("currency") or "usd"
    if currency not in MINIMUM_CHARGE:
        raise bad_parameter(f"Invalid currency: {currency}", param="defaults.currency")
    requested = ((wanted or {}).get("capabilities") or {}).get("stripe_balance") or {}
    asked = bool((requested.get("stripe_transfers") or {}).get("requested"))
    responsibilities = {
        "fees_collector": "application",
        "losses_collector": "application",
        **(defaults.get("responsibilities") or {}),
        "requirements_collector": "stripe",
    }
    recipient = (_recipient("pending") if asked else {"applied": True}) if wanted is not None else None
    account: Json = {
        "id": ids.new("acct", 16),
        "object": "v2.core.account",
        "applied_configurations": [] if wanted is None else ["recipient"],
        "closed": False,
        "configuration": {"customer": None, "merchant": None, "recipient": recipient},
        "contact_email": call["contact_email"],
        "contact_phone": call["contact_phone"],
        "created": clock.rfc3339(call.tx.now),
        "dashboard": call["dashboard"] or "none",
        "defaults": {
            "currency": currency,
            "locales": defaults.get("locales") or [],
            "profile": defaults.get("profile"),
            "responsibilities": responsibilities,
        },
        "display_name": call["display_name"],
        "future_requirements": {"entries": []},
        "identity": {"country": country or None, "entity_type": identity.get("entity_type")},
        "livemode": False,
        "metadata": merge_metadata({}, call["metadata"]),
        "requirements": _requirements("pending" if asked else "active"),
    }
    call.tx.add(account)
    emit_thin(call.tx, "v2.core.account.created", account["id"])
    return _shown(account, call["include"])


def _shown(account: Json, include: list[str] | None) -> Json:
    """The account as the API answers it: without what was not asked for by `include`, and without empty values."""
    wanted = include or []
    for index, name in enumerate(wanted):
        if name not in _INCLUDABLE:
            raise bad_parameter(f"Invalid include: {name}", param=f"include[{index}]")
    hidden = {name for name in _INCLUDABLE if name not in wanted}
    shown = {name: value for name, value in account.items() if name not in hidden}
    configurations = account["configuration"].items()
    shown["configuration"] = {name: value for name, value in configurations if f"configuration.{name}" in wanted}
    return _filled(shown)


def _filled(node: Json) -> Json:
    """The same without nulls and empty objects, which v2 objects do not have."""
    inner = {name: _filled(value) if isinstance(value, dict) else value for name, value in node.items()}
    return {name: value for name, value in inner.items() if value is not None and (value != {} or name == "metadata")}


def revoke(tx: Transaction, id: str) -> Json:
    """The account's owner takes away the platform's access: it exists, and is not ours any more."""
    account = tx.need("v2.core.account", id)
    tx.put(account, revoked=True)
    return account


def _get(call: Call) -> Json:
    account = call.tx.need("v2.core.account", call.ids["id"])
    if call.tx.hidden(account["id"]).get("revoked"):
        raise wrong_account(account["id"])
    return _shown(account, call["include"])


def _list(call: Call) -> Json:
    limit = min(call["limit"] or 20, 100)
    wanted = set(call["applied_configurations"] or ())
    every = call.tx.find("v2.core.account", after=call["page"])
    found = [account for account in every if wanted <= set(account["applied_configurations"])][: limit + 1]
    data = [_shown(account, None) for account in found[:limit]]
    following = f"{call.path}?limit={limit}&page={data[-1]['id']}" if len(found) > limit else None
    return {"data": data, "next_page_url": following, "previous_page_url": None}


def _link(call: Call) -> Json:
    account = call.tx.need("v2.core.account", call["account"], "account")
    use_case = call["use_case"]
    details = use_case.get(use_case["type"])
    if details is None:
        param = f"use_case[{use_case['type']}]"
        raise bad_parameter(f"Missing required param: {param}.", code="parameter_missing", param=param)
    token = ids.letters(32)
    # Kept apart from the API's objects: the page finds the link by the token in its address.
    link = {
        "id": f"link_{token}",
        "object": "simulator.link",
        "account": account["id"],
        "expires_at": call.tx.now + LINK_LIFETIME,
        "refresh_url": details["refresh_url"],
        "return_url": details.get("return_url"),
        "used": False,
    }
    call.tx.add(link)
    return {
        "object": "v2.core.account_link",
        "account": account["id"],
        "created": clock.rfc3339(call.tx.now),
        "expires_at": clock.rfc3339(link["expires_at"]),
        "livemode": False,
        "url": f"{call.tx.settings.public_url}/onboarding/{token}",
        "use_case": use_case,
    }


OPERATIONS = (
    Operation("POST", "/v2/core/accounts", _create, _CREATE),
    Operation(
        "GET", "/v2/core/accounts", _list, {"limit": "positive", "page": "text", "applied_configurations": "texts"}
    ),
    Operation("GET", "/v2/core/accounts/{id}", _get, {"include": "texts"}),
    Operation("POST", "/v2/core/account_links", _link, _LINK),
)
