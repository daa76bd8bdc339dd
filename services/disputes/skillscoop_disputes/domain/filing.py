"""What a Dispute Assistance Form may be about."""

from collections.abc import Collection, Mapping

from skillscoop_messages.ids import is_id

from skillscoop_disputes.domain.dispute import Share, check_split
from skillscoop_disputes.domain.errors import Blocked, NotHeardOf, SplitInvalid, SplitProblem


def milestones_of_form(
    asked: tuple[str, ...] | None,
    desired: tuple[Share, ...],
    held: Mapping[str, int],
    claimed: Collection[str],
    currency: str,
) -> tuple[str, ...]:
    """The milestones a form is about as far as we know: those it names, else all that hold money.

    `held` is what we know to be held, in minor units by milestone, with 0 for those that hold nothing; `claimed` are
    milestones of other open disputes. Raises NotHeardOf for milestones on which we never heard of money, SplitInvalid
    for what is no milestone's id and for a desired split that does not fit, Blocked `nothing_held` when no money is
    held on them, `already_disputed` when a milestone is in another open dispute.
    """
    wrong = [index for index, one in enumerate(asked or ()) if one not in held and not is_id("ms", one)]
    if wrong:
        raise SplitInvalid(
            tuple(SplitProblem(index, "milestone_unknown", "The contract has no such milestone.") for index in wrong)
        )
    named = (*(asked or ()), *(share.milestone_id for share in desired))
    if any(one not in held and is_id("ms", one) for one in named):
        # The contract may have it, and the news of its money be on its way: only contracts could tell.
        raise NotHeardOf
    wanted = asked if asked is not None else tuple(one for one, amount in held.items() if amount > 0)
    if not any(held[one] > 0 for one in wanted):
        raise Blocked("nothing_held", "No money is held on these milestones.")
    free = tuple(one for one in wanted if one not in claimed)
    if not free or (asked is not None and len(free) < len(asked)):
        raise Blocked("already_disputed", "A milestone can only be in one open dispute.")
    check_split(desired, {one: held[one] for one in free}, currency, whole=False)
    return free
