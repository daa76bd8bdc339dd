"""The wall clock. Signatures, retries and the age of keys use it; business time comes from the caller."""

from datetime import UTC, datetime


def wall() -> datetime:
    """The machine's time in UTC."""
    return datetime.now(UTC)


def rfc3339(seconds: int) -> str:
    """Unix seconds as Stripe's v2 objects write a time, for example `2026-11-22T14:00:00.000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
