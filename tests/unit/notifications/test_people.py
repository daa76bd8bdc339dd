"""Who may see a conversation, and which addresses and codes are taken."""

from datetime import UTC, datetime, timedelta

import pytest
from skillscoop_notifications.domain.people import is_address, may_send_code

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("address", ["ada@example.org", "a.b+c@mail.example.co.uk", "o'neil@example.org"])
def test_an_address_is_taken(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "ada",
        "ada@",
        "@example.org",
        "ada@localhost",
        "a b@example.org",
        "ada@example.org\nBcc: eve@example.org",
        "ada@example.org,eve@example.org",
        '"ada"@example.org',
        "Ada <ada@example.org>",
        "ada@exa_mple.org",
        "ада@example.org",
        f"{'a' * 65}@example.org",
    ],
)
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    assert not is_address(address)


def test_at_most_five_codes_leave_within_an_hour() -> None:
    assert may_send_code(0, None, NOW)
    assert may_send_code(4, NOW - timedelta(minutes=5), NOW)
    assert not may_send_code(5, NOW - timedelta(minutes=59), NOW)
    assert may_send_code(5, NOW - timedelta(minutes=60), NOW)
