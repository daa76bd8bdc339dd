"""What every route of this service shares: the router, what FastAPI passes in, and finding what a caller may see."""

from fastapi import APIRouter, Response
from skillscoop_chassis.access import may_read_for_dispute
from skillscoop_chassis.audit import audit
from skillscoop_chassis.http.problems import not_found
from skillscoop_chassis.http.requests import ReadingRequest, WritingRequest
from skillscoop_chassis.sql.database import SqlTransaction
from skillscoop_messages.database import Transaction

from skillscoop_contracts.api.error_mapping import problem_of
from skillscoop_contracts.api.views.contracts import contract_view
from skillscoop_contracts.api.views.milestones import milestone_view
from skillscoop_contracts.domain.contract import By, Role
from skillscoop_contracts.domain.decide import permit
from skillscoop_contracts.domain.errors import DomainError, UnknownObject
from skillscoop_contracts.domain.table import Command
from skillscoop_contracts.repository.loading import Stored
from skillscoop_contracts.repository.policies import current_policy
from skillscoop_contracts.settings import ContractsSettings
from skillscoop_contracts.tables import ASSIGNMENTS
from skillscoop_contracts.usecases import carry_out, contract_of_party, milestone_of_party

router = APIRouter(tags=["contracts"])


def settings_of(request: ReadingRequest | WritingRequest) -> ContractsSettings:
    """This service's settings."""
    settings = request.service.settings
    assert isinstance(settings, ContractsSettings), "this service was built with its own settings"
    return settings


async def locked_contract(request: WritingRequest, tx: Transaction, contract_id: str) -> tuple[Stored, By]:
    """The contract, locked, and which party asks. Raises Problem not_found for strangers."""
    try:
        return await contract_of_party(tx, contract_id, request.actor.id)
    except UnknownObject as error:
        raise not_found() from error


async def locked_milestone(request: WritingRequest, tx: Transaction, milestone_id: str) -> tuple[Stored, By]:
    """The contract of a milestone, locked, and which party asks. Raises Problem not_found for who may not see it."""
    try:
        return await milestone_of_party(tx, milestone_id, request.actor.id)
    except UnknownObject as error:
        raise not_found() from error


async def execute(
    request: WritingRequest, tx: Transaction, stored: Stored, command: Command, *, match_required: bool
) -> Stored:
    """Run a command in the order every call is checked: may this party, is it the version they saw, is it possible."""
    contract = stored.contract
    milestone_id: str | None = getattr(command, "milestone_id", None)
    milestone = contract.milestone(milestone_id) if milestone_id else None
    try:
        permit(command)
        request.match((milestone or contract).version, required=match_required)
        return await carry_out(tx, stored, command)
    except DomainError as error:
        raise problem_of(error, contract, command.by.role) from error


async def reply_contract(
    request: WritingRequest, tx: Transaction, stored: Stored, role: Role, status: int = 200
) -> Response:
    """The contract as the answer to a command."""
    contract = stored.contract
    policy = contract.policy or await current_policy(tx)
    location = f"/v1/contracts/{contract.id}" if status == 201 else None
    view = contract_view(stored, role, policy, tx.now())
    return await request.reply(view, status, version=contract.version, location=location)


async def reply_milestone(
    request: WritingRequest, tx: Transaction, stored: Stored, milestone_id: str, status: int
) -> Response:
    """The milestone as the answer to a command."""
    milestone = stored.contract.milestone(milestone_id)
    if milestone is None:
        raise not_found()
    return await request.reply(milestone_view(stored, milestone, tx.now()), status, version=milestone.version)


async def reader_role(request: ReadingRequest, tx: SqlTransaction, stored: Stored | None, what: str) -> Role:
    """As what the caller may look: a party, or support that works on a dispute of it, whose every look is audited.

    Raises Problem not_found for everybody else.
    """
    if stored is None:
        raise not_found()
    contract = stored.contract
    role = contract.role_of(request.actor.id)
    if role is not None:
        return role
    if await may_read_for_dispute(tx, ASSIGNMENTS, contract.id, request.actor):
        async with request.service.database.begin() as audited:
            await audit(audited, actor=request.actor.id, action=f"read_{what}", subject=contract.id, reason="dispute")
        return "support"
    raise not_found()
