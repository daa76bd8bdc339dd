"""`token` and `issuer`: be somebody, and let others check that."""

from pathlib import Path
from typing import Annotated

import typer

from skillscoop_cli.verbs.options import Data, Port


def token(
    user: Annotated[str, typer.Argument(help="User id: the token's subject.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="support, ops or integrator; may be repeated.")
    ] = None,
    ttl: Annotated[str, typer.Option("--ttl", help="How long it is good: 30m, 1h, 14d.")] = "1h",
    data: Data = None,
) -> None:
    """Print one token of the development issuer and nothing else. Production settings refuse that issuer."""
    from skillscoop_messages.clock import wall_time

    from skillscoop_cli.durations import duration
    from skillscoop_cli.folder import chosen, open_folder
    from skillscoop_cli.issuer import issue, key_of

    length = duration(ttl)
    key = key_of(open_folder(chosen(data)))
    typer.echo(issue(key, user, role or [], length, wall_time()))


def issuer(
    host: Annotated[str, typer.Option("--host", help="Address to answer at.")] = "127.0.0.1",
    port: Port = 8090,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write the public keys there and end.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--serve", metavar="FILE", help="Serve this file, without any data folder.")
    ] = None,
    data: Data = None,
) -> None:
    """Serve the development issuer's public keys at /.well-known/jwks.json, for services in other processes."""
    from skillscoop_cli.folder import chosen, hand_over, open_folder, write_private
    from skillscoop_cli.issuer import key_of
    from skillscoop_cli.key_server import serve

    if keys is not None:
        serve(keys, host, port)
        return
    folder = open_folder(chosen(data))
    key_of(folder)
    # A container's root makes what the machine's user has to read for `token`.
    hand_over(folder)
    if write is not None:
        write_private(write, folder.jwks.read_text(), mode=0o644)
        return
    serve(folder.jwks, host, port)


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    for verb in (token, issuer):
        app.command()(verb)
