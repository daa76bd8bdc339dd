"""What the service does, each in one transaction: lock the root, decide, save, tell, set the timer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from skillscoop_chassis.audit import audit
from skillscoop_messages import asking, scheduled
from skillscoop_messages.database import Transaction
from skillscoop_messages.errors import NotYet
from skillscoop_messages.events.base import AboutMilestone
from skillscoop_messages.events.contracts import DisputeAnswered, DisputeDecisionRefused, DisputeExecuted
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_disputes import projections, publish, repository
from skillscoop_disputes.domain import commands as ask
from skillscoop_disputes.domain import facts as fact
from skillscoop_disputes.domain.dispute import FINAL, SYSTEM, Actor, Dispute, Disputed, Evidence, Reason, Share
from skillscoop_disputes.domain.errors import Hidden, NoAgent
from skillscoop_disputes.domain.filing import milestones_of_form
from skillscoop_disputes.domain.moves import decide

LAPSE_TIMER = "disputes.lapse"
AGENTS_KNOWN = timedelta(days=30)


@dataclass(frozen=True)
class Form:
    """A Dispute Assistance Form as it comes in; without `milestone_ids` it is about all held money."""

    contract_id: str
    milestone_ids: tuple[str, ...] | None
    reason: Reason
    statement: str
    desired: tuple[Share, ...]


async def file_form(tx: Transaction, form: Form, actor: Actor) -> Dispute:
    """Open a dispute and ask contracts to freeze the money.

    The contract's row is locked, so that two forms about the same milestone come one after the other. Raises Hidden to
    all but the parties, and what the domain refuses a form with.
    """
    contract = await projections.contract(tx, form.contract_id, lock=True)
    if contract is None or actor.id is None or actor.id not in (contract["client_id"], contract["freelancer_id"]):
        raise Hidden
    known = await projections.milestones(tx, form.contract_id)
    claimed = [one["milestone_id"] for one in known if one["dispute_id"] is not None]
    held = {one["milestone_id"]: one["held"] for one in known}
    currency = known[0]["currency"] if known else ""
    concerned = milestones_of_form(form.milestone_ids, form.desired, held, claimed, currency)
    dispute = Dispute(
        id=new_id(PREFIXES["dispute"]),
        contract_id=form.contract_id,
        client_id=contract["client_id"],
        freelancer_id=contract["freelancer_id"],
        title=contract["title"],
        opened_by=actor.id,
        reason=form.reason,
        statement=form.statement,
        desired=form.desired,
        asked=form.milestone_ids,
        currency=currency,
        created_at=tx.now(),
        updated_at=tx.now(),
    )
    await repository.add(tx, dispute)
    await repository.claim(tx, dispute.id, concerned)
    await repository.add_history(tx, dispute.id, actor.id, [("filed", dispute.state)])
    await audit(
        tx, actor=actor.id, action="dispute.file", subject=dispute.id, after=standing(dispute), reason=form.reason
    )
    publish.tell(tx, dispute, [fact.Filed()])
    return dispute


async def add_evidence(tx: Transaction, dispute: Dispute, actor: Actor, evidence: Evidence, content: bytes) -> Dispute:
    """Put a text or file on file."""
    after = await carry_out(tx, dispute, ask.AddEvidence(evidence), actor)
    await repository.add_evidence(tx, dispute.id, evidence, content)
    return after


async def confirm_or_refuse(tx: Transaction, answer: DisputeAnswered) -> None:
    """Contracts answered our wish to freeze: the case is open on what it froze, or there is none.

    Raises NotYet while the contract's terms, and so its rules, have not been heard of.
    """
    finished = await projections.finished(tx, [one.milestone_id for one in answer.frozen])
    dispute = await _locked(tx, answer.dispute_id)
    if not answer.frozen:
        await carry_out(tx, dispute, ask.Refuse(), SYSTEM)
        return
    contract = await projections.contract(tx, dispute.contract_id, lock=False)
    rules = projections.rules_of(contract, answer.currency) if contract else None
    if rules is None:
        raise NotYet(f"the terms of contract {dispute.contract_id}")
    frozen = tuple(Disputed(one.milestone_id, one.description, one.held) for one in answer.frozen)
    dispute = await carry_out(tx, dispute, ask.Confirm(frozen, rules), SYSTEM)
    for milestone_id in finished:
        # The delivery was heard of before the answer that put the milestone into this dispute.
        dispute = await carry_out(tx, dispute, ask.FinishMilestone(milestone_id), SYSTEM)


async def record_execution(tx: Transaction, answer: DisputeExecuted | DisputeDecisionRefused) -> None:
    """Contracts answered a decision: all of it became settlements, or nothing."""
    dispute = await _locked(tx, answer.dispute_id)
    if isinstance(answer, DisputeExecuted):
        await carry_out(tx, dispute, ask.RecordExecution(answer.decision), SYSTEM)
        return
    held = tuple((one.milestone_id, one.held) for one in answer.milestones)
    await carry_out(tx, dispute, ask.RefuseExecution(answer.decision, held), SYSTEM)


async def finish_milestone(tx: Transaction, about: AboutMilestone) -> None:
    """A milestone's money was delivered: when it was the last of a resolved dispute, that closes.

    The milestone's row is locked before the dispute, here and where contracts' answer is taken over: whichever of the
    two comes second sees what the first one wrote.
    """
    await projections.learn_final(tx, about)
    dispute_id = await repository.disputing(tx, about.milestone_id)
    if dispute_id is not None:
        await carry_out(tx, await _locked(tx, dispute_id), ask.FinishMilestone(about.milestone_id), SYSTEM)


async def lapse_when_due(tx: Transaction, dispute_id: str) -> None:
    """Move on what nobody answered in time; called too early, sleep again."""
    dispute = await repository.load(tx, dispute_id, lock=True)
    if dispute is None or dispute.due_at is None:
        return
    after = await carry_out(tx, dispute, ask.Lapse(), SYSTEM)
    if after == dispute:
        await scheduled.schedule(tx, LAPSE_TIMER, dispute_id, dispute.due_at)


async def _locked(tx: Transaction, dispute_id: str) -> Dispute:
    dispute = await repository.load(tx, dispute_id, lock=True)
    if dispute is None:
        raise NotYet(f"dispute {dispute_id}")
    return dispute


async def carry_out(tx: Transaction, dispute: Dispute, command: ask.Command, actor: Actor) -> Dispute:
    """Run one command on a locked dispute. Raises what the domain refuses with; nothing is written then."""
    facts = decide(dispute, command, actor, tx.now())
    if not facts:
        return dispute
    if isinstance(command, ask.Assign) and command.agent != actor.id:
        await _must_be_agent(tx, command.agent)
    after = dispute
    happened = []
    for one in facts:
        after = fact.apply(after, one)
        happened.append((_words(one), after.state))
    after = replace(after, version=dispute.version + 1, updated_at=tx.now())
    await repository.update(tx, after)
    name = actor.id or "system"
    await repository.add_history(tx, dispute.id, name, happened)
    await audit(
        tx,
        actor=name,
        action=f"dispute.{command.action}",
        subject=dispute.id,
        before=standing(dispute),
        after=standing(after),
        reason=getattr(command, "reasons", None) or getattr(command, "reason", None),
    )
    await _keep_beside(tx, dispute, after, facts, name)
    publish.tell(tx, after, facts)
    return after


async def _must_be_agent(tx: Transaction, user_id: str) -> None:
    """Raise NoAgent unless this person called with the role within AGENTS_KNOWN: only callers' roles are seen."""
    if not await repository.is_agent(tx, user_id, tx.wall() - AGENTS_KNOWN):
        raise NoAgent


