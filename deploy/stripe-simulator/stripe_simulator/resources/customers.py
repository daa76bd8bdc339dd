"""Customers."""

from stripe_simulator import ids
from stripe_simulator.errors import Json
from stripe_simulator.parameters import Table, merge_metadata
from stripe_simulator.resources.events import emit
from stripe_simulator.resources.operation import Call, Operation, listing, nulls, retrieval

_FIELDS: Table = {"description": "text", "email": "text", "name": "text", "phone": "text"}
_PARAMS: Table = {**_FIELDS, "metadata": "metadata", "expand": "texts"}


def _create(call: Call) -> Json:
    customer = call.tx.add(
        {
            "id": ids.new("cus", 14),
            "object": "customer",
            **nulls("address currency default_source discount shipping test_clock"),
            "balance": 0,
            "created": call.tx.now,
            "delinquent": False,
            **{name: call[name] for name in _FIELDS},
            "invoice_prefix": ids.letters(8).upper(),
            "invoice_settings": nulls("custom_fields default_payment_method footer rendering_options"),
            "livemode": False,
            "metadata": merge_metadata({}, call["metadata"]),
            "preferred_locales": [],
            "tax_exempt": "none",
        }
    )
    emit(call.tx, "customer.created", customer)
    return customer


def _update(call: Call) -> Json:
    customer = call.tx.need("customer", call.ids["id"])
    changed = {name: call[name] for name in _FIELDS if name in call.params}
    changed["metadata"] = merge_metadata(customer["metadata"], call["metadata"])
    previous = {name: customer[name] for name, value in changed.items() if customer[name] != value}
    call.tx.put(customer | changed)
    emit(call.tx, "customer.updated", customer | changed, previous)
    return customer | changed


OPERATIONS = (
    Operation("POST", "/v1/customers", _create, _PARAMS),
    listing("/v1/customers", "customer"),
    retrieval("/v1/customers/{id}", "customer"),
    Operation("POST", "/v1/customers/{id}", _update, _PARAMS),
)
