"""HTTP: the Dispute Assistance Form, the parties' moves, and support's work on the case."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from skillscoop_chassis.audit import audit
from skillscoop_chassis.http.dependencies import EmptyBody, MoneyWriteRequest, PageQuery, ReadRequest, WriteRequest
from skillscoop_chassis.http.limits import cap_reached, window_of
from skillscoop_chassis.http.match import MATCH_UNUSED
from skillscoop_chassis.http.models import Instant
from skillscoop_chassis.http.paging import Page
from skillscoop_chassis.http.problems import documented, not_found
from skillscoop_chassis.http.requests import WritingRequest
from skillscoop_messages.database import Transaction
from skillscoop_messages.ids import PREFIXES, new_id

from skillscoop_disputes import repository, usecases
from skillscoop_disputes.api.dependencies import AuditedReadRequest, acting, remember_agent
from skillscoop_disputes.api.error_mapping import problem_of
from skillscoop_disputes.api.schemas import (
    AnswerRequest,
    AssignRequest,
    DisputeRow,
    DisputeView,
    EvidenceRequest,
    FormRequest,
    NoteRequest,
    RejectRequest,
    SplitRequest,
    row_view,
    shares,
    whole_view,
)
from skillscoop_disputes.api.uploads import TYPES, UNKNOWN, Piece, attachment_headers, file_piece, text_piece
from skillscoop_disputes.domain import commands as ask
from skillscoop_disputes.domain.dispute import HANDLERS, Actor, Dispute, Evidence, Part, State, part_of
from skillscoop_disputes.domain.errors import Refusal, SplitInvalid
from skillscoop_disputes.domain.moves import permit
from skillscoop_disputes.settings import DisputesSettings

FILES = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (UNKNOWN, *TYPES[:-1])}
EVIDENCE_PATH = "POST /v1/disputes/{id}/evidence"
DISPUTE = "/v1/disputes/{dispute_id}"


router = APIRouter(tags=["disputes"], dependencies=[Depends(remember_agent)])


async def _view(tx: Transaction, dispute: Dispute, part: Part) -> DisputeRow:
    """The dispute as far as that part of it may see; support without an assignment sees the queue's row."""
    if part is Part.SUPPORT:
        return row_view(dispute, tx.now())
    if part not in HANDLERS:
        return whole_view(dispute, part, tx.now())
    return whole_view(
        dispute,
        part,
        tx.now(),
        notes=await repository.notes(tx, dispute.id),
        history=await repository.history(tx, dispute.id),
    )


async def _command(
    work: WritingRequest, dispute_id: str, command: ask.Command, *, split_field: str = "/split", status: int = 200
) -> Response:
    """Lock, check in the order every call is checked in, decide, answer."""
    tx = await work.begin()
    actor = acting(work)
    dispute = await repository.load(tx, dispute_id, lock=True)
    if dispute is None:
        raise not_found()
    try:
        permit(dispute, command.action, actor)
        work.match(dispute.version)
        after = await usecases.carry_out(tx, dispute, command, actor)
    except Refusal as refusal:
        raise problem_of(refusal, dispute, split_field=split_field) from refusal
    return await _answer(work, tx, after, actor, status)


async def _answer(work: WritingRequest, tx: Transaction, dispute: Dispute, actor: Actor, status: int) -> Response:
    part = part_of(dispute, actor) or Part.SUPPORT
    return await work.reply(await _view(tx, dispute, part), status=status, version=dispute.version)


@router.post(
    "/v1/disputes",
    status_code=201,
    response_model=DisputeView,
    summary="File a Dispute Assistance Form",
    responses=documented(404),
    openapi_extra=MATCH_UNUSED,
)
async def file_dispute(body: FormRequest, work: WriteRequest) -> Response:
    """Open a dispute about money that is held. It is `opening` until the money is frozen, then `open` or `refused`."""
    tx = await work.begin()
    actor = acting(work)
    asked = None if body.milestone_ids is None else tuple(dict.fromkeys(body.milestone_ids))
    await _check_refiling(work, tx, body.contract_id)
    form = usecases.Form(body.contract_id, asked, body.reason, body.statement, shares(body.desired))
    try:
        dispute = await usecases.file_form(tx, form, actor)
    except Refusal as refusal:
        unknown = isinstance(refusal, SplitInvalid) and refusal.problems[0].code == "milestone_unknown"
        raise problem_of(refusal, None, split_field="/milestone_ids" if unknown else "/desired") from refusal
    view = await _view(tx, dispute, Part.OPENER)
    return await work.reply(view, 201, dispute.version, location=f"/v1/disputes/{dispute.id}")


