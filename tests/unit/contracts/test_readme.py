"""The READMEs' diagrams and lists are those of the code."""

from pathlib import Path

import pytest
from skillscoop_cli.documents.readmes import readmes, with_part

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("service", ["contracts", "disputes", "reviews"])
def test_the_readme_is_fresh(service: str) -> None:
    path = Path("services") / service / "README.md"

    assert (ROOT / path).read_text(encoding="utf-8") == readmes(ROOT)[path], (
        "run python -m skillscoop_cli.documents.generate"
    )


def test_a_readme_without_marks_is_not_overwritten() -> None:
    """Given a README whose marks were lost, when its part is made anew, then nothing of it is guessed."""
    with pytest.raises(ValueError, match="begins and ends"):
        with_part("# Contracts\n", "new")
