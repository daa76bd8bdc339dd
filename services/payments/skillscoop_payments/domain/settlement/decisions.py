"""What a decision, a snapshot or an operator's wish means for a settlement, and the settlement after it."""

from dataclasses import replace
from typing import Literal

from skillscoop_messages.money import fee_of, step_of

from skillscoop_payments.domain.errors import (
    IllegalTransition,
    NothingToRetry,
    PayeeNotReady,
    RefundStillOut,
    SplitDoesNotMatch,
)
from skillscoop_payments.domain.payment import About
from skillscoop_payments.domain.settlement.facts import (
    LEG_TRANSITIONS,
    PRIORITY,
    Blocked,
    BlockedReason,
    Completed,
    Decided,
    Fact,
    FeeTookAll,
    Leg,
    LegBlocked,
    RefundBroke,
    RefundCredited,
    RefundDebited,
    RefundMade,
    RefundSent,
    RefundWaits,
    Settlement,
    TransferGivenUp,
    TransferMade,
    TransferSent,
)
from skillscoop_payments.domain.snapshots import RefundSnapshot


def decide(
    settlement_id: str,
    payment_id: str,
    about: About,
    *,
    held: int,
    to_freelancer: int,
    to_client: int,
    bps: int,
    fixed: int,
) -> Settlement:
    """A new settlement of what is held; the fee is `bps` ten-thousandths plus `fixed`, at most the whole share.

    Raises SplitDoesNotMatch unless the parts are not negative, in whole steps of the currency, and add up to `held`.
    """
    if to_freelancer % step_of(about.currency) or to_client % step_of(about.currency):
        raise SplitDoesNotMatch(f"{to_freelancer} and {to_client} are not in whole steps of {about.currency}")
    if min(to_freelancer, to_client) < 0 or to_freelancer + to_client != held:
        raise SplitDoesNotMatch(f"{to_freelancer} and {to_client} do not make up the {held} held")
    return Settlement(
        settlement_id,
        payment_id,
        about,
        "decision",
        to_freelancer,
        to_client,
        fee_of(to_freelancer, bps, fixed, about.currency),
        transfer="waiting" if to_freelancer else "none",
        refund="waiting" if to_client else "none",
    )


def give_back(settlement_id: str, payment_id: str, about: About, paid: int) -> Settlement:
    """The return of unwanted money."""
    return Settlement(settlement_id, payment_id, about, "return", 0, paid, 0, transfer="none", refund="waiting")


def advance(
    settlement: Settlement, *, booked: bool, payee_ready: bool, converted: bool = False, under_review: bool = False
) -> list[Fact]:
    """Start whatever can start now. `booked`: the ledger has the payment; `payee_ready`: money may be sent there.

    `converted`: the provider holds the money in another currency than was agreed. It can go back as it came, but what
    the freelancer agreed to cannot be sent, and a person has to say what becomes of it. `under_review`: nothing new
    moves until an operator has looked.
    """
    if settlement.state == "completed":
        return []
    if settlement.state == "waiting" and not booked:
        leg: Literal["transfer", "refund"] = "transfer" if settlement.to_freelancer else "refund"
        return _finish(settlement, _block(settlement, leg, "payment_unposted"))
    if under_review:
        legs: tuple[tuple[Literal["transfer", "refund"], Leg], ...] = (
            ("transfer", settlement.transfer),
            ("refund", settlement.refund),
        )
        open_legs = [name for name, leg in legs if leg in ("waiting", "sent")]
        return _finish(settlement, [fact for name in open_legs for fact in _block(settlement, name, "under_review")])
    facts: list[Fact] = [] if settlement.state == "running" else [Decided()]
    if settlement.transfer == "failed" and payee_ready and settlement.transfer_block == "payee_not_ready":
        facts.append(TransferSent())
    if settlement.transfer == "waiting":
        if settlement.net == 0:
            facts.append(FeeTookAll())
        elif converted:
            facts += _block(settlement, "transfer", "under_review")
        elif payee_ready:
            facts.append(TransferSent())
        else:
            facts += _block(settlement, "transfer", "payee_not_ready")
    if settlement.refund == "waiting":
        facts.append(RefundSent())
    return _finish(settlement, facts)


def may_send(settlement: Settlement) -> bool:
    """Whether there is something to transfer as soon as its payee is ready."""
    return settlement.transfer in ("waiting", "failed") and settlement.net > 0


def _block(settlement: Settlement, leg: Literal["transfer", "refund"], reason: BlockedReason) -> list[Fact]:
    """The leg waits for `reason`; nothing, when that is known already."""
    known = settlement.transfer_block if leg == "transfer" else settlement.refund_block
    return [] if known == reason else [LegBlocked(leg, reason)]


def transferred(settlement: Settlement, operation_id: str) -> list[Fact]:
    """The transfer exists. Seen twice it means nothing new."""
    if settlement.transfer in ("done", "none"):
        return []
    return _finish(settlement, [TransferMade(operation_id)])


def refund_observed(settlement: Settlement, snapshot: RefundSnapshot) -> list[Fact]:
    """What the provider's present state of the refund means. Seen twice or out of order it means nothing new."""
    if settlement.refund == "failed" and settlement.refund_debited and snapshot.credit_ref is not None:
        return [RefundCredited(snapshot.credit_ref, snapshot.credited)]
    if settlement.refund in ("none", "waiting", "failed"):
        return []
    facts: list[Fact] = []
    if snapshot.debit_ref is not None and not settlement.refund_debited:
        facts.append(RefundDebited(snapshot.debit_ref, snapshot.debited))
    if snapshot.status in ("failed", "canceled"):
        if snapshot.credit_ref is not None:
            facts.append(RefundCredited(snapshot.credit_ref, snapshot.credited))
        return _finish(settlement, [*facts, RefundBroke()])
    if snapshot.status == "pending" and settlement.refund == "sent":
        facts.append(RefundWaits())
    # Success is believed once the money has left our balance: only then the ledger can say so too.
    if snapshot.status == "delivered" and settlement.refund != "done" and (facts or settlement.refund_debited):
        facts.append(RefundMade())
    return _finish(settlement, facts)


