"""The platform's own payouts: what is held for others must not leave for our bank by itself."""

from dataclasses import dataclass

from skillscoop_messages.database import Database

from skillscoop_payments.repository import alerts
from skillscoop_payments.usecases.dependencies import Dependencies

MANUAL = "manual"


@dataclass
class PayoutWatch:
    """What was found at the last poll; None before the first one."""

    interval: str | None = None

    @property
    def manual(self) -> bool:
        """False only where it is known that money leaves by itself."""
        return self.interval in (None, MANUAL)

    async def trouble(self) -> str | None:
        """For readiness: payouts that run by themselves take the money that later transfers need."""
        return None if self.manual else f"payouts are {self.interval}: set them to manual at Stripe"


async def check(database: Database, deps: Dependencies, watch: PayoutWatch) -> None:
    """Ask how payouts are set, and ask an operator while they are not manual. Raises Unreachable."""
    watch.interval = await deps.gateway.payout_interval()
    if watch.manual:
        return
    async with database.begin() as tx:
        if not await alerts.is_open(tx, "payouts_not_manual"):
            detail = f"payouts are {watch.interval}: they take the money that transfers and refunds need"
            await alerts.raise_alert(tx, "payouts_not_manual", tx.wall().isoformat(timespec="seconds"), detail, None)
