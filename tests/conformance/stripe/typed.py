"""The pinned SDK's types as a judge, where Stripe's own description is absent: no test is left out for want of it.

The SDK is generated from the same description. Its sources are read, not run: typed dictionaries of parameters say what
a call takes, annotations of resources what an object holds, and services which call has which of both. Words in a
`Literal` are the only ones, although the SDK itself lets others pass.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import stripe

SDK = Path(stripe.__file__).parent
_CALL = re.compile(
    r'    def \w+\(\s*self,(?P<given>.*?)\) -> (?:"(?P<answer>[^"]+)"|.*?):\n.*?'
    r'self\._request\(\s*"(?P<verb>\w+)",\s*"(?P<path>[^"]+)"',
    re.DOTALL,
)
_OPTIONS = frozenset({"api_key", "stripe_version", "stripe_account", "stripe_context", "idempotency_key",
                      "max_network_retries", "content_type", "headers"})  # fmt: skip
_PLAIN: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "Decimal": (str, int)}


@dataclass(frozen=True)
class Source:
    """One file of the SDK: its classes by their full name, and where its other names come from."""

    file: Path
    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[Path, str]]


@dataclass(frozen=True)
class Scope:
    """Where a name is looked up: inside these classes of a file, the innermost last."""

    source: Source
    within: tuple[str, ...] = ()

    def find(self, name: str) -> "Scope | None":
        """The class that a name means here."""
        for depth in range(len(self.within), -1, -1):
            full = ".".join((*self.within[:depth], name))
            if full in self.source.classes:
                return Scope(self.source, tuple(full.split(".")))
        head, _, rest = name.partition(".")
        if head not in self.source.imports:
            return None
        file, original = self.source.imports[head]
        return Scope(read(file)).find(f"{original}.{rest}" if rest else original) if file.exists() else None

    @property
    def definition(self) -> ast.ClassDef:
        """The class itself."""
        return self.source.classes[".".join(self.within)]


@dataclass(frozen=True)
class Call:
    """What the SDK knows of one call: the type of its parameters, None where it takes none, and of its answer."""

    parameters: Scope | None
    answer: ast.expr | None
    scope: Scope


@cache
def read(file: Path) -> Source:
    """One file of the SDK."""
    classes: dict[str, ast.ClassDef] = {}
    imports: dict[str, tuple[Path, str]] = {}

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                classes[prefix + node.name] = node
                walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.If):
                walk(node.body, prefix)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stripe":
                place = SDK.parent / Path(*str(node.module).split("."))
                for alias in node.names:
                    target = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
                    imports[alias.asname or alias.name] = (target, alias.name)

    walk(ast.parse(file.read_text()).body, "")
    return Source(file, classes, imports)


@cache
def calls() -> dict[tuple[str, str], Call]:
    """Every call of the SDK's services, by method and path with its names in braces."""
    found: dict[tuple[str, str], Call] = {}
    for file in sorted(SDK.rglob("_*_service.py")):
        for match in _CALL.finditer(file.read_text()):
            scope = Scope(read(file))
            named = re.search(r'params: (?:Optional\[)?"(\w+)"', match["given"])
            answer = ast.parse(match["answer"], mode="eval").body if match["answer"] else None
            found[match["verb"].upper(), match["path"]] = Call(scope.find(named[1]) if named else None, answer, scope)
    return found


@cache
def call(method: str, path: str) -> Call | None:
    """The call of a real path, or of one with names in braces."""
    for (verb, template), known in sorted(calls().items(), key=lambda item: item[0][1].count("{")):
        if verb == method and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return known
    return None


@cache
def resources() -> dict[str, Scope]:
    """Classes of objects by the word in `object`."""
    found: dict[str, Scope] = {}
    for file in sorted(SDK.rglob("_*.py")):
        match = re.search(r'^class (\w+)\((?:(?!^class ).)*?OBJECT_NAME: ClassVar\[\s*Literal\["([^"]+)"\]\s*\]',
                          file.read_text(), re.DOTALL | re.MULTILINE)  # fmt: skip
        if match and match[2] not in found:
            found[match[2]] = Scope(read(file), (match[1],))
    return found


