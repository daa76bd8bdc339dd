"""The README's diagrams and lists are those of the code."""

from skillscoop_contracts.readme import README, fresh


def test_the_readme_is_fresh() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == fresh(text), "run python -m skillscoop_contracts.readme"
