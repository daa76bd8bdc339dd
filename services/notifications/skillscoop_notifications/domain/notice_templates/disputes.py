"""How a dispute is told to both parties and to whoever works on it."""

from skillscoop_notifications.domain.notice_template import Notice, NoticeTemplate, both

_DISPUTE = ("dispute", "dispute_id")

DISPUTES: dict[str, tuple[NoticeTemplate, ...]] = {
    "disputes.dispute.confirmed.v1": (
        NoticeTemplate(
            "dispute.confirmed",
            _DISPUTE,
            {
                "actor": Notice(
                    "Your dispute about “{title}” is open",
                    "{Other} is asked to answer. The money in question stays held securely via Stripe.",
                ),
                "other": Notice(
                    "{Actor} opened a dispute about “{title}”",
                    "Please tell your side on the dispute's page. The money in question stays held securely via "
                    "Stripe.",
                ),
                "support": Notice(
                    "A dispute about “{title}” is open",
                    "It waits for the other party's answer.",
                ),
            },
            actor_field="opened_by",
            data=("milestone_ids",),
        ),
    ),
    "disputes.dispute.refused.v1": (
        NoticeTemplate(
            "dispute.refused",
            _DISPUTE,
            {
                "actor": Notice(
                    "Your dispute about “{title}” could not be opened",
                    "No milestone holds money that is still undecided.",
                ),
                "other": Notice(
                    "A dispute about “{title}” was not opened",
                    "No milestone holds money that is still undecided.",
                ),
            },
            actor_field="opened_by",
        ),
    ),
    "disputes.dispute.answer_filed.v1": (
        NoticeTemplate(
            "dispute.answer_filed",
            _DISPUTE,
            both(
                "The time to answer the dispute is over",
                "Our team looks at “{title}” with what was said so far.",
            )
            | {
                "support": Notice(
                    "A dispute about “{title}” went unanswered",
                    "The other party let the time pass.",
                )
            },
            data=("silent",),
            when=("silent", True),
        ),
        NoticeTemplate(
            "dispute.answer_filed",
            _DISPUTE,
            both("The dispute about “{title}” was answered", "Both sides are told; our team looks at it next.")
            | {"support": Notice("A dispute about “{title}” was answered", "Both sides are told.")},
            data=("silent",),
        ),
    ),
    "disputes.dispute.assigned.v1": (
        NoticeTemplate("dispute.assigned", _DISPUTE, card=False, when=("agent_id", None)),
        NoticeTemplate(
            "dispute.assigned",
            _DISPUTE,
            both(
                "Our team works on your dispute",
                "Somebody of our team took the dispute about “{title}” and can read its chat.",
            )
            | {
                "support": Notice(
                    "A dispute is yours: “{title}”",
                    "You can read its contract, chat and evidence until it closes.",
                )
            },
            card=False,
            when=("second_approver_id", None),
        ),
        NoticeTemplate(
            "dispute.assigned",
            _DISPUTE,
            {
                "support": Notice(
                    "A decision on “{title}” needs two of you",
                    "The case has a second approver now.",
                )
            },
            card=False,
        ),
    ),
    "disputes.dispute.proposed.v1": (
        NoticeTemplate(
            "dispute.proposed",
            _DISPUTE,
            both(
                "Our team proposes a split for “{title}”",
                "Please look at it and accept or decline on the dispute's page.",
            )
            | {"support": Notice("The split for “{title}” went out", "Both parties are asked to answer.")},
            actor="support",
            data=("split",),
        ),
    ),
    "disputes.dispute.resolved.v1": (
        NoticeTemplate(
            "dispute.resolved",
            _DISPUTE,
            both(
                "The dispute about “{title}” is resolved",
                "You both accepted the proposal. The money moves as agreed; we tell you when it is on its way.",
            )
            | {"support": Notice("“{title}” is resolved", "Both parties accepted.")},
            data=("milestones", "accepted"),
            when=("accepted", True),
        ),
        NoticeTemplate(
            "dispute.resolved",
            _DISPUTE,
            both(
                "Our team decided the dispute about “{title}”",
                "The reasons stand on the dispute's page. The money moves as decided; we tell you when it is on its "
                "way.",
            )
            | {"support": Notice("“{title}” is decided", "The decision is being carried out.")},
            actor="support",
            data=("milestones", "accepted"),
        ),
    ),
    "disputes.dispute.withdrawn.v1": (
        NoticeTemplate(
            "dispute.withdrawn",
            _DISPUTE,
            both("The dispute about “{title}” was withdrawn", "Everything goes on as before.")
            | {"support": Notice("The dispute about “{title}” was withdrawn", "There is nothing left to do.")},
        ),
    ),
    "disputes.dispute.closed.v1": (
        NoticeTemplate(
            "dispute.closed",
            _DISPUTE,
            both("The dispute about “{title}” is closed", "What was decided has been carried out.")
            | {
                "support": Notice(
                    "The dispute about “{title}” is closed",
                    "What was decided has been carried out.",
                )
            },
        ),
    ),
}
