"""How the client hears of payments and the freelancer of the payout account. None of it is shown to the other."""

from skillscoop_notifications.domain.notice_template import Notice, NoticeTemplate

_PAYMENT = ("payment", "payment_id")
_ACCOUNT = ("payout_account", "payout_account_id")

PAYMENTS: dict[str, tuple[NoticeTemplate, ...]] = {
    "payments.payment.requires_action.v1": (
        NoticeTemplate(
            "payment.requires_action",
            _PAYMENT,
            {
                "client": Notice(
                    "Your payment for “{milestone}” needs one more step",
                    "Please finish paying {amount}. Afterwards it is held securely via Stripe.",
                )
            },
            card=False,
            mail=False,
        ),
    ),
    # What failed or was canceled at Stripe is told once, when contracts has answered it: as milestone.funding_failed.
    "payments.payment.failed.v1": (NoticeTemplate("payment.failed", _PAYMENT, card=False, mail=False),),
    "payments.payment.canceled.v1": (NoticeTemplate("payment.canceled", _PAYMENT, card=False, mail=False),),
    "payments.payment.returned.v1": (
        NoticeTemplate(
            "payment.returned",
            _PAYMENT,
            {
                "client": Notice(
                    "{returned} was returned to you",
                    "A payment for “{milestone}” that was not needed went back the way it came.",
                )
            },
            card=False,
        ),
    ),
    "payments.payout_account.changed.v1": (
        NoticeTemplate(
            "payout_account.changed",
            _ACCOUNT,
            {"freelancer": Notice("Your payout account is ready", "Released money now goes straight to it.")},
            card=False,
            when=("state", "active"),
        ),
        NoticeTemplate(
            "payout_account.changed",
            _ACCOUNT,
            {
                "freelancer": Notice(
                    "Your payout account is being set up",
                    "Stripe still needs some details before you can be paid.",
                )
            },
            card=False,
            when=("state", "onboarding"),
            mail=False,
        ),
        NoticeTemplate(
            "payout_account.changed",
            _ACCOUNT,
            {
                "freelancer": Notice(
                    "Your payout account needs attention",
                    "Stripe asks for more details. Released money waits until they are there.",
                )
            },
            card=False,
            when=("state", "restricted"),
        ),
        NoticeTemplate(
            "payout_account.changed",
            _ACCOUNT,
            {
                "freelancer": Notice(
                    "Stripe cannot open a payout account for you",
                    "Please contact our team about money that waits for you.",
                )
            },
            card=False,
            when=("state", "rejected"),
        ),
        NoticeTemplate(
            "payout_account.changed",
            _ACCOUNT,
            {"freelancer": Notice("Your payout account was removed", "Set up a new one to be paid.")},
            card=False,
        ),
    ),
}
