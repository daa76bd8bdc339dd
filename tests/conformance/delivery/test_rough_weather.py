"""Everything at once: a simulated post that duplicates, reorders, forgets and refuses; a process that is killed."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from skillscoop_messages.transport.embedded import EmbeddedTransport
from skillscoop_messages.transport.simulated import ROUGH, SimulatedTransport

from tests.conformance.messaging_fixtures import (
    BOOKING,
    MOURNING,
    SUBSCRIPTIONS,
    Hands,
    Lost,
    Mailbox,
    Messaging,
    Shipped,
    booking,
    conformance_database,
    count,
    delete_namespace,
    effects,
    eventually,
    keep_moving,
    process,
    raws,
    ship,
)
from tests.support.servers.private import PrivatePostgres

HURRY = timedelta(seconds=3)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_post_does_every_effect_happens_once(seed: int, tmp_path: Path, hands: Hands) -> None:
    simulated = SimulatedTransport(seed, SUBSCRIPTIONS.values(), ROUGH)
    post = Messaging("simulated", lambda: simulated, pump=keep_moving)
    async with conformance_database(f"sqlite:///{tmp_path / 'service.sqlite'}", hands.clocks()) as database:
        # What stays unconfirmed is overdue for the sweep after two seconds of wall time.
        roots: list[str] = []
        async with process(post, database, {BOOKING: booking(), MOURNING: booking(MOURNING)}) as running:
            for _ in range(10):
                roots += await ship(database, 12)
            hands.wall_ahead += HURRY

            async def all_booked() -> bool:
                if await count(database, "outbox", "published_at IS NULL"):
                    try:
                        await running.relay.sweep()
                    except Exception:
                        return False
                    return False
                return await effects(database) == sorted(roots)

            await eventually(all_booked)
        await post.closed()
        assert await count(database, "scheduled") == 0


async def test_the_same_seed_gives_the_same_run() -> None:
    async def run(seed: int) -> list[list[str]]:
        post = SimulatedTransport(seed, SUBSCRIPTIONS.values(), ROUGH)
        books, mourners = Mailbox(), Mailbox()
        await post.subscribe(SUBSCRIPTIONS[BOOKING], books)
        await post.subscribe(SUBSCRIPTIONS[MOURNING], mourners)
        for raw in raws(*(Lost(parcel_id=f"pcl_{n}") for n in range(40)), Shipped(parcel_id="pcl_x")):
            try:
                await post.publish([raw])
            except Exception:
                continue
        await post.run_until_quiet()
        return [[raw.subject for raw in batch] for batch in [*books.batches, *mourners.batches]]

    first = await run(3)
    assert first == await run(3)
    assert first != await run(4)


async def test_every_enabled_action_can_be_taken() -> None:
    post = SimulatedTransport(1, SUBSCRIPTIONS.values())
    mailbox = Mailbox()
    await post.subscribe(SUBSCRIPTIONS[BOOKING], mailbox)
    sent = raws(*(Shipped(parcel_id=f"pcl_{n}") for n in range(3)))
    await post.publish(sent)
    kinds = {action.kind for action in post.enabled()}
    assert kinds == {"deliver", "deliver_twice", "deliver_and_forget"}

    await post.step(next(action for action in post.enabled() if action.kind == "deliver_and_forget"))
    assert (await post.backlog())[BOOKING] == 3
    await post.step(post.enabled()[0])
    assert post.enabled() == []
    assert mailbox.ids() == [raw.id for raw in sent] * 2


@pytest.mark.parametrize("bus", ["embedded", pytest.param("rabbitmq", marks=pytest.mark.servers)])
async def test_a_process_killed_again_and_again_repeats_and_loses_nothing(
    bus: str, tmp_path: Path, hands: Hands, request: pytest.FixtureRequest
) -> None:
    """`kill -9` at any line: commits, publishing, marking, effects and acknowledgements all in one child process."""
    namespace = f"killed-{os.getpid()}"
    bus_url = f"embedded://{tmp_path / 'bus.sqlite'}" if bus == "embedded" else request.getfixturevalue("rabbit_url")
    database_url = (
        f"sqlite:///{tmp_path / 'service.sqlite'}" if bus == "embedded" else request.getfixturevalue("postgres_url")
    )
    wanted = 600
    try:
        async with conformance_database(database_url, hands.clocks()) as database:
            for _ in range(4):
                before = await count(database, "effects")
                child = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "tests.conformance.victim",
                    database_url,
                    bus_url,
                    namespace,
                    str(wanted),
                    cwd=Path(__file__).parents[3],
                )

                async def progressed(before: int = before) -> bool:
                    return await count(database, "effects") >= min(before + 60, wanted)

                await eventually(progressed, within=60)
                child.send_signal(signal.SIGKILL)
                await child.wait()
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.conformance.victim",
                database_url,
                bus_url,
                namespace,
                str(wanted),
                cwd=Path(__file__).parents[3],
            )

            async def all_done() -> bool:
                return (
                    await count(database, "effects") >= wanted
                    and await count(database, "outbox") >= wanted
                    and not await count(database, "outbox", "published_at IS NULL")
                )

            await eventually(all_done, within=60)
            child.send_signal(signal.SIGKILL)
            await child.wait()
            roots = await effects(database)
            assert len(roots) == len(set(roots)) == await count(database, "outbox") == wanted
            assert await count(database, "scheduled") == 0
    finally:
        if bus == "rabbitmq":
            await delete_namespace(bus_url, namespace)


@pytest.mark.servers
async def test_a_postgresql_that_is_killed_while_messages_arrive_costs_no_message(
    private_postgres: PrivatePostgres, tmp_path: Path, hands: Hands
) -> None:
    post = Messaging("embedded", lambda: EmbeddedTransport(tmp_path / "bus.sqlite", SUBSCRIPTIONS.values()))
    async with (
        conformance_database(private_postgres.url, hands.clocks()) as database,
        process(post, database) as running,
    ):
        roots = await ship(database, 5)

        async def booked() -> bool:
            try:
                return await effects(database) == sorted(roots)
            except Exception:
                return False

        await eventually(booked)
        await asyncio.to_thread(private_postgres.kill)
        sent = raws(*(Shipped(parcel_id=f"pcl_{n:03}") for n in range(150)))
        await running.transport.publish(sent)

        async def noticed() -> bool:
            return running.consumer.trouble() is not None

        await eventually(noticed)
        await asyncio.to_thread(private_postgres.start)
        roots += [raw.subject for raw in sent]
        await eventually(booked, within=40)
        roots += await ship(database, 3)
        await eventually(booked, within=40)
        assert await count(database, "scheduled") == 0
    await post.closed()
