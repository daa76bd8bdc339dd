"""The rules of the house that a reader would otherwise have to watch over."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("contracts", "payments", "notifications", "disputes", "reviews")
PACKAGES = [
    *sorted(ROOT.glob("libs/*/skillscoop_*")),
    *sorted(ROOT.glob("services/*/skillscoop_*")),
    ROOT / "cli" / "skillscoop_cli",
    ROOT / "deploy" / "stripe-simulator" / "stripe_simulator",
]
ROOMS = ("main", "settings", "domain", "publish", "usecases", "subscribers", "api", "repository", "tables", "__main__")
ATTRACTORS = {"service", "utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}
MOST_LINES = 400


def files(*below: Path) -> Iterator[Path]:
    for folder in below:
        yield from (path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=named(path))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def test_imports_keep_to_the_contracts() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    home = ROOT / "services" / service
    package = home / f"skillscoop_{service}"
    missing = [room for room in ROOMS if not (package / f"{room}.py").exists() and not (package / room).is_dir()]

    assert missing == []
    assert (home / "migrations" / "env.py").exists()
    assert list((home / "migrations" / "versions").glob("*.py"))
    assert (home / "README.md").exists()
    assert {path.stem for path in files(package)} & ATTRACTORS == set()


DOMAIN_MAY = {"skillscoop_messages.money", "skillscoop_messages.ids", "skillscoop_messages.texts"}
NOT_PURE = {
    "asyncio", "random", "secrets", "time", "uuid", "os", "sys", "socket", "threading", "subprocess", "logging",
    "sqlite3", "urllib", "http", "pathlib", "io", "tempfile", "contextvars",
}  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_domain_is_pure(service: str) -> None:
    domain = ROOT / "services" / service / f"skillscoop_{service}" / "domain"
    allowed = (sys.stdlib_module_names - NOT_PURE) | {f"skillscoop_{service}.domain"}
    wrong = [
        f"{named(path)} imports {module}"
        for path in files(domain)
        for module in imported(path)
        if module.split(".")[0] not in allowed
        and not module.startswith(f"skillscoop_{service}.domain")
        and module not in DOMAIN_MAY
    ]

    assert wrong == []


def calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


CLOCK_CALLS = re.compile(r"(^|\.)(datetime|date)\.(now|utcnow|today)$|^time\.time(_ns)?$|^(now|utcnow|today)$")
MAY_ASK_THE_TIME = (
    "libs/messages/skillscoop_messages/clock.py",
    "libs/messages/skillscoop_messages/ids.py",
    "deploy/stripe-simulator/",
    "cli/",
)


def test_only_the_clocks_ask_for_the_time() -> None:
    wrong = [
        f"{named(path)}:{line} {name}"
        for path in files(*PACKAGES)
        if not named(path).startswith(MAY_ASK_THE_TIME)
        for line, name in calls(path)
        if CLOCK_CALLS.search(name)
    ]

    assert wrong == []


def test_nobody_prints_but_the_command() -> None:
    wrong = [
        f"{named(path)}:{line}"
        for path in files(*PACKAGES)
        if not named(path).startswith(("cli/", "deploy/stripe-simulator/"))
        for line, name in calls(path)
        if name == "print"
    ]

    assert wrong == []


def code_words(path: Path) -> Iterator[tuple[int, str]]:
    """Names and texts of the code; docstrings are not code."""
    module = tree(path)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.add(id(node.value))
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


SAYABLE = {"stripe_unavailable", "stripe_balance", "stripe_fees"}
"""Words of ours that name Stripe: a reason people see, and the two ledger accounts for money that stands there."""

PROVIDERS = re.compile(
    r"stripe|^(pi|ch|py|tr|re|acct|seti|cus|pm|cs|evt|req|whsec)_(\w+_)?$"
    r"|^(payment_intent|charge|transfer|refund|account|checkout\.session)\."
    r"|^(requires_payment_method|requires_confirmation|requires_capture)$"
)


def test_provider_words_stop_at_the_adapter() -> None:
    places = [
        *(ROOT / "services" / service / f"skillscoop_{service}" / "domain" for service in SERVICES),
        ROOT / "libs" / "messages" / "skillscoop_messages" / "events",
    ]
    wrong = [
        f"{named(path)}:{line} {word}"
        for path in files(*places)
        for line, word in code_words(path)
        # A sentence is for people, who may read whom they deal with.
        if " " not in word and word.lower() not in SAYABLE and PROVIDERS.search(word.lower())
    ]

    assert wrong == []


def test_services_open_their_parts_in_one_place() -> None:
    """Given the chassis opens database and transport from settings, then no service opens them by itself."""
    wrong = [
        f"{named(path)}:{line} {name}"
        for path in files(*(ROOT / "services" / service / f"skillscoop_{service}" for service in SERVICES))
        for line, name in calls(path)
        if name.split(".")[-1] in {"open_database", "open_transport"}
    ]

    assert wrong == []


def test_nobody_owns_anything_by_being_imported() -> None:
    makers = re.compile(
        r"(create_engine|create_async_engine|open_database|open_transport|AsyncClient|StripeClient|FastAPI|Settings)$"
    )
    wrong = []
    for path in files(*PACKAGES):
        for statement in tree(path).body:
            if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
                continue
            wrong += [
                f"{named(path)}:{node.lineno} {ast.unparse(node.func)}"
                for node in ast.walk(statement)
                if isinstance(node, ast.Call) and makers.search(ast.unparse(node.func))
            ]

    assert wrong == []


def test_files_stay_short_enough_to_read() -> None:
    long = {
        named(path): lines for path in files(*PACKAGES) if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }

    assert long == {}


def test_every_public_name_says_what_it_means() -> None:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    silent = [
        f"{named(path)}:{node.lineno} {node.name}"
        for path in files(*PACKAGES)
        for node in tree(path).body
        if isinstance(node, kinds) and not node.name.startswith("_") and ast.get_docstring(node) is None
    ]

    assert silent == []


IGNORED = frozenset(
    line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line.strip().endswith("/")
) | {".git"}


def tracked() -> list[Path]:
    """The repository's files: git's word where there is git, else everything outside the folders it would ignore."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return untold()
    return [ROOT / name for name in listed.split("\0") if name]


