"""What others said and what we do about it: one function per queue. Timers stand in `usecases.TIMERS`."""

from typing import Any

from skillscoop_messages.asking import question_key, say_again
from skillscoop_messages.consumer import Subscriber
from skillscoop_messages.database import Transaction
from skillscoop_messages.envelope import Envelope
from skillscoop_messages.errors import NotYet, Permanent
from skillscoop_messages.events import disputes, payments
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_contracts import projections
from skillscoop_contracts.domain.contract import By
from skillscoop_contracts.domain.delivery import FinishSettlement, NoteSettlementBlocked
from skillscoop_contracts.domain.disputes import FreezeForDispute, SettleDispute, UnfreezeForDispute
from skillscoop_contracts.domain.errors import DomainError, UnknownObject
from skillscoop_contracts.domain.funding import NotePaymentHeld, NotePaymentOver, NotePaymentReturned
from skillscoop_contracts.domain.table import Command
from skillscoop_contracts.repository.loading import lock_contract
from skillscoop_contracts.usecases import carry_out


async def _react(
    tx: Transaction,
    contract_id: str,
    command: Command,
    *,
    funding_id: str | None = None,
    dispute_id: str | None = None,
) -> None:
    """Lock the contract and let it decide. What is not known here yet may still arrive; nonsense never will."""
    stored = await lock_contract(tx, contract_id, funding_id=funding_id, dispute_id=dispute_id)
    if stored is None:
        raise NotYet(f"contract {contract_id} is not known here")
    try:
        await carry_out(tx, stored, command)
    except UnknownObject as error:
        raise NotYet(f"contract {contract_id} has not had {error.object_id}") from error
    except DomainError as error:
        raise Permanent(f"{type(error).__name__}: {error}") from error


async def record_answer_of_payment(
    tx: Transaction,
    message: Envelope[
        payments.PaymentHeld | payments.PaymentFailed | payments.PaymentCanceled | payments.PaymentRequiresAction
    ],
) -> None:
    """Payments answered a try to fund: take the money, refuse it, or plan again. That it waits for the client is only
    a sign that payments has been asked."""
    event = message.data
    if isinstance(event, payments.PaymentRequiresAction):
        return
    command: Command
    if isinstance(event, payments.PaymentHeld):
        command = NotePaymentHeld(event.milestone_id, event.funding_id, event.payment_id, event.paid, event.currency)
    elif isinstance(event, payments.PaymentFailed):
        command = NotePaymentOver(event.milestone_id, event.funding_id, "failed", event.reason)
    else:
        command = NotePaymentOver(event.milestone_id, event.funding_id, "canceled", event.reason)
    await _react(tx, event.contract_id, command, funding_id=event.funding_id)


async def note_returned_payment(tx: Transaction, message: Envelope[payments.PaymentReturned]) -> None:
    """Money nobody wanted is back with the client."""
    event = message.data
    command = NotePaymentReturned(event.milestone_id, event.funding_id, event.payment_id, event.returned)
    await _react(tx, event.contract_id, command, funding_id=event.funding_id)


async def finish_settlement_when_completed(tx: Transaction, message: Envelope[payments.SettlementCompleted]) -> None:
    """The decision was delivered: the milestone is final."""
    event = message.data
    command = FinishSettlement(
        milestone_id=event.milestone_id,
        settlement_id=event.settlement_id,
        transferred=event.transferred,
        refunded=event.refunded,
        fee=event.fee,
        charged_back=event.charged_back,
    )
    await _react(tx, event.contract_id, command)


async def show_blocked_settlement(tx: Transaction, message: Envelope[payments.SettlementBlocked]) -> None:
    """The delivery waits: show why."""
    event = message.data
    command = NoteSettlementBlocked(event.milestone_id, event.settlement_id, event.reason, message.sequence)
    await _react(tx, event.contract_id, command)


async def note_payout_account(tx: Transaction, message: Envelope[payments.PayoutAccountChanged]) -> None:
    """Remember whether a freelancer can be paid, for the warnings."""
    await projections.note_payout_account(tx, message.data.user_id, message.data.state, message.sequence)


async def freeze_when_dispute_opened(tx: Transaction, message: Envelope[disputes.DisputeOpened]) -> None:
    """Hold the disputed money fast and answer once for all of it."""
    event = message.data
    wanted = None if event.milestone_ids is None else tuple(event.milestone_ids)
    command = FreezeForDispute(By(event.opened_as, event.opened_by), event.dispute_id, wanted)
    await _react(tx, event.contract_id, command, dispute_id=event.dispute_id)


async def unfreeze_when_dispute_withdrawn(tx: Transaction, message: Envelope[disputes.DisputeWithdrawn]) -> None:
    """Let the money go; remember it in case the opening comes later."""
    event = message.data
    await _react(tx, event.contract_id, UnfreezeForDispute(event.dispute_id), dispute_id=event.dispute_id)
    await projections.note_assignment(tx, event.dispute_id, event.contract_id, None, None, message.sequence)


async def settle_when_dispute_resolved(tx: Transaction, message: Envelope[disputes.DisputeResolved]) -> None:
    """Turn the decision into settlements, all of them or none."""
    event = message.data
    command = SettleDispute(
        by=By("support", event.decided_by),
        dispute_id=event.dispute_id,
        decision=event.decision,
        shares=tuple((share.milestone_id, share.to_freelancer) for share in event.milestones),
        settlement_ids={share.milestone_id: new_id(PREFIXES["settlement"]) for share in event.milestones},
    )
    await _react(tx, event.contract_id, command, dispute_id=event.dispute_id)


async def say_settlements_again(tx: Transaction, message: Envelope[disputes.DisputeResolved]) -> None:
    """A decision came again: its dispute may have missed that its milestones became final."""
    event = message.data
    stored = await lock_contract(tx, event.contract_id, dispute_id=event.dispute_id)
    if stored is None:
        return
    decided = [stored.contract.milestone(share.milestone_id) for share in event.milestones]
    await say_again(tx, [question_key("settled", one.settlement.id) for one in decided if one and one.settlement])


async def note_assigned_agent(
    tx: Transaction, message: Envelope[disputes.DisputeAssigned | disputes.DisputeClosed]
) -> None:
    """Remember who of support may read the contract; nobody, once the case is closed."""
    event = message.data
    assigned = event if isinstance(event, disputes.DisputeAssigned) else None
    await projections.note_assignment(
        tx,
        event.dispute_id,
        event.contract_id,
        assigned.agent_id if assigned else None,
        assigned.second_approver_id if assigned else None,
        message.sequence,
    )


_HANDLERS: tuple[Any, ...] = (
    record_answer_of_payment,
    note_returned_payment,
    finish_settlement_when_completed,
    show_blocked_settlement,
    note_payout_account,
    freeze_when_dispute_opened,
    unfreeze_when_dispute_withdrawn,
    settle_when_dispute_resolved,
    note_assigned_agent,
)

_AGAIN = {settle_when_dispute_resolved: say_settlements_again}

SUBSCRIBERS: list[Subscriber] = [
    Subscriber(f"contracts.{handler.__name__}", handler, again=_AGAIN.get(handler)) for handler in _HANDLERS
]
"""Every queue of this service, named after its function."""
