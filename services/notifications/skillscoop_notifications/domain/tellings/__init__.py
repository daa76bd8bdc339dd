"""Who is told what of every event, as one table by event type.

Money that is neither paid out nor given back is "held securely via Stripe" in every sentence. The freelancer hears of
a release twice: when it is decided ("released") and when it was delivered ("on its way to your account").
"""

from collections.abc import Iterable, Mapping
from typing import Any

from skillscoop_notifications.domain.telling import Telling
from skillscoop_notifications.domain.tellings.contracts import CONTRACTS
from skillscoop_notifications.domain.tellings.disputes import DISPUTES
from skillscoop_notifications.domain.tellings.milestones import MILESTONES
from skillscoop_notifications.domain.tellings.payments import PAYMENTS
from skillscoop_notifications.domain.tellings.reviews import REVIEWS

TELLINGS: dict[str, tuple[Telling, ...]] = {**CONTRACTS, **MILESTONES, **PAYMENTS, **DISPUTES, **REVIEWS}
"""The tellings of each event type; the first whose condition fits is the one."""


def telling_of(event_type: str, data: Mapping[str, Any]) -> Telling | None:
    """The telling of an event by its fields, or None for an event nobody is told of."""
    for telling in TELLINGS.get(event_type, ()):
        if telling.when is None or data.get(telling.when[0]) == telling.when[1]:
            return telling
    return None


def _mail_defaults(tellings: Iterable[Telling]) -> dict[str, bool]:
    defaults: dict[str, bool] = {}
    for telling in tellings:
        if telling.notices:
            defaults[telling.kind] = defaults.get(telling.kind, False) or telling.mail
    return defaults


MAIL_DEFAULTS: dict[str, bool] = _mail_defaults(telling for group in TELLINGS.values() for telling in group)
"""Whether people get mail of each kind while they have not said otherwise. Kinds without any notice are left out."""
