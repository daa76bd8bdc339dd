"""Load and lock, decide, save, record: one transaction each, which the caller opens and commits."""

from dataclasses import dataclass

from skillscoop_messages.database import Transaction
from skillscoop_messages.later import wake
from skillscoop_messages.outbox import record

from skillscoop_contracts.domain.agreement import LapseTerms, answer_due_at
from skillscoop_contracts.domain.completion import AutoComplete
from skillscoop_contracts.domain.contract import By, Contract
from skillscoop_contracts.domain.decide import decide
from skillscoop_contracts.domain.drafting import CreateContract, create_contract
from skillscoop_contracts.domain.errors import UnknownObject
from skillscoop_contracts.domain.evolve import evolve
from skillscoop_contracts.domain.funding import LapseFunding
from skillscoop_contracts.domain.policy import Policy, first_policy
from skillscoop_contracts.domain.table import Command
from skillscoop_contracts.publish import events_of
from skillscoop_contracts.publish.policy import policy_published
from skillscoop_contracts.repository.loading import (
    Stored,
    lock_contract,
    lock_contract_of_milestone,
)
from skillscoop_contracts.repository.policies import current_policy, lock_policies, save_policy
from skillscoop_contracts.repository.saving import save, save_new

LAPSE_TERMS = "contracts.lapse_terms"
LAPSE_FUNDING = "contracts.lapse_funding"
AUTO_COMPLETE = "contracts.auto_complete"


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

    Raises the domain's named errors, with nothing changed.
    """
    now = tx.now()
    facts = decide(stored.contract, command, now)
    if not facts:
        return stored
    after = evolve(stored.contract, facts, now)
    length = await save(tx, stored, after, facts, command.by)
    record(tx, *events_of(after, facts, command.by))
    await _schedule_timers(tx, stored.contract, after)
    return Stored(after, length, stored.payee_ready)


async def _schedule_timers(tx: Transaction, before: Contract, after: Contract) -> None:
    """Set a timer for each deadline that is new. One that is gone is left to fire for nothing."""
    due = answer_due_at(after)
    if due and due != answer_due_at(before):
        await wake(tx, LAPSE_TERMS, after.id, due)
    if after.auto_complete_at and after.auto_complete_at != before.auto_complete_at:
        await wake(tx, AUTO_COMPLETE, after.id, after.auto_complete_at)
    for milestone in after.milestones:
        due = milestone.checkout_expires_at
        known = before.milestone(milestone.id)
        if due and (known is None or due != known.checkout_expires_at):
            await wake(tx, LAPSE_FUNDING, milestone.id, due)


async def lapse_terms(tx: Transaction, contract_id: str) -> None:
    """Timer: the time to answer a revision may be over. Fired early, it is set again."""
    stored = await lock_contract(tx, contract_id)
    if stored is None:
        return
    due = answer_due_at(stored.contract)
    if due and tx.now() < due:
        await wake(tx, LAPSE_TERMS, contract_id, due)
        return
    await carry_out(tx, stored, LapseTerms())


async def lapse_funding(tx: Transaction, milestone_id: str) -> None:
    """Timer: the time to pay may be over. Fired early, it is set again."""
    stored = await lock_contract_of_milestone(tx, milestone_id)
    milestone = stored.contract.milestone(milestone_id) if stored else None
    if stored is None or milestone is None:
        return
    due = milestone.checkout_expires_at
    if due and tx.now() < due:
        await wake(tx, LAPSE_FUNDING, milestone_id, due)
        return
    await carry_out(tx, stored, LapseFunding(milestone_id))


async def auto_complete(tx: Transaction, contract_id: str) -> None:
    """Timer: the time to complete a finished contract may be over. Fired early, it is set again."""
    stored = await lock_contract(tx, contract_id)
    if stored is None:
        return
    due = stored.contract.auto_complete_at
    if due and tx.now() < due:
        await wake(tx, AUTO_COMPLETE, contract_id, due)
        return
    await carry_out(tx, stored, AutoComplete())


TIMERS = {LAPSE_TERMS: lapse_terms, LAPSE_FUNDING: lapse_funding, AUTO_COMPLETE: auto_complete}


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
