"""The one list of what is said, by whom, to whom, and who listens.

Queues, bindings, the AsyncAPI document, the broker's definitions and the event table are all made from it.
"""

from dataclasses import dataclass
from typing import Literal

from skillscoop_messages.events import contracts, disputes, notifications, payments, reviews
from skillscoop_messages.events.base import Event
from skillscoop_messages.transport.base import Subscription

Recipient = Literal["client", "freelancer", "support"]
BOTH: frozenset[Recipient] = frozenset({"client", "freelancer"})
NOBODY: frozenset[Recipient] = frozenset()
SERVICES = ("contracts", "payments", "notifications", "disputes", "reviews")


@dataclass(frozen=True, slots=True)
class EventEntry:
    """One event of the published language: its class and which people its feed, stream and webhooks may reach."""

    event: type[Event]
    recipients: frozenset[Recipient]

    @property
    def type(self) -> str:
        """The full event type, which is also the routing key."""
        return self.event.type

    @property
    def publisher(self) -> str:
        """The service that may say it: the first word of its type."""
        return self.event.type.split(".", 1)[0]


_CLIENT: frozenset[Recipient] = frozenset({"client"})
_FREELANCER: frozenset[Recipient] = frozenset({"freelancer"})
_ALL: frozenset[Recipient] = frozenset({"client", "freelancer", "support"})

ENTRIES: tuple[EventEntry, ...] = (
    EventEntry(contracts.ContractCreated, BOTH),
    EventEntry(contracts.PolicyPublished, NOBODY),
    EventEntry(contracts.TermsProposed, BOTH),
    EventEntry(contracts.TermsApproved, BOTH),
    EventEntry(contracts.TermsDeclined, BOTH),
    EventEntry(contracts.TermsWithdrawn, BOTH),
    EventEntry(contracts.TermsLapsed, BOTH),
    EventEntry(contracts.TermsChangesRequested, BOTH),
    EventEntry(contracts.MilestoneFundingRequested, NOBODY),
    EventEntry(contracts.MilestoneFundingCanceled, NOBODY),
    EventEntry(contracts.MilestoneFunded, BOTH),
    EventEntry(contracts.MilestoneFundingFailed, BOTH),
    EventEntry(contracts.MilestonePaymentRefused, _CLIENT),
    EventEntry(contracts.MilestoneSubmitted, BOTH),
    EventEntry(contracts.MilestoneSubmissionRetracted, BOTH),
    EventEntry(contracts.MilestoneSettlementDecided, BOTH),
    EventEntry(contracts.MilestoneSettlementBlocked, BOTH),
    EventEntry(contracts.MilestoneHeldChanged, BOTH),
    EventEntry(contracts.MilestoneUnfrozen, BOTH),
    EventEntry(contracts.MilestoneReleased, BOTH),
    EventEntry(contracts.MilestoneRefunded, BOTH),
    EventEntry(contracts.MilestoneSplit, BOTH),
    EventEntry(contracts.DisputeAnswered, NOBODY),
    EventEntry(contracts.DisputeExecuted, NOBODY),
    EventEntry(contracts.DisputeDecisionRefused, NOBODY),
    EventEntry(contracts.DisputeUnfrozen, NOBODY),
    EventEntry(contracts.ContractCompleted, BOTH),
    EventEntry(contracts.ContractEnded, BOTH),
    EventEntry(payments.PaymentRequiresAction, _CLIENT),
    EventEntry(payments.PaymentHeld, NOBODY),
    EventEntry(payments.PaymentFailed, _CLIENT),
    EventEntry(payments.PaymentCanceled, _CLIENT),
    EventEntry(payments.PaymentReturned, _CLIENT),
    EventEntry(payments.SettlementBlocked, NOBODY),
    EventEntry(payments.SettlementCompleted, NOBODY),
    EventEntry(payments.PayoutAccountChanged, _FREELANCER),
    EventEntry(disputes.DisputeOpened, NOBODY),
    EventEntry(disputes.DisputeConfirmed, _ALL),
    EventEntry(disputes.DisputeRefused, BOTH),
    EventEntry(disputes.DisputeAnswerFiled, _ALL),
    EventEntry(disputes.DisputeAssigned, _ALL),
    EventEntry(disputes.DisputeProposed, _ALL),
    EventEntry(disputes.DisputeResolved, _ALL),
    EventEntry(disputes.DisputeWithdrawn, _ALL),
    EventEntry(disputes.DisputeClosed, _ALL),
    EventEntry(reviews.ReviewReceived, BOTH),
    EventEntry(reviews.ReviewPublished, BOTH),
    EventEntry(notifications.MessagePosted, BOTH),
)
EVENTS: dict[str, EventEntry] = {entry.type: entry for entry in ENTRIES}


def _on(name: str, *events: type[Event], money: bool = False) -> Subscription:
    return Subscription(name=name, types=tuple(event.type for event in events), money=money)


_TOLD_TO_PEOPLE = tuple(
    entry.event for entry in ENTRIES if entry.recipients and entry.event not in (notifications.MessagePosted,)
)