async def _check_refiling(work: WritingRequest, tx: Transaction, contract_id: str) -> None:
    """Raise Problem too_many_withdrawn (429) when the caller withdrew too many disputes of this contract lately."""
    settings = work.service.settings
    assert isinstance(settings, DisputesSettings)
    rate = settings.cap_withdrawn_disputes
    withdrawn = await repository.withdrawn_since(tx, contract_id, work.actor.id, tx.now() - window_of(rate))
    detail = "You withdrew several disputes of this contract; please wait before you file another one."
    refusal = cap_reached("withdrawn-disputes", rate, withdrawn, tx.now(), detail, "too_many_withdrawn")
    if settings.limits_on and refusal is not None:
        raise refusal


@router.get("/v1/disputes", response_model=Page[DisputeView | DisputeRow], summary="My disputes, or support's queue")
async def list_disputes(
    read: ReadRequest,
    params: PageQuery,
    state: Annotated[State | None, Query()] = None,
    assigned_to: Annotated[str | None, Query(max_length=255)] = None,
    contract_id: Annotated[str | None, Query(max_length=64)] = None,
    due_before: Annotated[Instant | None, Query(description="Only those due before this moment, RFC 3339")] = None,
) -> Response:
    """The caller's disputes, whole; with the role support the whole queue, as rows without what the parties say."""
    cursor = read.cursor(params)
    actor = acting(read)
    tx = await read.begin()
    filters = repository.Filters(state.value if state else None, assigned_to, contract_id, due_before)
    found = await repository.page(tx, None if actor.support else actor.id, filters, cursor)
    shown = found[: cursor.limit]
    more = len(found) > cursor.limit
    return read.reply(
        Page[DisputeView | DisputeRow](
            data=[_listed(dispute, actor, tx.now()) for _, dispute in shown],
            next_cursor=cursor.sign(shown[-1][1].created_at, shown[-1][1].id) if more else None,
        )
    )


def _listed(dispute: Dispute, actor: Actor, now: datetime) -> DisputeView | DisputeRow:
    part = part_of(dispute, actor)
    return whole_view(dispute, part, now) if part in (Part.OPENER, Part.RESPONDENT) else row_view(dispute, now)


async def _readable(work: WritingRequest, dispute_id: str) -> tuple[Transaction, Dispute, Part]:
    """A dispute for somebody who may know of it; an agent's look into the case is noted."""
    tx = await work.begin(replay=False)
    actor = acting(work)
    dispute = await repository.load(tx, dispute_id, lock=False)
    part = part_of(dispute, actor) if dispute else None
    if dispute is None or part is None:
        raise not_found()
    if part in HANDLERS:
        await audit(tx, actor=str(actor.id), action="dispute.read", subject=dispute.id)
    return tx, dispute, part


@router.get(DISPUTE, response_model=DisputeView | DisputeRow, summary="A dispute")
async def get_dispute(dispute_id: str, work: AuditedReadRequest) -> Response:
    """The whole case for the parties and its agents; for others of support its row in the queue."""
    tx, dispute, part = await _readable(work, dispute_id)
    return await work.reply(await _view(tx, dispute, part), version=dispute.version)


@router.post(f"{DISPUTE}/answer", response_model=DisputeView, summary="Answer the form")
async def answer_dispute(dispute_id: str, body: AnswerRequest, work: WriteRequest) -> Response:
    """The other party tells their side, once, within the policy's days."""
    command = ask.AnswerForm(body.statement, shares(body.desired))
    return await _command(work, dispute_id, command, split_field="/desired")


_EVIDENCE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": EvidenceRequest.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@router.post(
    f"{DISPUTE}/evidence",
    status_code=201,
    response_model=DisputeView,
    summary="Add evidence",
    openapi_extra=_EVIDENCE_BODY,
    responses=documented(422),
)
async def add_evidence(dispute_id: str, request: Request, work: WriteRequest) -> Response:
    """A text, or one file as multipart field `file`. It stays as it is, and nothing is added once in review."""
    settings = work.service.settings
    assert isinstance(settings, DisputesSettings)
    piece = await _piece(request, work, settings.evidence_max_bytes)
    tx = await work.begin()
    actor = acting(work)
    dispute = await repository.load(tx, dispute_id, lock=True)
    if dispute is None:
        raise not_found()
    evidence = Evidence(
        new_id(PREFIXES["evidence"]), work.actor.id, piece.name, len(piece.content), piece.type, piece.sha256, tx.now()
    )
    try:
        permit(dispute, ask.AddEvidence.action, actor)
        work.match(dispute.version)
        after = await usecases.add_evidence(tx, dispute, actor, evidence, piece.content)
    except Refusal as refusal:
        raise problem_of(refusal, dispute) from refusal
    view = await _view(tx, after, part_of(after, actor) or Part.SUPPORT)
    return await work.reply(view, 201, after.version, location=f"/v1/disputes/{dispute_id}/evidence/{evidence.id}")


