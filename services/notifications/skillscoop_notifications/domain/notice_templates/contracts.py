"""How moves on a contract and its terms are told."""

from skillscoop_notifications.domain.notice_template import Notice, NoticeTemplate, both

_CONTRACT = ("contract", "contract_id")

CONTRACTS: dict[str, tuple[NoticeTemplate, ...]] = {
    "contracts.contract.created.v1": (
        NoticeTemplate(
            "contract.created",
            _CONTRACT,
            {
                "client": Notice(
                    "You drafted “{title}”",
                    "The chat with {freelancer} is open. Send the terms for review when they are ready.",
                ),
                "freelancer": Notice(
                    "{Client} drafts a contract with you",
                    "“{title}”: you can talk about it in the chat now. The terms follow when they are sent for review.",
                ),
            },
            actor="client",
            data=("title", "currency"),
            mail=False,
        ),
    ),
    "contracts.terms.proposed.v1": (
        NoticeTemplate(
            "terms.proposed",
            _CONTRACT,
            {
                "client": Notice(
                    "You sent “{title}” for review",
                    "Revision {revision}, {total} in all, waits for {freelancer} until {expires_at}.",
                ),
                "freelancer": Notice(
                    "{Client} sent you terms to review",
                    "“{title}”: revision {revision}, {total} in all. Please answer by {expires_at}; nothing starts "
                    "before you approve.",
                ),
            },
            actor="client",
            data=("revision", "previous_revision", "total", "expires_at"),
        ),
    ),
    "contracts.terms.approved.v1": (
        NoticeTemplate(
            "terms.approved",
            _CONTRACT,
            {
                "client": Notice(
                    "{Freelancer} approved “{title}”",
                    "Revision {revision} is in force. You can fund milestones now.",
                ),
                "freelancer": Notice(
                    "You approved “{title}”",
                    "Revision {revision} is in force. Start when a milestone is funded.",
                ),
            },
            actor="freelancer",
            data=("revision", "terms_hash"),
        ),
    ),
    "contracts.terms.declined.v1": (
        NoticeTemplate(
            "terms.declined",
            _CONTRACT,
            {
                "client": Notice("{Freelancer} declined revision {revision} of “{title}”", "{quote}"),
                "freelancer": Notice("You declined revision {revision} of “{title}”", "{quote}"),
            },
            actor="freelancer",
            data=("revision", "reason"),
        ),
    ),
    "contracts.terms.withdrawn.v1": (
        NoticeTemplate(
            "terms.withdrawn",
            _CONTRACT,
            {
                "client": Notice(
                    "You withdrew revision {revision} of “{title}”",
                    "It can no longer be approved.",
                ),
                "freelancer": Notice(
                    "{Client} withdrew revision {revision} of “{title}”",
                    "It can no longer be approved.",
                ),
            },
            actor="client",
            data=("revision",),
        ),
    ),
    "contracts.terms.lapsed.v1": (
        NoticeTemplate(
            "terms.lapsed",
            _CONTRACT,
            both("Revision {revision} of “{title}” lapsed", "It was not answered in time."),
            data=("revision",),
        ),
    ),
    "contracts.terms.changes_requested.v1": (
        NoticeTemplate(
            "terms.changes_requested",
            _CONTRACT,
            {
                "client": Notice("{Freelancer} asks for changes to “{title}”", "{quote}"),
                "freelancer": Notice("You asked for changes to “{title}”", "{quote}"),
            },
            actor="freelancer",
            data=("revision", "comment"),
        ),
    ),
    "contracts.contract.completed.v1": (
        NoticeTemplate(
            "contract.completed",
            _CONTRACT,
            both("“{title}” is completed", "Everything is done and paid. You can now review each other."),
            data=("paid_to_freelancer",),
        ),
    ),
    "contracts.contract.ended.v1": (
        NoticeTemplate(
            "contract.ended",
            _CONTRACT,
            both("“{title}” has ended", "The contract is over. The chat and its record stay readable."),
            data=("paid_to_freelancer",),
        ),
    ),
}
