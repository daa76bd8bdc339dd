"""The list of situations in the acceptance tests' folder, against the tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "acceptance"
ROW = re.compile(r"^\| (\d+) \| .+ \| (there|not there yet) \|$", re.MULTILINE)
LISTED = {int(number): state for number, state in ROW.findall((FOLDER / "SITUATIONS.md").read_text())}
TESTED = {int(path.name[5:7]) for path in FOLDER.glob("test_[0-9][0-9]_*.py")}


def test_every_situation_is_listed_once() -> None:
    """Given the list, when its numbers are read, then they are one to twenty, and every test has its row."""
    assert list(LISTED) == list(range(1, 21))
    assert LISTED.keys() >= TESTED


def test_the_list_says_which_situations_have_a_test() -> None:
    """Given the list and the folder, when they are compared, then exactly those with a test are "there"."""
    assert {number for number, state in LISTED.items() if state == "there"} == TESTED