@cache
def event_types() -> frozenset[str]:
    """Every type of snapshot event that an endpoint can ask for."""
    file = SDK / "params" / "_webhook_endpoint_create_params.py"
    known = fields(Scope(read(file), ("WebhookEndpointCreateParams",)))
    return frozenset(
        node.value
        for node in ast.walk(known["enabled_events"][0])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def fields(scope: Scope) -> dict[str, tuple[ast.expr, bool]]:
    """Annotations of a class, and whether a typed dictionary requires the field."""
    found: dict[str, tuple[ast.expr, bool]] = {}
    for node in scope.definition.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            kind = node.annotation
            optional = isinstance(kind, ast.Subscript) and getattr(kind.value, "id", "") == "NotRequired"
            found[node.target.id] = (kind.slice if isinstance(kind, ast.Subscript) and optional else kind, not optional)
    # `from` and the like cannot be fields of a class: such dictionaries are made by a call.
    return {name: what for name, what in found.items() if name not in _OPTIONS}


def parameters(method: str, path: str) -> set[str]:
    """Names of the parameters a call takes."""
    known = call(method, path)
    return set(fields(known.parameters)) if known and known.parameters else set()


def wrong_parameters(method: str, path: str, given: Any) -> list[str]:
    """What is wrong with a call's parameters; texts stand for numbers and words, as in a form."""
    known = call(method, path)
    if known is None:
        return ["Stripe has no such call"]
    if known.parameters is None:
        return [f"takes nothing: {sorted(given)}"] if given else []
    return list(_in_class(known.parameters, given, "", form=True, closed=True))


def wrong_object(name: str, value: Any) -> list[str]:
    """What is wrong with an object of that kind; fields the SDK does not know pass."""
    scope = resources().get(name)
    return [] if scope is None else list(_in_class(scope, value, "", form=False, closed=False))


def wrong_answer(method: str, path: str, value: Any) -> list[str]:
    """What is wrong with the answer to a call."""
    known = call(method, path)
    if known is None:
        return ["Stripe has no such call"]
    return [] if known.answer is None else list(_wrong(known.answer, value, known.scope, "", form=False))


def _in_class(scope: Scope, value: Any, at: str, *, form: bool, closed: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: not an object"
        return
    known = fields(scope)
    for name, inner in value.items():
        if name in known:
            yield from _wrong(known[name][0], inner, scope, f"{at}/{name}", form=form)
        elif closed and known:
            yield f"{at}/{name}: unknown"
    if closed:
        yield from (f"{at}/{name}: missing" for name, (_, needed) in known.items() if needed and name not in value)


def _wrong(kind: ast.expr, value: Any, scope: Scope, at: str, *, form: bool) -> list[str]:
    """What keeps a value from being of an annotated kind."""
    if isinstance(kind, ast.Constant):
        if isinstance(kind.value, str):
            return _wrong(ast.parse(kind.value.strip(), mode="eval").body, value, scope, at, form=form)
        return [] if value is None else [f"{at}: not null"]
    if isinstance(kind, ast.BinOp):
        return _of_union([kind.left, kind.right], value, scope, at, form=form)
    if isinstance(kind, ast.Subscript):
        return _generic(kind, value, scope, at, form=form)
    return _named(ast.unparse(kind), value, scope, at, form=form)


def _generic(kind: ast.Subscript, value: Any, scope: Scope, at: str, *, form: bool) -> list[str]:
    inner = list(kind.slice.elts) if isinstance(kind.slice, ast.Tuple) else [kind.slice]
    match ast.unparse(kind.value):
        case "Optional":
            return [] if value is None else _wrong(inner[0], value, scope, at, form=form)
        case "Union":
            return _of_union(inner, value, scope, at, form=form)
        case "ExpandableField":
            return [] if isinstance(value, str) else _wrong(inner[0], value, scope, at, form=form)
        case "Literal":
            words = [ast.literal_eval(one) for one in inner]
            shown = {"true": True, "false": False}.get(value, value) if form and isinstance(value, str) else value
            return [] if shown in words or value in words else [f"{at}: {value!r} is none of {words[:8]}"]
        case "List" | "Sequence":
            if not isinstance(value, list):
                return [f"{at}: not a list"]
            return [wrong for one in value for wrong in _wrong(inner[0], one, scope, f"{at}[]", form=form)]
        case "Dict" | "UntypedStripeObject":
            return [] if isinstance(value, dict) else [f"{at}: not an object"]
        case "ListObject":
            data = value.get("data") if isinstance(value, dict) else None
            if not isinstance(data, list):
                return [f"{at}: not a list object"]
            return [wrong for one in data for wrong in _wrong(inner[0], one, scope, f"{at}/data", form=form)]
    return []


def _of_union(kinds: list[ast.expr], value: Any, scope: Scope, at: str, *, form: bool) -> list[str]:
    flat = list(_branches(kinds))
    words = [one for one in flat if isinstance(one, ast.Subscript) and ast.unparse(one.value) == "Literal"]
    # Beside words, any text is the SDK's patience with words of later versions.
    tried = [one for one in flat if not (words and isinstance(one, ast.Name) and one.id == "str")]
    attempts = [_wrong(one, value, scope, at, form=form) for one in tried]
    return [] if any(not wrong for wrong in attempts) else min(attempts, key=len)


def _branches(kinds: list[ast.expr]) -> Iterator[ast.expr]:
    for kind in kinds:
        if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
            yield from _branches([ast.parse(kind.value.strip(), mode="eval").body])
        elif isinstance(kind, ast.BinOp):
            yield from _branches([kind.left, kind.right])
        elif isinstance(kind, ast.Subscript) and ast.unparse(kind.value) == "Union":
            yield from _branches(list(kind.slice.elts) if isinstance(kind.slice, ast.Tuple) else [kind.slice])
        else:
            yield kind


def _named(name: str, value: Any, scope: Scope, at: str, *, form: bool) -> list[str]:
    if name == "bool":
        right = value in ("true", "false") if form and isinstance(value, str) else isinstance(value, bool)
        return [] if right else [f"{at}: {value!r} is no truth"]
    if name in _PLAIN:
        if form and name in ("int", "float") and isinstance(value, str):
            number = r"-?\d+" if name == "int" else r"-?\d+(\.\d+)?"
            return [] if re.fullmatch(number, value) else [f"{at}: {value!r} is no number"]
        right = isinstance(value, _PLAIN[name]) and not isinstance(value, bool)
        return [] if right else [f"{at}: {value!r} is not {name}"]
    found = scope.find(name)
    if found is None:
        return []
    typed = any(ast.unparse(base) == "TypedDict" for base in found.definition.bases)
    return list(_in_class(found, value, at, form=form, closed=typed))
