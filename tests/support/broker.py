"""Leave nothing behind on a broker that belongs to somebody else."""

from __future__ import annotations

import asyncio


def remove_namespace(url: str, namespace: str) -> None:
    """Delete the exchange and every queue that the topology has under `namespace`."""
    asyncio.run(_remove(url, namespace))


async def _remove(url: str, namespace: str) -> None:
    import aio_pika
    from skillscoop_messages.registry import SUBSCRIPTIONS
    from skillscoop_messages.topology import dead_queue_name, exchange_name, queue_name

    connection = await aio_pika.connect(url)
    try:
        # Deleting what is not there is no error.
        channel = await connection.channel()
        for name in SUBSCRIPTIONS:
            for queue in (queue_name(name, namespace), dead_queue_name(name, namespace)):
                await channel.queue_delete(queue)
        await channel.exchange_delete(exchange_name(namespace))
    finally:
        await connection.close()
