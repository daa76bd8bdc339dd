"""Explicit parameter tables: what each call accepts, and Stripe's refusals for everything else.

A table maps a name to its kind; a name that ends with `!` is required. Kinds: `text`, `integer` (0 or more),
`positive` (1 or more), `boolean`, `metadata`, `texts` (list), `range` (a number or gt, gte, lt, lte); a tuple lists
the allowed words; a table nests; a list with one table is a list of such objects.
"""

import re
from typing import Any

from stripe_simulator.errors import Json, Refusal, bad_parameter

Kind = str | tuple[str, ...] | dict[str, Any] | list[dict[str, Any]]
Table = dict[str, Kind]

PAGE: Table = {"limit": "positive", "starting_after": "text", "ending_before": "text", "expand": "texts"}
"""Parameters of every v1 list."""

_WHOLE_NUMBER = re.compile(r"-?\d{1,18}")


def check(table: Table, given: Json, prefix: str = "") -> Json:
    """The given values in their own types. Values come as text (forms) or typed (JSON).

    A blank optional value means "unset" and becomes None. Raises Refusal with code `parameter_unknown`,
    `parameter_missing`, `parameter_invalid_integer`, `parameter_invalid_empty`, or none for a wrong word.
    """
    kinds = {name.removesuffix("!"): kind for name, kind in table.items()}
    for name in given:
        if name not in kinds:
            param = _path(prefix, name)
            raise bad_parameter(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
    for name in table:
        if name.endswith("!") and given.get(name[:-1]) is None:
            param = _path(prefix, name[:-1])
            raise bad_parameter(f"Missing required param: {param}.", code="parameter_missing", param=param)
        if name.endswith("!") and given[name[:-1]] == "":
            param = _path(prefix, name[:-1])
            raise bad_parameter(f"'{param}' may not be blank.", code="parameter_invalid_empty", param=param)
    return {name: _value(kinds[name], value, _path(prefix, name)) for name, value in given.items()}


def merge_metadata(before: Json, change: Json | None) -> Json:
    """Stripe's merge: given names are set and a blank value removes its name; a blank whole (`{}`) removes all."""
    if change is None:
        return before
    return {name: value for name, value in {**before, **change}.items() if change and value != ""}


def _path(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _value(kind: Kind, value: Any, param: str) -> Any:
    if value == "" or value is None:
        return {} if kind == "metadata" else None
    if isinstance(kind, tuple):
        if value not in kind:
            raise bad_parameter(f"Invalid {param}: must be one of {', '.join(kind)}", param=param)
        return value
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            raise bad_parameter(f"Invalid object: {param}", param=param)
        return check(kind, value, param)
    if isinstance(kind, list):
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise bad_parameter(f"Invalid array: {param}", param=param)
        return [check(kind[0], item, f"{param}[{index}]") for index, item in enumerate(value)]
    return _READERS[kind](value, param)


def _text(value: Any, param: str) -> str:
    if not isinstance(value, str):
        raise bad_parameter(f"Invalid string: {param}", param=param)
    if len(value) > 5_000:
        raise bad_parameter(f"'{param}' is longer than 5000 characters.", param=param)
    return value


def _integer(value: Any, param: str, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or not _WHOLE_NUMBER.fullmatch(str(value)):
        raise _not_an_integer(f"Invalid integer: {value}", param)
    if int(value) < least:
        raise _not_an_integer(f"Invalid integer: {param} must be at least {least}", param)
    return int(value)


def _not_an_integer(message: str, param: str) -> Refusal:
    return bad_parameter(message, code="parameter_invalid_integer", param=param)


def _boolean(value: Any, param: str) -> bool:
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    if not isinstance(value, bool | str) or value not in known:
        raise bad_parameter(f"Invalid boolean: {value}", param=param)
    return known[value]


def _metadata(value: Any, param: str) -> Json:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise bad_parameter(f"Invalid {param}: must be names with texts", param=param)
    if len(value) > 50 or any(len(name) > 40 or len(text) > 500 for name, text in value.items()):
        raise bad_parameter(f"{param} holds at most 50 names of 40 characters with texts of 500", param=param)
    return dict(value)


def _texts(value: Any, param: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_parameter(f"Invalid array: {param}", param=param)
    return value


def _range(value: Any, param: str) -> Json:
    if isinstance(value, dict):
        return check({"gt": "integer", "gte": "integer", "lt": "integer", "lte": "integer"}, value, param)
    exact = _integer(value, param)
    return {"gte": exact, "lte": exact}


_READERS: dict[str, Any] = {
    "text": _text,
    "integer": _integer,
    "positive": lambda value, param: _integer(value, param, 1),
    "boolean": _boolean,
    "metadata": _metadata,
    "texts": _texts,
    "range": _range,
}
