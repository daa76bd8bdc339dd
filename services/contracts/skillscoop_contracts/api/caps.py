"""How often a client may invite people who have not answered, and try to pay: counted in our own rows, so in all
processes together."""

from skillscoop_chassis.http.limits import cap_reached, window_of
from skillscoop_chassis.http.problems import register_codes
from skillscoop_chassis.http.requests import WritingRequest
from skillscoop_messages.database import Transaction

from skillscoop_contracts.repository import counting
from skillscoop_contracts.settings import ContractsSettings

register_codes(
    {
        "too_many_invitations": (
            429,
            "Too many invitations",
            "Only so many contracts may name people who have never agreed to one of this client's; `Retry-After` says "
            "when the next one may.",
        ),
        "too_many_fundings": (
            429,
            "Too many tries to pay",
            "Only so many tries to fund one milestone, and of one client in all; `Retry-After` says when the next may.",
        ),
    }
)


def _settings(work: WritingRequest) -> ContractsSettings:
    settings = work.service.settings
    assert isinstance(settings, ContractsSettings), "this service was built with its own settings"
    return settings


async def check_invitation(work: WritingRequest, tx: Transaction, freelancer_id: str) -> None:
    """Raise Problem too_many_invitations (429) when the client has named too many people who never answered."""
    settings, client = _settings(work), work.actor.id
    if not settings.limits_on or await counting.have_agreed(tx, client, freelancer_id):
        return
    one, all_ = settings.cap_invitations_of_one, settings.cap_invitations
    since = tx.now() - max(window_of(one), window_of(all_))
    named = await counting.unanswered_since(tx, client, since)
    of_one = [at for who, at in named if who == freelancer_id]
    detail = "Wait for an answer before you invite again."
    for policy, rate, counted in (
        ("invitations-of-one", one, of_one),
        ("invitations", all_, [at for _, at in named]),
    ):
        refusal = cap_reached(policy, rate, counted, tx.now(), detail, "too_many_invitations")
        if refusal is not None:
            raise refusal


async def check_funding(work: WritingRequest, tx: Transaction, milestone_id: str) -> None:
    """Raise Problem too_many_fundings (429) when the milestone, or the client in all, had too many tries to pay.

    The milestone's contract is locked, so its own count is exact; trying cards out needs many tries at once.
    """
    settings = _settings(work)
    if not settings.limits_on:
        return
    one, all_ = settings.cap_fundings_of_milestone, settings.cap_fundings
    since = tx.now() - max(window_of(one), window_of(all_))
    tries = await counting.funding_tries_since(tx, work.actor.id, since)
    detail = "Too many tries to pay; please wait, or pay in another way."
    for policy, rate, counted in (
        ("fundings-of-milestone", one, [at for milestone, at in tries if milestone == milestone_id]),
        ("fundings", all_, [at for _, at in tries]),
    ):
        refusal = cap_reached(policy, rate, counted, tx.now(), detail, "too_many_fundings")
        if refusal is not None:
            raise refusal
