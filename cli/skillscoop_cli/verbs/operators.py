"""`story`, `tail`, `parked`, `outbox`, `operations`: what operators see and do, over the services' own routes."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from skillscoop_cli.verbs.options import Data, Json, Token, Url, print_json

parked = typer.Typer(help="Messages no retry could handle: look, try again, give up.", no_args_is_help=True)
operations = typer.Typer(help="Calls to Stripe and how they stand.", no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="Who acts, when the token is an own one.")]
Service = Annotated[str | None, typer.Option("--service", help="Only this service.")]


def _desk(url: str | None, token: str | None, data: Any, user: str = "operator") -> Any:
    from skillscoop_cli.operators import desk

    return desk(url, token, data, user)


def story(
    id: Annotated[str, typer.Argument()], url: Url = None, token: Token = None, data: Data = None, json: Json = False
) -> None:
    """Tell the life of a contract, milestone, payment or dispute across the services."""
    with _desk(url, token, data) as desk:
        entries = desk.story(id)
    if json:
        print_json(entries)
        return
    from skillscoop_cli.operators import story_line

    for entry in entries:
        typer.echo(story_line(entry))


def tail(
    id: Annotated[str, typer.Argument()],
    url: Url = None,
    token: Token = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Follow the events of an object as they happen, until Ctrl-C."""
    import json as encoder

    from skillscoop_cli.operators import story_line

    with _desk(url, token, data) as desk:
        try:
            for entry in desk.tail(id):
                typer.echo(encoder.dumps(entry, ensure_ascii=False, default=str) if json else story_line(entry))
        except KeyboardInterrupt:
            return


def outbox(
    service: Service = None, url: Url = None, token: Token = None, data: Data = None, json: Json = False
) -> None:
    """Show what each service still has to publish, and what it published last."""
    with _desk(url, token, data) as desk:
        found = desk.outbox(service)
    _show(found, json)


@parked.command("list")
def parked_list(
    service: Service = None, url: Url = None, token: Token = None, data: Data = None, json: Json = False
) -> None:
    """Show every parked message."""
    with _desk(url, token, data) as desk:
        found = desk.everywhere("parked", service)
    _show(found, json)


@parked.command("show")
def parked_show(id: str, url: Url = None, token: Token = None, data: Data = None, json: Json = False) -> None:
    """Show one parked message with its body and last error."""
    with _desk(url, token, data) as desk:
        print_json(desk.get(f"{_parked_path(id)}"))


@parked.command("replay")
def parked_replay(
    id: str,
    url: Url = None,
    token: Token = None,
    user: As = "operator",
    data: Data = None,
    json: Json = False,
) -> None:
    """Try a parked message again."""
    with _desk(url, token, data, user) as desk:
        _done(desk.post(f"{_parked_path(id)}/replay", {}), "will be tried again", json)


@parked.command("discard")
def parked_discard(
    id: str,
    reason: Reason,
    url: Url = None,
    token: Token = None,
    user: As = "operator",
    data: Data = None,
    json: Json = False,
) -> None:
    """Give a parked message up for good; one about money needs a second operator."""
    with _desk(url, token, data, user) as desk:
        _done(desk.post(f"{_parked_path(id)}/discard", {"reason": reason}), "given up", json)


@operations.command("list")
def operations_list(
    state: Annotated[str | None, typer.Option("--state")] = None,
    kind: Annotated[str | None, typer.Option("--kind")] = None,
    older_than: Annotated[str | None, typer.Option("--older-than", help="For example 1h.")] = None,
    url: Url = None,
    token: Token = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show calls to Stripe, newest first."""
    wanted = {"state": state, "kind": kind, "older_than": older_than}
    with _desk(url, token, data) as desk:
        found = desk.get("/v1/admin/payments/operations", {name: value for name, value in wanted.items() if value})
    _show(found["data"], json)


@operations.command("retry")
def operations_retry(
    id: str,
    reason: Reason,
    url: Url = None,
    token: Token = None,
    user: As = "operator",
    data: Data = None,
    json: Json = False,
) -> None:
    """Try a call to Stripe again now."""
    with _desk(url, token, data, user) as desk:
        path = f"/v1/admin/payments/operations/{quote(id, safe='')}/retry"
        _done(desk.post(path, {"reason": reason}), "will be tried again", json)


def _parked_path(parked_id: str) -> str:
    """Parked messages are called `<service>.<subscriber>:<message>`, which says where they lie."""
    from skillscoop_cli.operators import owner_of_parked

    return f"/v1/admin/{owner_of_parked(parked_id)}/parked/{parked_id}"


def _show(rows: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(rows)
        return
    from skillscoop_cli.operators import table

    typer.echo(table(rows))


def _done(answer: Any, words: str, json: bool) -> None:
    if json:
        print_json(answer)
    elif isinstance(answer, dict) and answer.get("state") == "awaiting_second_operator":
        typer.echo("waits for a second operator: the same command by somebody else within 24 hours does it")
    else:
        typer.echo(words)


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    for verb in (story, tail, outbox):
        app.command()(verb)
    app.add_typer(parked, name="parked")
    app.add_typer(operations, name="operations")
