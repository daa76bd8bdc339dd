"""Ids, money, clocks, stored moments and retry pauses."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skillscoop_messages.clock import shifted_clocks, system_clocks
from skillscoop_messages.columns import JsonDocument, UtcDateTime
from skillscoop_messages.ids import PREFIXES, IdSource, ids_from, is_id, message_id_floor, new_id, new_message_id
from skillscoop_messages.money import CURRENCIES, Money, fee_of, format_money, is_allowed, share
from skillscoop_messages.retry import RetryPolicy
from sqlalchemy.dialects.postgresql import dialect as postgresql
from sqlalchemy.dialects.sqlite import dialect as sqlite


def test_ids_carry_their_type_and_rise() -> None:
    made = [new_id("ctr") for _ in range(2000)]
    assert made == sorted(made)
    assert len(set(made)) == 2000
    assert all(is_id("ctr", one) for one in made)


def test_an_id_is_a_version_7_uuid_of_now() -> None:
    made = UUID(new_message_id())
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert abs((made.int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 60


@pytest.mark.parametrize(
    "text", ["", "ctr_", "ms_" + "0" * 32, "ctr_" + "0" * 32, "ctr_01A203B0234B72638DCE2EB8776908DB", "ctr_x\x00"]
)
def test_malformed_ids_are_told_apart(text: str) -> None:
    assert not is_id("ctr", text)


def test_prefixes_are_distinct() -> None:
    assert len(set(PREFIXES.values())) == len(PREFIXES)


def test_ids_rise_even_when_the_clock_goes_back() -> None:
    times = iter([1000, 1000, 900, 1001, 1001])
    source = IdSource(lambda: next(times), lambda bits: (1 << bits) - 1)
    made = [source.next() for _ in range(5)]
    assert made == sorted(made)
    assert len(set(made)) == 5


def test_a_seeded_source_repeats() -> None:
    def run() -> list[str]:
        with ids_from(IdSource(lambda: 1, Random(7).getrandbits)):
            return [new_id("ctr"), new_message_id()]

    assert run() == run()
    assert new_id("ctr") not in run()


def test_a_message_id_floor_lies_between_older_and_newer_ids() -> None:
    now = datetime.now(UTC)
    assert (
        message_id_floor(now - timedelta(minutes=1)) < new_message_id() < message_id_floor(now + timedelta(minutes=1))
    )


@given(total=st.integers(0, 99_999_999), bps=st.integers(0, 10_000))
def test_parts_add_up_and_the_first_is_rounded_half_up(total: int, bps: int) -> None:
    first, rest = share(total, bps, "usd")
    assert first + rest == total
    assert 0 <= first <= total
    assert abs(first * 10_000 - total * bps) <= 5_000


@pytest.mark.parametrize(
    ("total", "bps", "first"), [(1, 5000, 1), (3, 5000, 2), (333, 3333, 111), (100, 125, 1), (150, 100, 2)]
)
def test_half_goes_up(total: int, bps: int, first: int) -> None:
    assert share(total, bps, "usd")[0] == first


@given(to_freelancer=st.integers(0, 99_999_999), bps=st.integers(0, 10_000), fixed=st.integers(0, 1_000_000))
def test_a_fee_is_never_more_than_what_is_given(to_freelancer: int, bps: int, fixed: int) -> None:
    assert 0 <= fee_of(to_freelancer, bps, fixed, "usd") <= to_freelancer


def test_a_fee_is_its_share_and_its_fixed_part() -> None:
    assert fee_of(10_000, 250, 30, "usd") == 280
    assert fee_of(20, 250, 30, "usd") == 20
    assert fee_of(0, 250, 30, "usd") == 0


@given(tens=st.integers(0, 9_999_999), bps=st.integers(0, 10_000), fixed=st.integers(0, 1_000_000))
def test_shares_and_fees_of_three_decimal_currencies_end_in_zero(tens: int, bps: int, fixed: int) -> None:
    """Given whole tens of fils, when they are split or a fee is taken, then every part is whole tens again."""
    total = tens * 10
    fee, parts = fee_of(total, bps, fixed, "kwd"), share(total, bps, "kwd")
    assert [amount % 10 for amount in (fee, total - fee, *parts)] == [0, 0, 0, 0]
    assert 0 <= fee <= total and sum(parts) == total and min(parts) >= 0


def test_a_fee_is_rounded_to_the_step_of_its_currency_once() -> None:
    assert fee_of(6_170, 1_000, 50, "kwd") == 670
    assert share(6_170, 3_333, "kwd") == (2_060, 4_110)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1250, "usd"), "$12.50"),
        (Money(123456789, "usd"), "$1,234,567.89"),
        (Money(5, "eur"), "€0.05"),
        (Money(1250, "jpy"), "¥1,250"),
        (Money(12500, "kwd"), "12.500 KWD"),
        (Money(-1250, "usd"), "-$12.50"),
        (Money(100, "chf"), "1.00 CHF"),
    ],
)
def test_money_is_shown_with_its_own_digits(money: Money, text: str) -> None:
    assert format_money(money) == text


def test_charges_stay_between_the_currency_s_limits_and_on_its_steps() -> None:
    assert is_allowed(Money(50, "usd"))
    assert not is_allowed(Money(49, "usd"))
    assert not is_allowed(Money(100_000_000, "usd"))
    assert not is_allowed(Money(1001, "kwd"))
    assert is_allowed(Money(1010, "kwd"))
    assert not is_allowed(Money(100, "xxx"))
    assert all(one.minimum % one.step == 0 for one in CURRENCIES.values())


def test_only_business_time_is_shifted() -> None:
    clocks = shifted_clocks(lambda: timedelta(days=14))
    assert timedelta(days=13) < clocks.business() - clocks.wall() < timedelta(days=15)
    assert system_clocks().business().tzinfo is UTC


@given(st.datetimes(timezones=st.timezones() | st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_a_moment_stored_as_text_comes_back_the_same(moment: datetime) -> None:
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        return
    column = UtcDateTime()
    stored = column.process_bind_param(moment, sqlite())
    assert len(stored) == 32
    assert column.process_result_value(stored, sqlite()) == in_utc


@given(st.lists(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)), min_size=2, max_size=2))  # noqa: DTZ001
def test_text_order_is_time_order(moments: list[datetime]) -> None:
    column = UtcDateTime()
    texts = [column.process_bind_param(moment, sqlite()) for moment in moments]
    assert (texts[0] < texts[1]) == (moments[0] < moments[1])


def test_a_moment_without_a_zone_is_refused() -> None:
    for kind in (sqlite(), postgresql()):
        with pytest.raises(ValueError, match="time zone"):
            UtcDateTime().process_bind_param(datetime(2026, 1, 1), kind)  # noqa: DTZ001


def test_documents_survive_sqlite() -> None:
    column = JsonDocument()
    value = {"ä": [1, None, {"x": "💸"}]}
    assert column.process_result_value(column.process_bind_param(value, sqlite()), sqlite()) == value
    assert column.process_bind_param(None, sqlite()) is None


def test_retries_double_up_to_a_limit_and_spread() -> None:
    retry = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=1))
    pauses = [retry.delay(attempt, "a") for attempt in range(1, 40)]
    assert pauses == sorted(pauses)
    assert all(timedelta(seconds=0.8) <= pause <= timedelta(minutes=1) for pause in pauses)
    assert len({retry.delay(1, str(n)) for n in range(50)}) > 25
    assert retry.delay(3, "a") == retry.delay(3, "a")


def test_patience_waits_as_long_again_as_it_has_waited() -> None:
    retry = RetryPolicy(first=timedelta(seconds=1), longest=timedelta(minutes=10))
    assert retry.patience(timedelta(0), "a") <= timedelta(seconds=1)
    assert timedelta(seconds=80) <= retry.patience(timedelta(seconds=100), "a") <= timedelta(seconds=100)
    assert retry.patience(timedelta(hours=5), "a") <= timedelta(minutes=10)
