"""How fast, how dear, how small: one command, beside the yardstick on the same machine in the same run.

    uv run python -m tests.benchmarks
    uv run python -m tests.benchmarks --flows 3000 --reps 3 --yardstick ../shared/tools/perf/pipe

A flow is one POST fund: transaction and outbox, RabbitMQ, payments with its operation row, event, RabbitMQ, the
notifications row. The payment provider answers inside the payments process, so its time is not in the figures; all
else is on: tokens are verified, idempotency keys kept, rows synced, confirms awaited, inboxes written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from skillscoop_cli.issuer import issue, key_of

from tests.benchmarks import load, machine, yardstick
from tests.support.broker import remove_namespace
from tests.support.processes import Processes, running_processes
from tests.support.servers.found import end_all, server
from tests.support.servers.private import PrivatePostgres, PrivateRabbit, program

ROOT = Path(__file__).resolve().parents[2]
IN_FLOW = ("contracts", "payments", "notifications")
CONNECTIONS = 16
PATIENCE = 60.0
SETTINGS = ("max_connections=300", "shared_buffers=64MB")


def report(line: str) -> None:
    """One line for the reader."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def processes_of(names: tuple[str, ...], servers: dict[str, str], provider: str) -> AsyncIterator[Processes]:
    """Real processes over the two servers, the payment provider answered inside payments."""
    namespace = f"b{os.urandom(4).hex()}"
    with tempfile.TemporaryDirectory(prefix="skillscoop-benchmark-") as folder:
        try:
            async with running_processes(
                Path(folder) / "data",
                servers["postgres"],
                servers["rabbit"],
                namespace,
                overrides={"payments": {"BENCHMARK_PROVIDER": provider, "PYTHONPATH": str(ROOT)}},
                modules={"payments": ("tests.benchmarks.payments_without_stripe", "--role", "all")},
                names=names,
            ) as processes:
                yield processes
        finally:
            await asyncio.to_thread(remove_namespace, servers["rabbit"], namespace)


