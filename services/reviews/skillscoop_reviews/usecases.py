"""What the service does, each in one transaction: lock the window, decide, save, tell."""

from skillscoop_messages import scheduled
from skillscoop_messages.database import Transaction
from skillscoop_messages.errors import NotYet
from skillscoop_messages.events.base import AboutContract

from skillscoop_reviews import publish, repository
from skillscoop_reviews.domain.window import Closed, Command, Lapse, Open, Opened, Window, apply, decide

WINDOW_TIMER = "reviews.close_window"


async def learn_contract(tx: Transaction, about: AboutContract, sequence: int) -> None:
    """Know who the parties of a contract are."""
    await repository.learn(tx, about, sequence)


async def open_window(tx: Transaction, about: AboutContract, sequence: int, days: int) -> None:
    """Let both sides review each other for `days` days. The end of a contract may be the first we hear of it."""
    await repository.learn(tx, about, sequence)
    window = await repository.load(tx, about.contract_id, lock=True)
    if window is None:
        raise NotYet(f"contract {about.contract_id} is unknown")
    await carry_out(tx, window, Open(days), None)


async def close_when_due(tx: Transaction, contract_id: str) -> None:
    """Publish what was written once the time is over; called too early, sleep again."""
    window = await repository.load(tx, contract_id, lock=True)
    if window is None or window.closes_at is None:
        return
    after = await carry_out(tx, window, Lapse(), None)
    if after == window and tx.now() < window.closes_at:
        await scheduled.schedule(tx, WINDOW_TIMER, contract_id, window.closes_at)


async def carry_out(tx: Transaction, window: Window, command: Command, actor_id: str | None) -> Window:
    """Run one command on a locked window; `actor_id` None is the system. Raises what the domain refuses with."""
    facts = decide(window, command, actor_id, tx.now())
    after = window
    for fact in facts:
        after = apply(after, fact)
    await repository.save(tx, window, after)
    publish.tell(tx, after, facts)
    for fact in facts:
        match fact:
            case Opened(closes_at):
                await scheduled.schedule(tx, WINDOW_TIMER, window.contract_id, closes_at)
            case Closed():
                await scheduled.unschedule(tx, WINDOW_TIMER, window.contract_id)
            case _:
                pass
    return after