def money_moved(snapshot: RefundSnapshot) -> list[Fact]:
    """What a refund means for the books alone: it left our balance, and it came back."""
    facts: list[Fact] = [] if snapshot.debit_ref is None else [RefundDebited(snapshot.debit_ref, snapshot.debited)]
    return facts if snapshot.credit_ref is None else [*facts, RefundCredited(snapshot.credit_ref, snapshot.credited)]


def refund_refused(settlement: Settlement) -> list[Fact]:
    """The provider will never make this refund."""
    return _finish(settlement, [RefundBroke()]) if settlement.refund == "sent" else []


def leg_waits(settlement: Settlement, leg: Literal["transfer", "refund"], reason: BlockedReason) -> list[Fact]:
    """An attempt got no answer, or a no that can pass; it is tried again by itself."""
    if (settlement.transfer if leg == "transfer" else settlement.refund) != "sent":
        return []
    if (settlement.transfer_block if leg == "transfer" else settlement.refund_block) == "under_review":
        return []
    return _finish(settlement, _block(settlement, leg, reason))


def transfer_given_up(settlement: Settlement) -> list[Fact]:
    """It is not tried again by itself; what it waited for stays known."""
    return _finish(settlement, [TransferGivenUp()]) if settlement.transfer == "sent" else []


def transfer_again(settlement: Settlement, *, payee_ready: bool) -> list[Fact]:
    """An operator tries a transfer that was given up once more. Raises NothingToRetry, PayeeNotReady."""
    if settlement.transfer != "failed":
        raise NothingToRetry
    if not payee_ready:
        raise PayeeNotReady
    return _finish(settlement, [TransferSent()])


def refund_again(settlement: Settlement) -> list[Fact]:
    """An operator tries a broken refund once more.

    Raises NothingToRetry where none broke, RefundStillOut while the broken one has not come back to our balance: a
    second one would be paid out of money that belongs to others.
    """
    if settlement.refund != "failed":
        raise NothingToRetry
    if settlement.refund_debited:
        raise RefundStillOut
    return _finish(settlement, [RefundSent()])


def awaits_refund(settlement: Settlement) -> bool:
    """Whether the provider has the refund and has yet to say how it ends, or to give a failed one back."""
    out = settlement.refund in ("sent", "pending") or (settlement.refund == "failed" and settlement.refund_debited)
    return out and settlement.refund_ref is not None


def _finish(settlement: Settlement, facts: list[Fact]) -> list[Fact]:
    """Add what follows from the facts: completion, or a changed reason to tell."""
    after = apply_all(settlement, facts)
    if after.state == "running" and {after.transfer, after.refund} <= {"none", "done"}:
        return [*facts, Completed()]
    reason = _reason(after)
    if after.state != "completed" and reason is not None and reason != settlement.blocked_reason:
        return [*facts, Blocked(reason)]
    return facts


def _reason(settlement: Settlement) -> BlockedReason | None:
    waiting = {settlement.transfer_block, settlement.refund_block}
    return next((reason for reason in PRIORITY if reason in waiting), None)


def apply(settlement: Settlement, fact: Fact) -> Settlement:
    """The settlement after the fact.

    Raises IllegalTransition for a fact that cannot happen to its leg now, which no decision here ever gives.
    """
    settlement = replace(settlement, version=settlement.version + 1)
    match fact:
        case TransferSent() | FeeTookAll() | TransferMade():
            return replace(settlement, transfer=_after(settlement.transfer, fact), transfer_block=None)
        case TransferGivenUp():
            return replace(settlement, transfer=_after(settlement.transfer, fact))
        case RefundSent():
            leg = _after(settlement.refund, fact)
            return replace(settlement, refund=leg, refund_block=None, refund_debited=False)
        case RefundMade():
            return replace(settlement, refund=_after(settlement.refund, fact), refund_block=None)
        case RefundWaits():
            return replace(settlement, refund=_after(settlement.refund, fact), refund_block="refund_pending")
        case RefundBroke():
            return replace(settlement, refund=_after(settlement.refund, fact), refund_block="refund_failed")
        case RefundDebited():
            return replace(settlement, refund_debited=True)
        case RefundCredited():
            return replace(settlement, refund_debited=False)
        case Decided():
            return replace(settlement, state="running", transfer_block=None, refund_block=None)
        case LegBlocked("transfer"):
            return replace(settlement, transfer_block=fact.reason)
        case LegBlocked():
            return replace(settlement, refund_block=fact.reason)
        case Blocked():
            return replace(settlement, blocked_reason=fact.reason)
        case Completed():
            return replace(settlement, state="completed", blocked_reason=None)


def _after(leg: Leg, fact: Fact) -> Leg:
    origins, target = LEG_TRANSITIONS[type(fact)]
    if leg not in origins:
        raise IllegalTransition(type(fact).__name__, leg)
    return target


def apply_all(settlement: Settlement, facts: list[Fact]) -> Settlement:
    """The settlement after all facts, in order."""
    for fact in facts:
        settlement = apply(settlement, fact)
    return settlement
