"""Who is told what of every event, as one table by event type.

Money that is neither paid out nor given back is "held securely via Stripe" in every sentence. The freelancer hears of
a release twice: when it is decided ("released") and when it was delivered ("on its way to your account").
"""

from collections.abc import Iterable, Mapping
from typing import Any

from skillscoop_notifications.domain.notice_template import NoticeTemplate
from skillscoop_notifications.domain.notice_templates.contracts import CONTRACTS
from skillscoop_notifications.domain.notice_templates.disputes import DISPUTES
from skillscoop_notifications.domain.notice_templates.milestones import MILESTONES
from skillscoop_notifications.domain.notice_templates.payments import PAYMENTS
from skillscoop_notifications.domain.notice_templates.reviews import REVIEWS

NOTICE_TEMPLATES: dict[str, tuple[NoticeTemplate, ...]] = {**CONTRACTS, **MILESTONES, **PAYMENTS, **DISPUTES, **REVIEWS}
"""The notice templates of each event type; the first whose condition fits is the one."""


def template_of(event_type: str, data: Mapping[str, Any]) -> NoticeTemplate | None:
    """The notice template of an event by its fields, or None for an event nobody is told of."""
    for template in NOTICE_TEMPLATES.get(event_type, ()):
        if template.when is None or data.get(template.when[0]) == template.when[1]:
            return template
    return None


def _mail_defaults(notice_templates: Iterable[NoticeTemplate]) -> dict[str, bool]:
    defaults: dict[str, bool] = {}
    for template in notice_templates:
        if template.notices:
            defaults[template.kind] = defaults.get(template.kind, False) or template.mail
    return defaults


MAIL_DEFAULTS: dict[str, bool] = _mail_defaults(template for group in NOTICE_TEMPLATES.values() for template in group)
"""Whether people get mail of each kind while they have not said otherwise. Kinds without any notice are left out."""
