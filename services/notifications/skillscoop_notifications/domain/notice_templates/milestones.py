"""How moves on a milestone and its money are told."""

from skillscoop_notifications.domain.notice_template import Notice, NoticeTemplate, both

_MILESTONE = ("milestone", "milestone_id")
_WORK = ("description", "amount")

MILESTONES: dict[str, tuple[NoticeTemplate, ...]] = {
    "contracts.milestone.funded.v1": (
        NoticeTemplate(
            "milestone.funded",
            _MILESTONE,
            {
                "client": Notice(
                    "“{milestone}” is funded",
                    "Your {held} is held securely via Stripe until you release it.",
                ),
                "freelancer": Notice(
                    "“{milestone}” is funded",
                    "{Client} paid: {held} is held securely via Stripe. You can start.",
                ),
            },
            data=(*_WORK, "held"),
        ),
    ),
    "contracts.milestone.funding_failed.v1": (
        NoticeTemplate(
            "milestone.funding_failed",
            _MILESTONE,
            {
                "client": Notice(
                    "The payment for “{milestone}” did not go through",
                    "Reason: {because}. Nothing is held; you can try again.",
                ),
                "freelancer": Notice(
                    "“{milestone}” is not funded yet",
                    "A payment did not go through. Please wait with the work until the milestone is funded.",
                ),
            },
            data=_WORK,
        ),
    ),
    "contracts.milestone.payment_refused.v1": (
        NoticeTemplate(
            "milestone.payment_refused",
            _MILESTONE,
            {
                "client": Notice(
                    "A payment for “{milestone}” goes back to you",
                    "We do not keep it: {because}. You need not do anything.",
                )
            },
            card=False,
        ),
    ),
    "contracts.milestone.submitted.v1": (
        NoticeTemplate(
            "milestone.submitted",
            _MILESTONE,
            {
                "client": Notice(
                    "{Freelancer} submitted “{milestone}”",
                    "{quote}\n\nPlease look at the work and release {held}.{automatic}",
                ),
                "freelancer": Notice(
                    "You submitted “{milestone}”",
                    "{Client} was asked to look at it.{automatic}",
                ),
            },
            actor="freelancer",
            data=(*_WORK, "note", "links", "held", "auto_release_at"),
        ),
    ),
    "contracts.milestone.submission_retracted.v1": (
        NoticeTemplate(
            "milestone.submission_retracted",
            _MILESTONE,
            {
                "client": Notice(
                    "{Freelancer} took “{milestone}” back",
                    "The work goes on. {held} stays held securely via Stripe; you need not do anything.",
                ),
                "freelancer": Notice(
                    "You took “{milestone}” back",
                    "Submit it again when it is ready. {held} stays held securely via Stripe.",
                ),
            },
            actor="freelancer",
            data=(*_WORK, "held"),
        ),
    ),
    "contracts.milestone.settlement_decided.v1": (
        NoticeTemplate(
            "milestone.settlement_decided",
            _MILESTONE,
            {
                "client": Notice(
                    "“{milestone}” is released",
                    "{to_freelancer} goes to {freelancer}. We tell you both when it is on its way.",
                ),
                "freelancer": Notice(
                    "“{milestone}” is released",
                    "{to_freelancer} was released to you. We tell you when it is on its way to your account.",
                ),
            },
            actor_field="decided_by",
            data=(*_WORK, "held", "to_freelancer", "to_client", "reason"),
            when=("reason", "release"),
        ),
        NoticeTemplate(
            "milestone.settlement_decided",
            _MILESTONE,
            both(
                "“{milestone}” is settled as decided",
                "{to_freelancer} for {freelancer}, {to_client} for {client}. We tell you when it is on its way.",
            ),
            actor_field="decided_by",
            data=(*_WORK, "held", "to_freelancer", "to_client", "reason"),
        ),
    ),
    "contracts.milestone.settlement_blocked.v1": (
        NoticeTemplate(
            "milestone.settlement_blocked",
            _MILESTONE,
            {
                "freelancer": Notice(
                    "Your payment needs your payout account",
                    "“{milestone}” is released, but your payout account is not ready yet. Finish it, and the payment "
                    "runs by itself.",
                ),
                "client": Notice(
                    "The payment of “{milestone}” waits",
                    "The payout account of {freelancer} is not ready yet. It runs by itself as soon as it is; you "
                    "need not do anything.",
                ),
            },
            data=(*_WORK, "reason"),
            when=("reason", "payee_not_ready"),
        ),
        NoticeTemplate(
            "milestone.settlement_blocked",
            _MILESTONE,
            both(
                "The payment of “{milestone}” waits",
                "Reason: {because}. It is tried again by itself; you need not do anything.",
            ),
            data=(*_WORK, "reason"),
            mail=False,
        ),
    ),
    "contracts.milestone.held_changed.v1": (
        NoticeTemplate(
            "milestone.held_changed",
            _MILESTONE,
            both(
                "“{milestone}” is frozen",
                "{held} stays held securely via Stripe while a dispute about it is open.",
            ),
            data=(*_WORK, "held", "reason"),
            mail=False,
        ),
    ),
    "contracts.milestone.unfrozen.v1": (
        NoticeTemplate(
            "milestone.unfrozen",
            _MILESTONE,
            both(
                "“{milestone}” is no longer frozen",
                "{held} is held securely via Stripe and can be released again.",
            ),
            data=(*_WORK, "held"),
            mail=False,
        ),
    ),
    "contracts.milestone.released.v1": (
        NoticeTemplate(
            "milestone.released",
            _MILESTONE,
            {
                "client": Notice(
                    "“{milestone}” is paid",
                    "{paid} is on its way to the account of {freelancer}.",
                ),
                "freelancer": Notice(
                    "{paid} is on its way to your account",
                    "For “{milestone}” of “{title}”{after_fee}. Stripe shows when it arrives.",
                ),
            },
            data=(*_WORK, "paid", "fee"),
        ),
    ),
    "contracts.milestone.refunded.v1": (
        NoticeTemplate(
            "milestone.refunded",
            _MILESTONE,
            {
                "client": Notice(
                    "{refunded} is on its way back to you",
                    "For “{milestone}” of “{title}”. Your bank shows when it arrives.",
                ),
                "freelancer": Notice("“{milestone}” was refunded", "{refunded} went back to {client}."),
            },
            data=(*_WORK, "refunded"),
        ),
    ),
    "contracts.milestone.split.v1": (
        NoticeTemplate(
            "milestone.split",
            _MILESTONE,
            {
                "client": Notice(
                    "“{milestone}” was split",
                    "{refunded} is on its way back to you, {paid} to {freelancer}.",
                ),
                "freelancer": Notice(
                    "“{milestone}” was split",
                    "{paid} is on its way to your account{after_fee}, {refunded} back to {client}.",
                ),
            },
            data=(*_WORK, "paid", "fee", "refunded"),
        ),
    ),
}
