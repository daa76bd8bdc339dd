"""`migrate`, `doctor`, `config`, `clock`, `test`: hands on the machine and the data folder."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.verbs.options import Data, Json, print_json

clock = typer.Typer(help="Play the business clock of an embedded installation.", no_args_is_help=True)


def migrate(data: Data = None, json: Json = False) -> None:
    """Bring the databases of the data folder to the newest version of their tables."""
    from skillscoop_cli.embedded.databases import migrate_all
    from skillscoop_cli.folder import chosen, locked, open_folder

    folder = open_folder(chosen(data))
    with locked(folder):
        done = migrate_all(folder)
    if json:
        print_json(done)
        return
    for service, state in done.items():
        typer.echo(f"{service:<14} {state}")


def doctor(data: Data = None, port: Annotated[int, typer.Option("--port")] = 8080, json: Json = False) -> None:
    """Check this machine, and say for each failed check what mends it."""
    from skillscoop_cli.doctor import examine
    from skillscoop_cli.folder import chosen

    findings = examine(chosen(data), port)
    if json:
        print_json(
            {"ok": all(finding.ok for finding in findings), "checks": [finding.as_dict() for finding in findings]}
        )
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name:<14} {finding.found}")
            if not finding.ok:
                typer.echo(f"     → {finding.fix}")
    if not all(finding.ok for finding in findings):
        raise CheckFailed("not everything is as it must be")


def config(data: Data = None, json: Json = False) -> None:
    """Show every service's settings as the embedded form uses them; secrets are masked."""
    from skillscoop_cli.embedded.composition import shown_settings
    from skillscoop_cli.folder import chosen, open_folder

    settings = shown_settings(open_folder(chosen(data)))
    if json:
        print_json(settings)
        return
    for service, values in settings.items():
        typer.echo(f"[{service}]")
        for name, value in values.items():
            typer.echo(f"{name.upper()}={value}")
        typer.echo("")


def secrets(
    folder: Annotated[Path, typer.Argument(help="Where to keep them; name it in SECRETS_FOLDER.")], json: Json = False
) -> None:
    """Make the passwords of a deployment with Docker Compose, one file each; those that exist are kept."""
    from skillscoop_cli.secret_files import make_secrets

    made = make_secrets(folder)
    if json:
        print_json({"made": made})
    else:
        typer.echo(f"made {len(made)} secrets in {folder}; those that were there are kept")


@clock.command()
def advance(
    by: Annotated[str, typer.Argument(help="How far: 90m, 3d, 14d.")], data: Data = None, json: Json = False
) -> None:
    """Move business time forward. Timers that are due by then fire; tokens and leases do not age."""
    from skillscoop_cli.addresses import refuse_what_only_one_process_can
    from skillscoop_cli.durations import duration
    from skillscoop_cli.embedded.clock import advance as move
    from skillscoop_cli.folder import chosen, existing_folder, open_folder, running_address

    path, length = chosen(data), duration(by)
    refuse_what_only_one_process_can(path, running_address(existing_folder(path)))
    now = move(open_folder(path), length)
    if json:
        print_json({"business_time": now.isoformat()})
    else:
        typer.echo(f"business time is now {now:%Y-%m-%d %H:%M} UTC")


def test(arguments: Annotated[list[str] | None, typer.Argument(help="What to give to pytest.")] = None) -> None:
    """Run the tests: everything after the verb goes to pytest. Without -n one process per core runs them."""
    home = Path(os.environ.get("SKILLSCOOP_HOME") or Path(__file__).resolve().parents[3])
    if not (home / "tests").is_dir():
        raise Refused("the tests are not here: run ./skillscoop test from a clone of the repository")
    try:
        import pytest  # noqa: F401 - asked for before this process becomes it
    except ImportError as error:
        raise Refused("pytest is not installed: run ./skillscoop test, which installs it") from error
    given = arguments or []
    spread = [] if any(word.startswith("-n") for word in given) else ["-n", "auto", "--dist", "loadfile"]
    os.chdir(home)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *spread, *given])  # noqa: S606 - this process becomes pytest


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    app.command()(migrate)
    app.command()(doctor)
    app.command()(config)
    app.command()(secrets)
    app.add_typer(clock, name="clock")
    app.command(
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
        add_help_option=False,
    )(test)