SUBSCRIPTIONS: dict[str, Subscription] = {
    subscription.name: subscription
    for subscription in (
        _on(
            "contracts.record_answer_of_payment",
            payments.PaymentHeld,
            payments.PaymentFailed,
            payments.PaymentCanceled,
            payments.PaymentRequiresAction,
            money=True,
        ),
        _on("contracts.note_returned_payment", payments.PaymentReturned, money=True),
        _on("contracts.finish_settlement_when_completed", payments.SettlementCompleted, money=True),
        _on("contracts.show_blocked_settlement", payments.SettlementBlocked),
        _on("contracts.note_payout_account", payments.PayoutAccountChanged),
        _on("contracts.freeze_when_dispute_opened", disputes.DisputeOpened, money=True),
        _on("contracts.unfreeze_when_dispute_withdrawn", disputes.DisputeWithdrawn, money=True),
        _on("contracts.settle_when_dispute_resolved", disputes.DisputeResolved, money=True),
        _on("contracts.note_assigned_agent", disputes.DisputeAssigned, disputes.DisputeClosed),
        _on("payments.learn_policy", contracts.PolicyPublished),
        _on("payments.learn_contract", contracts.TermsApproved),
        _on("payments.create_payment_when_funding_requested", contracts.MilestoneFundingRequested, money=True),
        _on("payments.cancel_payment_when_funding_canceled", contracts.MilestoneFundingCanceled, money=True),
        _on("payments.return_money_when_payment_refused", contracts.MilestonePaymentRefused, money=True),
        _on("payments.pay_out_when_settlement_decided", contracts.MilestoneSettlementDecided, money=True),
        _on("payments.note_assigned_agent", disputes.DisputeAssigned),
        _on(
            "disputes.learn_contract",
            contracts.ContractCreated,
            contracts.TermsApproved,
            contracts.MilestoneFunded,
            contracts.MilestoneSubmitted,
            contracts.MilestoneSubmissionRetracted,
            contracts.MilestoneSettlementDecided,
            contracts.MilestoneHeldChanged,
            contracts.MilestoneUnfrozen,
        ),
        _on("disputes.confirm_when_contracts_answered", contracts.DisputeAnswered, money=True),
        _on("disputes.note_unfrozen", contracts.DisputeUnfrozen, money=True),
        _on(
            "disputes.record_execution",
            contracts.DisputeExecuted,
            contracts.DisputeDecisionRefused,
            money=True,
        ),
        _on(
            "disputes.close_when_milestones_final",
            contracts.MilestoneReleased,
            contracts.MilestoneRefunded,
            contracts.MilestoneSplit,
            money=True,
        ),
        _on("reviews.learn_contract", contracts.ContractCreated),
        _on("reviews.open_window_when_contract_over", contracts.ContractCompleted, contracts.ContractEnded),
        _on("notifications.open_conversation", contracts.ContractCreated),
        _on("notifications.note_assigned_agent", disputes.DisputeAssigned),
        _on("notifications.notify_people", *_TOLD_TO_PEOPLE),
    )
}


@dataclass(frozen=True, slots=True)
class Question:
    """Something another service must answer: its asker says it again until one of `answers` took effect (`asking`).

    `about` names the fields a question and its answers share; `signs` tell that it arrived and leave it open.
    """

    name: str
    events: tuple[type[Event], ...]
    about: tuple[str, ...]
    answers: tuple[type[Event], ...]
    signs: tuple[type[Event], ...] = ()

    @property
    def heard_by(self) -> frozenset[str]:
        """The asker's queues in which an answer or a sign takes effect: those for money where a type has several."""
        service = EVENTS[self.events[0].type].publisher
        listening = [one for one in SUBSCRIPTIONS.values() if one.name.partition(".")[0] == service]
        heard: set[str] = set()
        for event in (*self.answers, *self.signs):
            queues = [one for one in listening if event.type in one.types]
            heard.update(one.name for one in queues if one.money or len(queues) == 1)
        return frozenset(heard)


QUESTIONS: tuple[Question, ...] = (
    Question(
        "funding",
        (contracts.MilestoneFundingRequested, contracts.MilestoneFundingCanceled),
        ("funding_id",),
        answers=(payments.PaymentHeld, payments.PaymentFailed, payments.PaymentCanceled),
        signs=(payments.PaymentRequiresAction,),
    ),
    Question("return", (contracts.MilestonePaymentRefused,), ("payment_id",), answers=(payments.PaymentReturned,)),
    Question(
        "settlement",
        (contracts.MilestoneSettlementDecided,),
        ("settlement_id",),
        answers=(payments.SettlementCompleted,),
        signs=(payments.SettlementBlocked,),
    ),
    Question("freeze", (disputes.DisputeOpened,), ("dispute_id",), answers=(contracts.DisputeAnswered,)),
    Question("unfreeze", (disputes.DisputeWithdrawn,), ("dispute_id",), answers=(contracts.DisputeUnfrozen,)),
    # An executed decision stays asked until the dispute has seen all its milestones final, and closes it itself.
    Question(
        "decision",
        (disputes.DisputeResolved,),
        ("dispute_id", "decision"),
        answers=(contracts.DisputeDecisionRefused,),
        signs=(contracts.DisputeExecuted,),
    ),
)

SAID_AGAIN: tuple[tuple[str, tuple[str, ...], tuple[type[Event], ...]], ...] = (
    (
        "settled",
        ("settlement_id",),
        (contracts.MilestoneReleased, contracts.MilestoneRefunded, contracts.MilestoneSplit),
    ),
)
"""Events that answer no question themselves and are said again with one: name, fields, events."""


def event_class(event_type: str) -> type[Event] | None:
    """The class of an event type of this or an older major that may still be stored somewhere, or `None`."""
    entry = EVENTS.get(event_type)
    return entry.event if entry else None
