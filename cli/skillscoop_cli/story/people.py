"""The cast. Every walk brings its own people, so it can be told any number of times on the same data."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Issue = Callable[[str, Sequence[str]], str]
"""Makes a token of a user id and roles."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token. `name` is what the narration calls them, `id` the token's subject."""

    name: str
    id: str
    token: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cast:
    """Client, freelancer, support agent, operator, and a stranger who has no business here."""

    ada: Person
    grace: Person
    sam: Person
    olga: Person
    mallory: Person

    def everyone(self) -> tuple[Person, ...]:
        """All five, in the order of the playbill."""
        return (self.ada, self.grace, self.sam, self.olga, self.mallory)


_PLAYBILL: dict[str, tuple[str, ...]] = {
    "ada": (),
    "grace": (),
    "sam": ("support",),
    "olga": ("ops",),
    "mallory": (),
}


def cast_of(issue: Issue, suffix: str | None = None) -> Cast:
    """People of one walk. Their ids end in the suffix (random unless given), so they meet nobody of an earlier walk."""
    ending = suffix or secrets.token_hex(3)

    def person(name: str) -> Person:
        user = f"{name}-{ending}"
        roles = _PLAYBILL[name]
        return Person(name.capitalize(), user, issue(user, roles), roles)

    return Cast(**{name: person(name) for name in _PLAYBILL})
