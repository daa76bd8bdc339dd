"""`up`, `demo`, `walk`: start everything, and tell the story on it."""

import sys
from typing import Annotated

import typer

from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.verbs.options import DEFAULT_PORT, Data, Json, Port, from_environment, print_json


def up(
    port: Port = DEFAULT_PORT,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget all data of the folder first.")] = False,
    data: Data = None,
) -> None:
    """Run everything in one process behind one loopback port, until SIGTERM or Ctrl-C."""
    import asyncio

    from skillscoop_cli.embedded.process import host
    from skillscoop_cli.embedded.runner import Embedded
    from skillscoop_cli.folder import chosen, clear, locked, open_folder

    folder = open_folder(chosen(data))
    if fresh:
        with locked(folder):
            clear(folder)

    async def stay(installation: Embedded) -> None:
        print(f"ready {installation.url}", flush=True)
        print(f"log: {folder.log}; no real money moves here; Ctrl-C ends it", file=sys.stderr, flush=True)
        await asyncio.Event().wait()

    host(folder, port, stay)


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End after the walk, with 0 only if all of it held.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Loopback port; 8080 or, if taken, any free one.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Run everything and watch it carry one contract from proposal to paid; then stay up to be tried."""
    from skillscoop_cli.demo import demonstrate
    from skillscoop_cli.embedded.process import host
    from skillscoop_cli.embedded.server import bound
    from skillscoop_cli.folder import chosen, open_folder
    from skillscoop_cli.story.record import Outcome

    folder = open_folder(chosen(data))
    if port is None:
        try:
            bound(DEFAULT_PORT).close()
            port = DEFAULT_PORT
        except Refused:
            print(f"port {DEFAULT_PORT} is taken, so another one it is", file=sys.stderr)
            port = 0
    told: list[Outcome] = []
    host(folder, port, lambda installation: demonstrate(installation, stay=not leave, as_json=json, told=told))
    if not told or not told[0].ok:
        raise CheckFailed((told[0].error if told else None) or "the walk was not finished")


def walk(
    url: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            help="Where to walk: one address, or one per service as contracts=http://…; else $SKILLSCOOP_URL, "
            "else the one running on the data folder.",
        ),
    ] = None,
    operator_url: Annotated[
        str | None, typer.Option("--operator-url", help="Where operators' routes answer, if not at the same address.")
    ] = None,
    simulator_url: Annotated[
        str | None, typer.Option("--simulator-url", help="Where the Stripe simulator answers browsers.")
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", min=1, help="Seconds to wait for anything; a busy machine gets more.")
    ] = 30.0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Tell the story over HTTP against anything that runs; exit code 0 only if all of it held."""
    import asyncio

    from skillscoop_cli.addresses import clients_url
    from skillscoop_cli.demo import walk_there
    from skillscoop_cli.folder import chosen, open_folder, running_address

    folder = open_folder(chosen(data))
    there = url or [from_environment(None, "SKILLSCOOP_URL") or running_address(folder) or clients_url()]
    outcome = asyncio.run(walk_there(folder, there, operator_url, simulator_url, patience, as_json=json))
    if json:
        print_json(outcome.as_dict())
    if not outcome.ok:
        raise CheckFailed(outcome.error or "a check did not hold")


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    for verb in (up, demo, walk):
        app.command()(verb)
