"""Load and lock, decide, save, record: one transaction each, which the caller opens and commits."""

from dataclasses import dataclass
from typing import Any

from skillscoop_messages.database import Transaction
from skillscoop_messages.outbox import record
from skillscoop_messages.scheduled import TimerHandler, moves_money, schedule

from skillscoop_contracts.domain.contract import By, Contract, Milestone
from skillscoop_contracts.domain.decide import deadline_of, decide
from skillscoop_contracts.domain.drafting import CreateContract, create_contract
from skillscoop_contracts.domain.errors import UnknownObject
from skillscoop_contracts.domain.evolve import check_path, evolve
from skillscoop_contracts.domain.policy import Policy, first_policy
from skillscoop_contracts.domain.table import TRANSITIONS, Command
from skillscoop_contracts.domain.transition import Transition, name_of, settles
from skillscoop_contracts.publish import events_of
from skillscoop_contracts.publish.policy import policy_published
from skillscoop_contracts.repository.loading import (
    Stored,
    lock_contract,
    lock_contract_of_milestone,
)
from skillscoop_contracts.repository.policies import current_policy, lock_policies, save_policy
from skillscoop_contracts.repository.saving import save, save_new


async def draft_contract(tx: Transaction, command: CreateContract, payee_ready: bool) -> Stored:
    """Make a draft. Raises InvalidTerms."""
    drafted = create_contract(command, tx.now())
    length = await save_new(tx, drafted, command.by)
    record(tx, *events_of(drafted.contract, [drafted], command.by))
    return Stored(drafted.contract, length, payee_ready)


async def contract_of_party(tx: Transaction, contract_id: str, user_id: str) -> tuple[Stored, By]:
    """The contract, locked, and which party of it this user is. Raises UnknownObject for strangers."""
    stored = await lock_contract(tx, contract_id)
    role = stored.contract.role_of(user_id) if stored else None
    if stored is None or role is None:
        raise UnknownObject(contract_id)
    return stored, By(role, user_id)


async def milestone_of_party(tx: Transaction, milestone_id: str, user_id: str) -> tuple[Stored, By]:
    """A milestone's contract, locked, and which party this user is. Raises UnknownObject for who may not see it."""
    stored = await lock_contract_of_milestone(tx, milestone_id)
    role = stored.contract.role_of(user_id) if stored else None
    if stored is None or role is None or not stored.contract.shows_terms_to(role):
        raise UnknownObject(milestone_id)
    return stored, By(role, user_id)


async def carry_out(tx: Transaction, stored: Stored, command: Command) -> Stored:
    """Let the domain decide about a locked contract and make what it decided true; the same again when already so.

    Raises the domain's named errors, and OutsideTable, with nothing changed.
    """
    now = tx.now()
    facts = decide(stored.contract, command, now)
    if not facts:
        return stored
    after = evolve(stored.contract, facts, now)
    check_path(command, stored.contract, after)
    length = await save(tx, stored, after, facts, command.by)
    record(tx, *events_of(after, facts, command.by))
    await _schedule_timers(tx, stored.contract, after)
    return Stored(after, length, stored.payee_ready)


def timer_of(command: type[Any]) -> str:
    """The name under which a timer waits. It stands in rows: a command that is called anew keeps the old name here."""
    return f"contracts.{name_of(command)}"


async def _schedule_timers(tx: Transaction, before: Contract, after: Contract) -> None:
    """Set a timer for each deadline that is new. One that is gone is left to fire for nothing."""
    for command, transition in _TIMED.items():
        for key, milestone in _subjects(after, transition):
            deadline = deadline_of(after, milestone, transition)
            known = before.milestone(milestone.id) if milestone else None
            old = deadline_of(before, known, transition)
            if deadline and (old is None or deadline.due_at != old.due_at):
                await schedule(tx, timer_of(command), key, deadline.due_at)


def _subjects(contract: Contract, transition: Transition) -> list[tuple[str, Milestone | None]]:
    """What a timer may be set for: the contract, or each of its milestones, by id."""
    if transition.of == "contract":
        return [(contract.id, None)]
    return [(milestone.id, milestone) for milestone in contract.milestones]


async def fire(tx: Transaction, command: type[Any], key: str) -> None:
    """A timer's time may have come: `key` is its contract's or milestone's id. Fired early, it is set again."""
    transition = TRANSITIONS[command]
    of_contract = transition.of == "contract"
    stored = await (lock_contract(tx, key) if of_contract else lock_contract_of_milestone(tx, key))
    milestone = stored.contract.milestone(key) if stored else None
    if stored is None or (milestone is None and not of_contract):
        return
    deadline = deadline_of(stored.contract, milestone, transition)
    if deadline and tx.now() < deadline.due_at:
        await schedule(tx, timer_of(command), key, deadline.due_at)
        return
    await carry_out(tx, stored, command() if of_contract else command(key))


def _handler(command: type[Any]) -> TimerHandler:
    async def handle(tx: Transaction, key: str) -> None:
        await fire(tx, command, key)

    return moves_money(handle) if settles(TRANSITIONS[command]) else handle


_TIMED = {command: transition for command, transition in TRANSITIONS.items() if transition.kind == "timer"}
TIMERS: dict[str, TimerHandler] = {timer_of(command): _handler(command) for command in _TIMED}
"""Every timer of the table, by the name under which it waits."""


async def ensure_policy(tx: Transaction) -> None:
    """At the very first start: record and publish version 1 of the policy. Later: nothing."""
    policy = first_policy()
    if await save_policy(tx, policy, None):
        record(tx, policy_published(policy))


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A policy before and after an operator changed it."""

    before: Policy
    after: Policy


async def publish_policy(tx: Transaction, change: dict[str, object], by: str) -> PolicyChange:
    """The current policy with some values replaced, as the next version, for contracts approved from now on."""
    await lock_policies(tx)
    before = await current_policy(tx)
    values = {name: getattr(before, name) for name in Policy.__dataclass_fields__}
    after = Policy(**{**values, **change, "version": before.version + 1})
    await save_policy(tx, after, by)
    record(tx, policy_published(after))
    return PolicyChange(before, after)
