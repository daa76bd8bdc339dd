"""Rules that hold for any numbers: money adds up, terms have one fingerprint, walks stay within the rules."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skillscoop_contracts.domain.agreement import LapseTerms
from skillscoop_contracts.domain.completion import AutoComplete
from skillscoop_contracts.domain.contract import Contract
from skillscoop_contracts.domain.decide import decide
from skillscoop_contracts.domain.delivery import FinishSettlement, MilestoneSettled, settle
from skillscoop_contracts.domain.errors import DomainError, ImpossibleDelivery, InvalidTerms
from skillscoop_contracts.domain.evolve import evolve
from skillscoop_contracts.domain.funding import LapseFunding
from skillscoop_contracts.domain.policy import Policy
from skillscoop_contracts.domain.terms import Line, Terms, check_terms, difference, terms_hash
from skillscoop_messages.money import CURRENCIES

from tests.unit.contracts.situations import EVERYBODY, NOW, POLICY, commands, contract, line, milestone

amounts = st.integers(50, 99_999_999)
lines = st.lists(
    st.builds(
        Line,
        id=st.sampled_from([f"ms_{n}" for n in range(8)]),
        description=st.text(min_size=1, max_size=20),
        amount=amounts,
        due_date=st.none() | st.dates().map(str),
        criteria=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.id,
).map(tuple)
terms = st.builds(Terms, title=st.text(min_size=1, max_size=20), currency=st.just("usd"), lines=lines)


@given(held=amounts, share=st.integers(0, 99_999_999), bps=st.integers(0, 10_000), fixed=st.integers(0, 1_000))
def test_a_settlement_loses_and_doubles_nothing(held: int, share: int, bps: int, fixed: int) -> None:
    policy = Policy(version=1, fee_bps=bps, fee_fixed={"usd": fixed})
    one = replace(milestone("funded"), amount=held, held=held)
    agreed = replace(contract("active", one), policy=policy)
    to_freelancer = min(share, held)
    settlement = settle(agreed, one, "stl", to_freelancer, "dispute", "sam", NOW)
    assert settlement.to_freelancer + settlement.to_client == held
    assert 0 <= settlement.fee <= settlement.to_freelancer
    if share > held:
        with pytest.raises(ValueError, match="share"):
            settle(agreed, one, "stl", share, "dispute", "sam", NOW)


@given(first=terms, second=terms)
def test_terms_have_the_same_fingerprint_exactly_when_they_are_the_same(first: Terms, second: Terms) -> None:
    assert (terms_hash("ctr", first) == terms_hash("ctr", second)) == (first == second)
    assert terms_hash("ctr", first) != terms_hash("another", first)


def test_the_fingerprint_can_be_computed_by_anybody() -> None:
    agreed = Terms("A job", "usd", (line(criteria=("works",), due_date="2030-01-31"),))
    assert terms_hash("ctr_1", agreed) == "dfeb57605c308ecb056a7440380b66126a256eb348502b3c319e899aa9f07032"


@given(before=terms, after=terms)
def test_a_difference_tells_what_to_add_drop_and_change(before: Terms, after: Terms) -> None:
    change = difference(before, after)
    dropped, changed = {one.id for one in change.dropped}, {one.after.id: one.after for one in change.changed}
    kept = [changed.get(one.id, one) for one in before.lines if one.id not in dropped]
    assert {*kept, *change.added} == set(after.lines)
    if not change.reordered:
        assert [one.id for one in kept] == [one.id for one in after.lines if one.id in {one.id for one in kept}]
    assert difference(after, after) == difference(before, before)


@given(currency=st.sampled_from(sorted(CURRENCIES)), amount=st.integers(1, 100_000_010), bps=st.integers(0, 10_000))
def test_a_price_lies_in_its_currencys_range_and_above_its_fee(currency: str, amount: int, bps: int) -> None:
    known = CURRENCIES[currency]
    policy = Policy(version=1, fee_bps=bps, fee_fixed={currency: 7})
    fine = (
        known.minimum <= amount <= known.maximum
        and amount % known.step == 0
        and amount > policy.fee_rule(currency).of(amount, currency)
    )
    stated = Terms("A job", currency, (line(amount=amount),))
    if fine:
        check_terms(stated, {}, policy, NOW)
    else:
        with pytest.raises(InvalidTerms):
            check_terms(stated, {}, policy, NOW)


def test_a_due_date_may_be_today_anywhere_on_earth() -> None:
    def stated(day: str) -> Terms:
        return Terms("A job", "usd", (line(due_date=day),))

    just_after_midnight = NOW.replace(hour=0, minute=5)
    check_terms(stated("2026-11-21"), {}, POLICY, just_after_midnight)
    with pytest.raises(InvalidTerms):
        check_terms(stated("2026-11-20"), {}, POLICY, just_after_midnight)
    check_terms(stated("2020-01-01"), {"ms_1": line(due_date="2020-01-01")}, POLICY, NOW)


def test_terms_have_at_most_fifty_milestones() -> None:
    def stated(count: int) -> Terms:
        return Terms("A job", "usd", tuple(line(id=f"ms_{n}") for n in range(count)))

    check_terms(stated(50), {}, POLICY, NOW)
    for count in (0, 51):
        with pytest.raises(InvalidTerms):
            check_terms(stated(count), {}, POLICY, NOW)


def test_a_settlement_delivered_to_nobody_needs_an_operator() -> None:
    waiting = contract("active", milestone("settling"))
    with pytest.raises(ImpossibleDelivery):
        decide(waiting, FinishSettlement("ms_1", "stl_1", 0, 0, 0, 12_500), NOW)


def test_a_share_the_fee_eats_whole_is_still_the_freelancers() -> None:
    waiting = contract("active", milestone("settling"))
    facts = decide(waiting, FinishSettlement("ms_1", "stl_1", 0, 12_000, 500, 0), NOW)
    assert [fact.state for fact in facts if isinstance(fact, MilestoneSettled)] == ["split"]
    assert evolve(waiting, facts, NOW).paid_to_freelancer == 500


def test_timers_before_their_time_do_nothing() -> None:
    assert decide(contract("proposed"), LapseTerms(), NOW + timedelta(days=14, seconds=-1)) == []
    assert decide(contract("revising"), LapseTerms(), NOW + timedelta(days=6, seconds=-1)) == []
    assert decide(contract("active", milestone("funding")), LapseFunding("ms_1"), NOW) == []
    assert decide(contract("active", milestone("released")), AutoComplete(), NOW) == []


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 22), st.integers(0, 3), st.integers(0, 20)), max_size=40))
def test_no_walk_leaves_the_rules(steps: list[tuple[int, int, int]]) -> None:
    """Any commands by anybody in any order, with days passing between them."""
    now, current = NOW, contract("draft")
    for number, actor, days in steps:
        now += timedelta(days=days)
        command = commands(current, EVERYBODY[actor])[number]
        try:
            facts = decide(current, command, now)
        except (DomainError, ImpossibleDelivery):
            continue
        _hold(current, current := evolve(current, facts, now), facts)


def _hold(before: Contract, after: Contract, facts: list[Any]) -> None:
    assert after.version - before.version in (0, 1)
    assert after.revision >= before.revision
    assert after.last_revision >= after.revision
    assert (after.pending is None) or (after.state == "active" and after.pending.revision == after.last_revision)
    assert (after.auto_complete_at is None) or after.phase == "active"
    for one in after.milestones:
        known = before.milestone(one.id)
        assert known is None or one.version - known.version == int(one != known)
        assert (one.held > 0) == (one.state in ("funded", "submitted", "settling"))
        if one.state == "settling":
            assert one.settlement is not None
            assert one.settlement.to_freelancer + one.settlement.to_client == one.held
        assert not one.frozen_by or one.state in ("funded", "submitted")
    for milestone_id in {one.id for one in before.milestones} - {one.id for one in after.milestones}:
        assert before.policy is None, f"{milestone_id} was agreed on and is gone"
    assert facts or after == before
