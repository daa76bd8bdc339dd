"""A settlement: the delivery of one decision on held money, as two legs that never compensate each other.

The freelancer's leg is a transfer, the client's a refund; each is tried alone until it is done. Unwanted money that
goes back is a settlement too (`purpose` "return"), all of it the client's and out of suspense.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from skillscoop_messages.money import Money, fee_of

from skillscoop_payments.domain.errors import IllegalMove, NothingToRetry, RefundStillOut, SplitDoesNotMatch
from skillscoop_payments.domain.observations import RefundSeen
from skillscoop_payments.domain.payment import About

State = Literal["waiting", "running", "completed"]
Leg = Literal["none", "waiting", "sent", "pending", "done", "failed"]
Purpose = Literal["decision", "return"]
BlockedReason = Literal[
    "payee_not_ready",
    "insufficient_balance",
    "refund_pending",
    "refund_failed",
    "stripe_unavailable",
    "payment_unposted",
    "under_review",
]

# What people are told when two legs wait for different things: what only a person can resolve comes first.
PRIORITY: tuple[BlockedReason, ...] = (
    "under_review",
    "payment_unposted",
    "payee_not_ready",
    "refund_failed",
    "insufficient_balance",
    "stripe_unavailable",
    "refund_pending",
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A decision being delivered; amounts are minor units.

    `fee` is taken from the freelancer's part. `transfer_block` and `refund_block` say what each leg waits for;
    `blocked_reason` is the one people were told last. `refund_debited` is whether the refund has left our balance.
    `refund_operation` is the newest try of the client's leg; older ones are replaced, whatever is heard of them.
    """

    id: str
    payment_id: str
    about: About
    purpose: Purpose
    to_freelancer: int
    to_client: int
    fee: int
    transfer: Leg
    refund: Leg
    state: State = "waiting"
    version: int = 1
    transfer_block: BlockedReason | None = None
    refund_block: BlockedReason | None = None
    blocked_reason: BlockedReason | None = None
    refund_debited: bool = False
    transfer_ref: str | None = None
    refund_ref: str | None = None
    refund_operation: str | None = None

    @property
    def net(self) -> int:
        """What the freelancer is sent."""
        return self.to_freelancer - self.fee


@dataclass(frozen=True, slots=True)
class Decided:
    """The ledger has the money, so the decision can be booked and the legs may start."""


@dataclass(frozen=True, slots=True)
class TransferSent:
    """The provider is to be asked for the transfer."""


@dataclass(frozen=True, slots=True)
class FeeTookAll:
    """Nothing is left to transfer: the fee is booked and the leg is done."""


@dataclass(frozen=True, slots=True)
class TransferMade:
    """The transfer exists."""

    operation_id: str


@dataclass(frozen=True, slots=True)
class RefundSent:
    """The provider is to be asked for the refund."""


@dataclass(frozen=True, slots=True)
class RefundDebited:
    """The refund left our balance, where it moved `moved`."""

    debit_ref: str
    moved: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundCredited:
    """A failed refund came back to our balance, where it moved `moved`."""

    credit_ref: str
    moved: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundWaits:
    """The provider has the refund and has not finished it."""


@dataclass(frozen=True, slots=True)
class RefundMade:
    """The refund succeeded."""


@dataclass(frozen=True, slots=True)
class RefundBroke:
    """The refund will not happen, or was sent back: the client is still owed."""


@dataclass(frozen=True, slots=True)
class LegBlocked:
    """A leg goes on waiting, for this."""

    leg: Literal["transfer", "refund"]
    reason: BlockedReason


@dataclass(frozen=True, slots=True)
class Blocked:
    """The reason people see changed."""

    reason: BlockedReason


@dataclass(frozen=True, slots=True)
class Completed:
    """Every leg arrived."""


Fact = (
    Decided
    | TransferSent
    | FeeTookAll
    | TransferMade
    | RefundSent
    | RefundDebited
    | RefundCredited
    | RefundWaits
    | RefundMade
    | RefundBroke
    | LegBlocked
    | Blocked
    | Completed
)