async def _piece(request: Request, work: WritingRequest, limit: int) -> Piece:
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await file_piece(request, limit)
    try:
        return text_piece(EvidenceRequest.model_validate_json(work.body or b"{}").text)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False, include_input=False)]
        raise RequestValidationError(found) from None


@router.get(
    f"{DISPUTE}/evidence/{{evidence_id}}",
    response_class=Response,
    summary="Download evidence",
    responses={200: {"description": "The file as an attachment, of the type its bytes are", "content": FILES}},
)
async def download_evidence(dispute_id: str, evidence_id: str, work: AuditedReadRequest) -> Response:
    """The text or file, always as an attachment. For the parties and the case's agents."""
    tx, dispute, part = await _readable(work, dispute_id)
    found = await repository.evidence_content(tx, dispute.id, evidence_id)
    if found is None or part is Part.SUPPORT:
        raise not_found()
    return Response(bytes(found["content"]), media_type=found["type"], headers=attachment_headers(found["name"]))


@router.post(f"{DISPUTE}/withdraw", response_model=DisputeView, summary="Withdraw")
async def withdraw_dispute(dispute_id: str, work: WriteRequest, body: EmptyBody = None) -> Response:
    """The opener takes the dispute back, before a decision; the money is unfrozen."""
    return await _command(work, dispute_id, ask.Withdraw())


@router.post(f"{DISPUTE}/proposal/accept", response_model=DisputeView, summary="Accept the proposal")
async def accept_proposal(dispute_id: str, work: MoneyWriteRequest, body: EmptyBody = None) -> Response:
    """A party agrees; once both have, the split is decided."""
    return await _command(work, dispute_id, ask.AcceptProposal())


@router.post(f"{DISPUTE}/proposal/decline", response_model=DisputeView, summary="Decline the proposal")
async def decline_proposal(dispute_id: str, work: WriteRequest, body: EmptyBody = None) -> Response:
    """A party does not agree; the case goes back to review."""
    return await _command(work, dispute_id, ask.DeclineProposal())


@router.post(f"{DISPUTE}/assign", response_model=DisputeView | DisputeRow, summary="Take or assign the case")
async def assign_dispute(dispute_id: str, work: WriteRequest, body: AssignRequest | None = None) -> Response:
    """Support gives the case to an agent, the caller by default; while a decision waits, as its second approver."""
    agent = body.agent_id if body and body.agent_id else work.actor.id
    return await _command(work, dispute_id, ask.Assign(agent))


@router.post(f"{DISPUTE}/unassign", response_model=DisputeView | DisputeRow, summary="Put the case back")
async def unassign_dispute(dispute_id: str, work: WriteRequest, body: EmptyBody = None) -> Response:
    """Support puts the case back into the queue; while a decision waits, lets its second approver go."""
    return await _command(work, dispute_id, ask.Unassign())


@router.post(f"{DISPUTE}/notes", status_code=201, response_model=DisputeView, summary="Write an internal note")
async def add_note(dispute_id: str, body: NoteRequest, work: WriteRequest) -> Response:
    """An internal note; the parties never see it."""
    return await _command(work, dispute_id, ask.Note(body.text), status=201)


@router.post(f"{DISPUTE}/propose", response_model=DisputeView, summary="Propose a split")
async def propose_split(dispute_id: str, body: SplitRequest, work: MoneyWriteRequest) -> Response:
    """The assigned agent proposes a split of all disputed money; both parties have the policy's days."""
    return await _command(work, dispute_id, ask.Propose(shares(body.split), body.reasons))


@router.post(f"{DISPUTE}/decide", response_model=DisputeView, summary="Decide")
async def decide_dispute(dispute_id: str, body: SplitRequest, work: MoneyWriteRequest) -> Response:
    """The assigned agent decides after a proposal failed; above the policy's amount another agent has to approve."""
    return await _command(work, dispute_id, ask.Decide(shares(body.split), body.reasons))


@router.post(f"{DISPUTE}/approve-decision", response_model=DisputeView, summary="Approve a decision")
async def approve_decision(dispute_id: str, work: MoneyWriteRequest, body: EmptyBody = None) -> Response:
    """Another agent, as second approver, puts the decision into force."""
    return await _command(work, dispute_id, ask.ApproveDecision())


@router.post(f"{DISPUTE}/reject-decision", response_model=DisputeView | DisputeRow, summary="Reject a decision")
async def reject_decision(dispute_id: str, work: WriteRequest, body: RejectRequest | None = None) -> Response:
    """Another agent, as second approver, sends the decision back to review."""
    return await _command(work, dispute_id, ask.RejectDecision(body.reason if body else None))