def standing(dispute: Dispute) -> dict[str, Any]:
    """What an audit row tells of a dispute before and after an act."""
    return {
        "state": dispute.state.value,
        "version": dispute.version,
        "assigned_to": dispute.assigned_to,
        "second_approver": dispute.second_approver,
        "proposal": dispute.proposals,
        "decision": dispute.decisions,
    }


def _words(one: fact.Fact) -> str:
    """A fact's name as words: ProposalAccepted is `proposal_accepted`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(one).__name__).lower()


async def _keep_beside(tx: Transaction, before: Dispute, after: Dispute, facts: Sequence[fact.Fact], name: str) -> None:
    """What stands in tables beside the root: notes, claims on milestones, the timer."""
    for one in facts:
        match one:
            case fact.Noted(text):
                await repository.add_note(tx, after.id, name, text)
            case fact.Closed() if after.decision is not None:
                asking.close(tx, "decision", after.id, after.decision.number)
            case fact.Confirmed(milestones):
                await repository.claim(tx, after.id, [one.milestone_id for one in milestones], frozen=True)
            case _:
                pass
    if after.state in FINAL:
        await repository.claim(tx, after.id, [])
    if after.due_at is not None and after.due_at != before.due_at:
        await scheduled.schedule(tx, LAPSE_TIMER, after.id, after.due_at)
    elif after.due_at is None and before.due_at is not None:
        await scheduled.unschedule(tx, LAPSE_TIMER, after.id)
