"""Everything that can be set from outside, with the environment variables of the standalone form."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

API_VERSION = "2026-10-28.endive"
NOT_STRIPE = "this is not Stripe"

MINIMUM_CHARGE = {
    "usd": 50,
    "eur": 50,
    "gbp": 30,
    "jpy": 50,
    "aud": 50,
    "cad": 50,
    "chf": 50,
    "dkk": 250,
    "kwd": 150,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "sek": 300,
    "sgd": 50,
}
"""Currencies the platform settles in, each with the smallest charge in its minor unit."""

MAXIMUM_CHARGE = 99_999_999


@dataclass(frozen=True)
class WebhookTarget:
    """A webhook endpoint known from the start, with a secret of the caller's choice.

    `platform` gets snapshot events of the platform's own objects, `connect` those of connected accounts,
    `thin` the v2 account events.
    """

    url: str
    secret: str
    kind: Literal["platform", "connect", "thin"]


@dataclass(frozen=True)
class SimulatorSettings:
    """What one simulator needs to know.

    `data` is the folder of its SQLite file. `public_url` is where browsers reach it, without a slash at the end;
    addresses of its pages begin with it. Amounts are minor units; `capture_delay` and `refund_delay` are seconds of
    business time; `webhook_timeout`, `retry_delays` and `give_up_after` are seconds of wall time.
    """

    data: Path
    public_url: str
    webhooks: tuple[WebhookTarget, ...] = ()
    fee_basis_points: int = 290
    fee_fixed: int = 30
    settlement_days: int = 2
    opening_balance: int = 10_000_000_000
    payout_interval: str = "manual"
    capture_delay: int = 0
    refund_delay: int = 0
    webhook_timeout: float = 10.0
    retry_delays: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
    give_up_after: float = 3 * 86_400.0
    open_control: bool = False


def from_environment(environment: Mapping[str, str] | None = None) -> tuple[str, int, SimulatorSettings]:
    """Host, port and settings from SIMULATOR_HOST, _PORT, _DATA, _PUBLIC_URL, _WEBHOOKS and _OPEN_CONTROL.

    `SIMULATOR_WEBHOOKS` is a JSON list of `{url, secret, kind}`. Raises ValueError when a value cannot be read.
    """
    given = os.environ if environment is None else environment
    host = given.get("SIMULATOR_HOST", "127.0.0.1")
    port = int(given.get("SIMULATOR_PORT", "12111"))
    try:
        listed = json.loads(given.get("SIMULATOR_WEBHOOKS") or "[]")
        # A secret that was read from a file ends where its line ends.
        targets = tuple(WebhookTarget(**{**entry, "secret": entry["secret"].strip()}) for entry in listed)
    except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError("SIMULATOR_WEBHOOKS must be a JSON list of objects with url, secret and kind") from error
    if any(target.kind not in ("platform", "connect", "thin") for target in targets):
        raise ValueError("SIMULATOR_WEBHOOKS: kind is platform, connect or thin")
    settings = SimulatorSettings(
        data=Path(given.get("SIMULATOR_DATA", ".skillscoop/stripe-simulator")),
        public_url=given.get("SIMULATOR_PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        webhooks=targets,
        open_control=given.get("SIMULATOR_OPEN_CONTROL", "") in ("1", "true", "yes"),
    )
    return host, port, settings
