"""The linters' and the type checker's word, as part of every run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "skillscoop_messages",
    "skillscoop_chassis",
    "skillscoop_contracts",
    "skillscoop_payments",
    "skillscoop_notifications",
    "skillscoop_disputes",
    "skillscoop_reviews",
    "skillscoop_cli",
    "stripe_simulator",
)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["ruff", "check", "."], id="ruff-check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff-format"),
        pytest.param(["mypy", *(word for package in PACKAGES for word in ("-p", package))], id="mypy-strict"),
    ],
)
def test_tool_has_nothing_to_say(arguments: list[str]) -> None:
    """Given the tree as it is, when the tool looks at it, then it finds nothing."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
