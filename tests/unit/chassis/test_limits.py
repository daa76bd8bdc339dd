"""Counting: by window, bounded in memory, and from rows."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError
from skillscoop_chassis.http import limits
from skillscoop_chassis.http.limits import FloodLimits, cap_reached
from skillscoop_chassis.settings import ServiceSettings

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes_ago", "wait"),
    [([], None), ([10, 20], None), ([10, 20, 30], 30 * 60), ([1, 2, 3, 59], 57 * 60), ([10, 20, 61], None)],
)
def test_a_cap_counts_what_lies_within_its_window(minutes_ago: list[int], wait: int | None) -> None:
    """Three an hour: refused when three lie within it, and told when the one in the way leaves it."""
    counted = [NOW - timedelta(minutes=one) for one in minutes_ago]
    refusal = cap_reached("tries", "3/hour", counted, NOW, "Wait.")
    assert (None if refusal is None else int(refusal.headers["Retry-After"])) == wait


def test_made_up_addresses_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given room for three counters
    When five addresses are counted
    Then the oldest are forgotten, and the newest is still known.
    """
    monkeypatch.setattr(limits, "COUNTED_AT_ONCE", 3)
    flood = FloodLimits({"refused": "2/minute"}, lambda: NOW)
    for number in range(5):
        flood.count("refused", f"198.51.100.{number}")
    assert flood.count("refused", "198.51.100.4").remaining == 0
    assert flood.count("refused", "198.51.100.0").remaining == 1


def test_one_ipv6_network_is_one_caller() -> None:
    """Whoever has one IPv6 address has a whole /64 of them."""
    flood = FloodLimits({}, lambda: NOW)
    found = {
        flood.address({"client": (address, 1), "headers": []})
        for address in ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    }
    assert len(found) == 2


@pytest.mark.parametrize("value", ["often", "5", "0/", "-1/minute"])
def test_a_rate_nobody_can_read_stops_the_start(value: str) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings(
            database_url=SecretStr("sqlite://"), bus_url=SecretStr("simulated://"), jwks_url="x", rate_reads=value
        )


@pytest.mark.parametrize(
    ("environment", "rate_limits", "on"),
    [("test", "auto", False), ("development", "auto", True), ("production", "auto", True), ("test", "on", True),
     ("production", "off", False)],
)  # fmt: skip
def test_callers_are_limited_everywhere_but_in_tests(environment: str, rate_limits: str, on: bool) -> None:
    settings = ServiceSettings.model_construct(environment=environment, rate_limits=rate_limits)  # type: ignore[arg-type]
    assert settings.limits_on is on