def untold() -> list[Path]:
    """The repository's files as an archive holds them."""
    found: list[Path] = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in IGNORED and not name.endswith(".egg-info")]
        found += [Path(folder) / name for name in names if name not in IGNORED]
    return found


def test_the_files_are_found_without_git_too() -> None:
    """Given a source archive or a machine without git, when the files are listed, then those that matter are there."""
    found = {named(path) for path in untold()}

    assert {"README.md", ".ci/run", "skillscoop", "tests/conftest.py", "docs/openapi.json"} <= found
    assert not [name for name in found if name.startswith((".git/", ".venv/", ".tools/"))]


MACHINE = re.compile(
    "|".join(["/wo" + "rk/", r"(?<![\w.])/ro" + "ot/", "pypi" + r"\.", "files.python" + "hosted", "registry." + "npm"])
)
UNTOLD = re.compile("|".join(["spec" + r"\.md", "shared/" + "design", "notes/" + "common"]))
SUFFIXES = {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".conf", ".json", ".html", ".txt", ".mjml", ".j2", ""}


def test_no_word_of_the_machine_or_of_private_papers() -> None:
    wrong = []
    for path in tracked():
        if path.suffix not in SUFFIXES or path.name == "uv.lock" or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE.search(line) or UNTOLD.search(line):
                wrong.append(f"{named(path)}:{number} {line.strip()[:100]}")

    assert wrong == []


def test_users_never_read_the_word_with_the_legal_meaning() -> None:
    word = "escr" + "ow"
    wrong = [
        f"{named(path)}:{line} {text[:80]}"
        for path in files(*PACKAGES)
        for line, text in code_words(path)
        if word in text.lower()
    ]
    pages = [
        named(path)
        for folder in PACKAGES
        for path in folder.rglob("*")
        if path.suffix in {".html", ".mjml", ".j2", ".txt", ".json"}
        and word in path.read_text(errors="replace").lower()
    ]

    assert wrong == []
    assert pages == []


def _picks_inside_in(path: Path) -> Iterator[int]:
    """Lines where the SELECT of an `IN (…)` has a limit or locks rows: a plan may run it more than once."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            inside = re.findall(r"\bIN\s*\(\s*SELECT\b[^()]*(?:\([^()]*\)[^()]*)*\)", node.value)
            if any(re.search(r"\b(?:LIMIT|FOR UPDATE|SKIP LOCKED)\b", found) for found in inside):
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "in_":
            called = [
                one.func.attr
                for one in ast.walk(node)
                if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
            ]
            named = [
                one.func.id for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)
            ]
            if {"scalar_subquery", "limit", "with_for_update"} & set(called) and "picked" not in named:
                yield node.lineno


def test_rows_to_change_are_picked_once() -> None:
    wrong = [f"{named(path)}:{line}" for path in files(*PACKAGES) for line in _picks_inside_in(path)]

    assert wrong == []


def test_the_recipes_name_files_that_are_there() -> None:
    """Given the recipes for a newcomer, when a file they name is moved, then they are told anew."""
    recipes = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Recipes")[1]
    files_named = re.findall(r"`((?:services|libs|tests|deploy)/[\w./-]+)`", recipes)

    assert len(files_named) > 20
    assert [path for path in files_named if not (ROOT / path).exists()] == []
