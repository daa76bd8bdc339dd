"""Whether others are told of a fact is decided for each of them."""

from typing import get_args

from skillscoop_disputes.domain.facts import Fact
from skillscoop_disputes.publish import EVENTS, TOLD_TO_NOBODY


def test_every_fact_is_told_to_others_or_listed_as_told_to_nobody() -> None:
    assert set(EVENTS) | TOLD_TO_NOBODY == set(get_args(Fact))
    assert set(EVENTS) & TOLD_TO_NOBODY == set()