class Finished:
    """Looks into the notifications database: which flows have arrived, and when their row was written."""

    def __init__(self, url: str, kind: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._kind = kind
        self._connection.execute(
            "ALTER TABLE notifications ADD COLUMN written_at timestamptz DEFAULT clock_timestamp()"
        )

    def clear(self) -> None:
        """Forget the flows so far, by moving them out of sight."""
        self._connection.execute("UPDATE notifications SET kind = 'earlier'")

    def count(self) -> int:
        """Flows whose row is there."""
        row = self._connection.execute(
            "SELECT count(DISTINCT contract_id) FROM notifications WHERE kind = %s", [self._kind]
        ).fetchone()
        assert row is not None
        return int(row[0])

    def last(self) -> float:
        """When the last row was written, in seconds since the epoch."""
        row = self._connection.execute(
            "SELECT extract(epoch FROM max(written_at)) FROM notifications WHERE kind = %s", [self._kind]
        ).fetchone()
        assert row is not None
        return float(row[0])

    def by_contract(self) -> dict[str, float]:
        """When each flow's first row was written."""
        rows = self._connection.execute(
            "SELECT contract_id, extract(epoch FROM min(written_at)) FROM notifications WHERE kind = %s GROUP BY 1",
            [self._kind],
        ).fetchall()
        return {contract: float(at) for contract, at in rows}

    async def wait(self, flows: int) -> None:
        """Until that many have arrived. Raises TimeoutError with how many did."""
        ends = time.monotonic() + PATIENCE
        while (arrived := await asyncio.to_thread(self.count)) < flows:
            if time.monotonic() > ends:
                raise TimeoutError(f"{arrived} of {flows} flows arrived")
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


async def prepared(processes: Processes, count: int) -> list[load.Fundable]:
    """That many approved contracts of one milestone, of twenty clients and twenty freelancers."""
    key = key_of(processes.data)
    now = datetime.now(UTC)

    def token(user: str) -> str:
        return issue(key, user, (), timedelta(hours=2), now)

    clients = [token(f"client-{number}") for number in range(20)]
    freelancers = [(f"freelancer-{number}", token(f"freelancer-{number}")) for number in range(20)]
    connections = await load.connect(processes.ports["contracts"], CONNECTIONS)

    async def one(connection: load.Connection, number: int) -> load.Fundable:
        freelancer, token_of_freelancer = freelancers[number % 20]
        return await load.approved(connection, clients[number % 20], token_of_freelancer, freelancer)

    made = await load.spread(connections, count, one)
    load.close(connections)
    return made


async def quiet(processes: Processes) -> None:
    """Until nothing is left from the preparation: outboxes published, queues drained."""
    for _ in range(600):
        waiting = 0
        for name in IN_FLOW:
            with psycopg.connect(processes.databases[name], autocommit=True) as connection:
                row = connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
                waiting += int(row[0]) if row else 0
        if not waiting:
            await asyncio.sleep(1.0)
            return
        await asyncio.sleep(0.1)


def analyzed(processes: Processes) -> None:
    """Let the server look at its tables, as it does by itself in time: plans made for empty ones cost more."""
    for name in IN_FLOW:
        with psycopg.connect(processes.databases[name], autocommit=True) as connection:
            connection.execute("ANALYZE")


async def measured(servers: dict[str, str], flows: int, rate: float, provider: str) -> dict[str, float]:
    """One repetition: saturated flows per second and their cost, then latency at a fixed rate."""
    paced_flows = int(rate * 6)
    async with processes_of(IN_FLOW, servers, provider) as processes:
        finished = Finished(processes.databases["notifications"], KIND_OF[provider])
        milestones = await prepared(processes, 300 + flows + paced_flows)
        await quiet(processes)
        measured = {name: psutil.Process(processes.running[name].pid) for name in IN_FLOW}
        for name, url in (("postgres", servers["postgres"]), ("rabbit", servers["rabbit"])):
            if found := machine.listening_on(url):
                measured[name] = found
        connections = await load.connect(processes.ports["contracts"], CONNECTIONS)

        async def fund(connection: load.Connection, number: int) -> float:
            return await load.fund(connection, milestones[number])

        await load.spread(connections, 300, fund)
        await finished.wait(300)
        finished.clear()
        await asyncio.to_thread(analyzed, processes)

        milestones = milestones[300:]
        before = machine.spent(measured)
        start = time.time()
        await load.spread(connections, flows, fund)
        accepted = time.time() - start
        await finished.wait(flows)
        whole = finished.last() - start
        after = machine.spent(measured)
        per_thousand = {name: (after[name] - before[name]) / flows * 1000 for name in processes}
        figures = {
            "flows_per_second": flows / whole,
            "commands_per_second": flows / accepted,
            "cpu_seconds_per_1000": sum(per_thousand.values()),
            **{f"cpu_{name}": value for name, value in per_thousand.items()},
        }

        finished.clear()
        milestones = milestones[flows:]
        await quiet(processes)
        pace = [_funding(milestone) for milestone in milestones[:paced_flows]]
        sent = await load.paced(connections, rate, pace)
        await finished.wait(paced_flows)
        written = finished.by_contract()
        delays = [(written[milestone.contract_id] - at) * 1000 for milestone, at in zip(milestones, sent, strict=False)]
        figures |= {
            "latency_p50_ms": machine.quantile(delays, 0.5),
            "latency_p99_ms": machine.quantile(delays, 0.99),
        }
        load.close(connections)
        finished.close()
        return figures


def _servers(run: Path, *, use_local: bool, stack: ExitStack) -> dict[str, str]:
    """Private servers where the programs are installed: their processes can then be seen and their time counted."""
    if not use_local and program("initdb") and program("rabbitmq-server"):
        # As in production: what it syncs is on the disk, and what is dead is cleared away.
        postgres = PrivatePostgres(run / "postgres", settings=SETTINGS).create()
        stack.callback(postgres.stop, "fast")
        rabbit = PrivateRabbit(run / "rabbit").create()
        stack.callback(rabbit.stop)
        return {"postgres": postgres.url, "rabbit": rabbit.url}
    stack.callback(end_all, run)
    return {
        "postgres": server("postgres", run, use_local=use_local).url,
        "rabbit": server("rabbit", run, use_local=use_local).url,
    }


def _funding(milestone: load.Fundable) -> Callable[[load.Connection], Any]:
    return lambda connection: load.fund(connection, milestone)


KIND_OF = {"checkout": "payment.requires_action", "succeeds": "milestone.funded"}


async def idle(servers: dict[str, str]) -> dict[str, dict[str, float]]:
    """Memory of each service when nothing happens, and how long each takes from exec to its first ready answer."""
    found: dict[str, dict[str, float]] = {}
    names = ("contracts", "payments", "notifications", "disputes", "reviews", "simulator")
    async with processes_of(names, servers, "checkout") as processes:
        await asyncio.sleep(5)
        for name in names[:-1]:
            found[name] = {"pss_mb": machine.proportional_memory(processes.running[name].pid)}
        for name in names[:-1]:
            starts = []
            for _ in range(3):
                processes.kill(name)
                since = time.perf_counter()
                processes.start(name)
                starts.append(await asyncio.to_thread(machine.seconds_until_ready, processes.ports[name], since))
            found[name]["cold_start_s"] = statistics.median(starts)
    return found


async def main() -> None:
    """Run what the options ask for, print it, and the whole as JSON at the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--flows", type=int, default=2000)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--rate", type=float, default=50.0, help="flows per second for latency")
    parser.add_argument("--provider", choices=("checkout", "succeeds"), default="checkout")
    parser.add_argument("--yardstick", type=Path, help="folder with drive.py; default ../shared/tools/perf/pipe")
    parser.add_argument("--variants", default="faststream-orm", help="of the yardstick, comma separated")
    parser.add_argument("--use-local", action="store_true", help="use servers listening on ports 5432 and 5672")
    parser.add_argument("--no-idle", action="store_true")
    options = parser.parse_args()
    folder = options.yardstick or ROOT.parent / "shared" / "tools" / "perf" / "pipe"
    with tempfile.TemporaryDirectory(prefix="skillscoop-servers-") as run_folder, ExitStack() as stack:
        run = Path(run_folder)
        run.chmod(0o755)
        servers = await asyncio.to_thread(_servers, run, use_local=options.use_local, stack=stack)
        result: dict[str, Any] = {
            "flows": options.flows,
            "provider": options.provider,
            "interpreter": machine.interpreter(),
            "ours": [],
            "yardstick": [],
        }
        report(f"  python     {result['interpreter']}")
        for number in range(options.reps):
            ours = await measured(servers, options.flows, options.rate, options.provider)
            # Above the number of processors others compete, and a second of processor time does less than it could.
            ours["load_average"] = os.getloadavg()[0]
            result["ours"].append(ours)
            report(f"{number + 1} ours       {_line(ours)}")
            if (folder / "drive.py").exists():
                theirs = await asyncio.to_thread(
                    yardstick.run, folder, servers, options.variants.split(","), options.flows, options.rate
                )
                result["yardstick"].append(theirs)
                for line in theirs:
                    report(f"{number + 1} yardstick  {line}")
            elif not number:
                report(f"  yardstick  not found at {folder}: own figures only")
        if not options.no_idle:
            result["idle"] = await idle(servers)
            for name, figures in result["idle"].items():
                report(f"  idle       {name} {_line(figures)}")
    medians = {key: statistics.median(one[key] for one in result["ours"]) for key in result["ours"][0]}
    report(f"  medians    {_line(medians)}")
    report(json.dumps({**result, "medians": medians}))


def _line(figures: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.3g}" if value < 100 else f"{name}={value:.0f}" for name, value in figures.items())


if __name__ == "__main__":
    asyncio.run(main())
