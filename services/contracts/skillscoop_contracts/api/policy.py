"""Routes of the policy: everybody may read it, operators may change it."""

from fastapi import Response
from skillscoop_chassis.audit import audit
from skillscoop_chassis.http.dependencies import ReadRequest, WriteRequest
from skillscoop_chassis.http.problems import documented, unavailable
from skillscoop_chassis.http.second_operator import AwaitingSecondOperator, Confirmed, second_operator

from skillscoop_contracts.api.dependencies import router, settings_of
from skillscoop_contracts.api.requests import PolicyRequest
from skillscoop_contracts.api.schemas import PolicyView
from skillscoop_contracts.api.views.policy import policy_view
from skillscoop_contracts.repository.policies import latest_policy_row, policy_document
from skillscoop_contracts.usecases import publish_policy


@router.get("/v1/policy", response_model=PolicyView, summary="Currencies, timers, limits, fees", tags=["policy"])
async def get_policy(request: ReadRequest) -> Response:
    """What holds for contracts approved from now on. Needs no token."""
    tx = await request.begin()
    row = await latest_policy_row(tx)
    if row is None:
        raise unavailable("The first policy is still being recorded.")
    view = policy_view(row, settings_of(request).settlement_currencies)
    return request.reply(view, version=view.version)


@router.put(
    "/v1/admin/contracts/policy",
    response_model=PolicyView,
    summary="Change the policy",
    tags=["operators"],
    responses={
        202: {"model": AwaitingSecondOperator, "description": "A second operator is needed"},
        **documented(403),
    },
)
async def put_policy(body: PolicyRequest, request: WriteRequest) -> Response:
    """A new version for contracts approved from now on; what is left out of the body stays as it is.

    A change of fees takes two operators: 202 to the first, done when a second one sends the same.
    """
    tx = await request.begin()
    actor = request.require_role("ops")
    row = await latest_policy_row(tx)
    request.match(row["version"] if row else 0)
    asked_by = None
    if body.fee is not None:
        asked = await second_operator(request, tx)
        if not isinstance(asked, Confirmed):
            wanted = body.fee.model_dump(exclude_none=True)
            await audit(tx, actor=actor.id, action="ask_to_change_fee", subject="policy", after=wanted)
            return asked
        asked_by = asked.asked_by
    change = await publish_policy(tx, body.changes(), actor.id)
    await audit(
        tx,
        actor=actor.id,
        action="change_policy",
        subject="policy",
        before=policy_document(change.before),
        after=policy_document(change.after) | ({"asked_by": asked_by} if asked_by else {}),
    )
    latest = await latest_policy_row(tx)
    assert latest is not None
    view = policy_view(latest, settings_of(request).settlement_currencies)
    return await request.reply(view, version=change.after.version)
