"""A process to be killed: ships parcels until there are enough, and books those that arrive."""

import asyncio
import sys

from skillscoop_chassis.sql.database import open_database
from skillscoop_messages.clock import system_clocks
from skillscoop_messages.transport import open_transport

from tests.conformance.messaging_fixtures import SUBSCRIPTIONS, Messaging, count, process, ship


async def live(database_url: str, bus_url: str, namespace: str, wanted: int) -> None:
    """Ship one parcel per transaction until the outbox holds `wanted`, then go on booking."""
    database = open_database(database_url, "conformance", system_clocks())
    post = Messaging("victim", lambda: open_transport(bus_url, SUBSCRIPTIONS.values(), namespace=namespace))
    async with process(post, database):
        while await count(database, "outbox") < wanted:
            await ship(database)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
