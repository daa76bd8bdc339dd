"""The `skillscoop` command: every verb's words here and in `verbs/`, its work imported only when it is called."""

import sys

import typer

from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.verbs import documents, operators, people, running, upkeep

app = typer.Typer(
    name="skillscoop",
    help="Milestone payments held securely via Stripe: five small services, one command.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (running, people, operators, documents, upkeep):
    part.add_to(app)


def main() -> None:
    """Run the verb that was asked for: exit code 0 when it did what it says, 1 for a failed check, 2 for wrong use."""
    try:
        app()
    except Refused as error:
        print(f"skillscoop: {error}", file=sys.stderr)
        sys.exit(2)
    except CheckFailed as error:
        print(f"skillscoop: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has read enough (`skillscoop openapi | head`).
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # A full disk, a file of somebody else: the machine's trouble, not a defect of ours.
        print(
            f"skillscoop: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr
        )
        sys.exit(2)
    except Exception as error:
        from skillscoop_chassis.sql.causes import is_disk_full

        if not is_disk_full(error):
            raise
        print("skillscoop: disk full; make room and start again", file=sys.stderr)
        sys.exit(2)
