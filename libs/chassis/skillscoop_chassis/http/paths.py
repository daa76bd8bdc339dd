"""Path patterns: which paths need no token, which take larger bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from starlette.types import Scope

Matcher = Callable[[Scope], bool]


def matcher(pattern: str) -> Matcher:
    """A test of requests against `[METHOD ]/path/{segment}/rest*[?name=]`.

    `{…}` is one segment, a final `*` any rest, `?name=` asks for that query parameter to be there.
    """
    method, _, path = pattern.rpartition(" ")
    path, _, query = path.partition("?")
    parts = re.split(r"(\{[^}]*\}|\*$)", path)
    translated = "".join(
        "[^/]+" if part.startswith("{") else ".*" if part == "*" else re.escape(part) for part in parts
    )
    compiled = re.compile(translated)
    wanted = query.encode()

    def matches(scope: Scope) -> bool:
        if method and scope["method"] != method:
            return False
        if compiled.fullmatch(scope["path"]) is None:
            return False
        return not wanted or any(part.startswith(wanted) for part in scope["query_string"].split(b"&"))

    return matches


def any_matcher(patterns: Sequence[str]) -> Matcher:
    """A test that is true when one of `patterns` fits."""
    exact = frozenset(pattern for pattern in patterns if not re.search(r"[ {*?]", pattern))
    rest = [matcher(pattern) for pattern in patterns if pattern not in exact]

    def matches(scope: Scope) -> bool:
        return scope["path"] in exact or any(test(scope) for test in rest)

    return matches
