"""`expand[]`: ids in an answer replaced by their objects, up to four steps deep."""

from typing import Any

from stripe_simulator.errors import Json, bad_parameter
from stripe_simulator.store import Transaction

ABSENT = {"refund": ("failure_balance_transaction",)}
"""By kind of object, fields that can be expanded and that it lacks until it has them."""


def expand(tx: Transaction, body: Json, paths: list[str]) -> Json:
    """A copy of the body with the named fields expanded. Raises Refusal for a field that holds no expandable id."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > 4 + (body.get("object") == "list"):
            raise bad_parameter(f"'{path}' goes deeper than four steps.", param="expand")
        body = _expanded(tx, body, steps, path)
    return body


def _expanded(tx: Transaction, node: Any, steps: list[str], path: str) -> Any:
    if isinstance(node, list):
        return [_expanded(tx, item, steps, path) for item in node]
    if not steps or node is None:
        return node
    step, *rest = steps
    if isinstance(node, dict) and node.get("object") == "charge" and step == "refunds":
        refunds = tx.find("refund", charge=node["id"])
        url = f"/v1/charges/{node['id']}/refunds"
        node = {**node, "refunds": {"object": "list", "data": refunds, "has_more": False, "url": url}}
    if isinstance(node, dict) and step in ABSENT.get(node.get("object", ""), ()) and step not in node:
        return node
    if not isinstance(node, dict) or step not in node:
        raise bad_parameter(f"This property cannot be expanded: {path}.", param="expand")
    value = node[step]
    if isinstance(value, str):
        value = tx.get(value)
        if value is None or value["object"].startswith(("v2.", "simulator.")):
            raise bad_parameter(f"This property cannot be expanded: {path}.", param="expand")
    return {**node, step: _expanded(tx, value, rest, path)}