# Every move of a leg: what happened -> the states it may happen in, and the state it leads to.
LEG_MOVES: Mapping[type[Fact], tuple[frozenset[Leg], Leg]] = MappingProxyType(
    {
        TransferSent: (frozenset({"waiting"}), "sent"),
        FeeTookAll: (frozenset({"waiting"}), "done"),
        TransferMade: (frozenset({"sent"}), "done"),
        RefundSent: (frozenset({"waiting", "failed"}), "sent"),
        RefundWaits: (frozenset({"sent"}), "pending"),
        RefundMade: (frozenset({"sent", "pending"}), "done"),
        RefundBroke: (frozenset({"sent", "pending", "done"}), "failed"),
    }
)


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

    Raises SplitDoesNotMatch unless the parts are not negative and add up to `held`.
    """
    if min(to_freelancer, to_client) < 0 or to_freelancer + to_client != held:
        raise SplitDoesNotMatch(f"{to_freelancer} and {to_client} do not make up the {held} held")
    return Settlement(
        settlement_id,
        payment_id,
        about,
        "decision",
        to_freelancer,
        to_client,
        fee_of(to_freelancer, bps, fixed),
        transfer="waiting" if to_freelancer else "none",
        refund="waiting" if to_client else "none",
    )


def give_back(settlement_id: str, payment_id: str, about: About, paid: int) -> Settlement:
    """The return of unwanted money."""
    return Settlement(settlement_id, payment_id, about, "return", 0, paid, 0, transfer="none", refund="waiting")


def advance(settlement: Settlement, *, booked: bool, payee_ready: bool, converted: bool = False) -> list[Fact]:
    """Start whatever can start now. `booked`: the ledger has the payment; `payee_ready`: money may be sent there.

    `converted`: the provider holds the money in another currency than was agreed. It can go back as it came, but what
    the freelancer agreed to cannot be sent, and a person has to say what becomes of it.
    """
    if settlement.state == "completed":
        return []
    if settlement.state == "waiting" and not booked:
        leg: Literal["transfer", "refund"] = "transfer" if settlement.to_freelancer else "refund"
        return _finish(settlement, _block(settlement, leg, "payment_unposted"))
    facts: list[Fact] = [] if settlement.state == "running" else [Decided()]
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


def _block(settlement: Settlement, leg: Literal["transfer", "refund"], reason: BlockedReason) -> list[Fact]:
    """The leg waits for `reason`; nothing, when that is known already."""
    known = settlement.transfer_block if leg == "transfer" else settlement.refund_block
    return [] if known == reason else [LegBlocked(leg, reason)]


def transferred(settlement: Settlement, operation_id: str) -> list[Fact]:
    """The transfer exists. Seen twice it means nothing new."""
    if settlement.transfer in ("done", "none"):
        return []
    return _finish(settlement, [TransferMade(operation_id)])


def refund_seen(settlement: Settlement, seen: RefundSeen) -> list[Fact]:
    """What the provider's present state of the refund means. Seen twice or out of order it means nothing new."""
    if settlement.refund == "failed" and settlement.refund_debited and seen.credit_ref is not None:
        return [RefundCredited(seen.credit_ref, seen.credited)]
    if settlement.refund in ("none", "waiting", "failed"):
        return []
    facts: list[Fact] = []
    if seen.debit_ref is not None and not settlement.refund_debited:
        facts.append(RefundDebited(seen.debit_ref, seen.debited))
    if seen.status in ("failed", "canceled"):
        if seen.credit_ref is not None:
            facts.append(RefundCredited(seen.credit_ref, seen.credited))
        return _finish(settlement, [*facts, RefundBroke()])
    if seen.status == "pending" and settlement.refund == "sent":
        facts.append(RefundWaits())
    # Success is believed once the money has left our balance: only then the ledger can say so too.
    if seen.status == "delivered" and settlement.refund != "done" and (facts or settlement.refund_debited):
        facts.append(RefundMade())
    return _finish(settlement, facts)


def money_moved(seen: RefundSeen) -> list[Fact]:
    """What a refund means for the books alone: it left our balance, and it came back."""
    facts: list[Fact] = [] if seen.debit_ref is None else [RefundDebited(seen.debit_ref, seen.debited)]
    return facts if seen.credit_ref is None else [*facts, RefundCredited(seen.credit_ref, seen.credited)]


def refund_refused(settlement: Settlement) -> list[Fact]:
    """The provider will never make this refund."""
    return _finish(settlement, [RefundBroke()]) if settlement.refund == "sent" else []


def leg_waits(settlement: Settlement, leg: Literal["transfer", "refund"], reason: BlockedReason) -> list[Fact]:
    """An attempt got no answer, or a no that can pass; it is tried again by itself."""
    if (settlement.transfer if leg == "transfer" else settlement.refund) != "sent":
        return []
    return _finish(settlement, _block(settlement, leg, reason))


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

    Raises IllegalMove for a fact that cannot happen to its leg now, which no decision here ever gives.
    """
    settlement = replace(settlement, version=settlement.version + 1)
    match fact:
        case TransferSent() | FeeTookAll() | TransferMade():
            return replace(settlement, transfer=_after(settlement.transfer, fact), transfer_block=None)
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
    origins, target = LEG_MOVES[type(fact)]
    if leg not in origins:
        raise IllegalMove(type(fact).__name__, leg)
    return target


def apply_all(settlement: Settlement, facts: list[Fact]) -> Settlement:
    """The settlement after all facts, in order."""
    for fact in facts:
        settlement = apply(settlement, fact)
    return settlement
