"""Routes of the policy: everybody may read it, operators may change it."""

from fastapi import Response
from skillscoop_chassis.audit import audit
from skillscoop_chassis.http.problems import documented, unavailable

from skillscoop_contracts.api.dependencies import ReadRequest, WriteRequest, router, settings_of
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
    responses=documented(403),
)
async def put_policy(body: PolicyRequest, request: WriteRequest) -> Response:
    """A new version for contracts approved from now on; what is left out of the body stays as it is."""
    tx = await request.begin()
    actor = request.require_role("ops")
    row = await latest_policy_row(tx)
    request.match(row["version"] if row else 0)
    change = await publish_policy(tx, body.changes(), actor.id)
    await audit(
        tx,
        actor=actor.id,
        action="change_policy",
        subject="policy",
        before=policy_document(change.before),
        after=policy_document(change.after),
    )
    latest = await latest_policy_row(tx)
    assert latest is not None
    view = policy_view(latest, settings_of(request).settlement_currencies)
    return await request.reply(view, version=change.after.version)
