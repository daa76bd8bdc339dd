"""Stripe's form encoding: bracketed names in an `application/x-www-form-urlencoded` body or a query."""

from typing import Any
from urllib.parse import parse_qsl


def tree(encoded: str) -> dict[str, Any]:
    """`metadata[a]=1&expand[0]=x` as nested dicts and lists; every leaf is text, a blank leaf stays blank."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        head, *rest = name.replace("]", "").split("[")
        node, step = root, head
        for following in rest:
            inner = node.setdefault(step, {})
            if not isinstance(inner, dict):
                inner = node[step] = {}
            node, step = inner, following or str(len(inner))
        node[step] = value
    return {name: _with_lists(value) for name, value in root.items()}


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inner = {name: _with_lists(value) for name, value in node.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
