"""`openapi`, `asyncapi`, `topology`: what is generated from the code, printed as JSON without anything running."""

from typing import Annotated

import typer

from skillscoop_cli.verbs.options import Json, print_json


def openapi(json: Json = True) -> None:
    """Print the OpenAPI document of all services, operators' routes included."""
    from skillscoop_cli.documents.applications import merged_document

    print_json(merged_document())


def asyncapi(json: Json = True) -> None:
    """Print the AsyncAPI document: every event, who says it, who listens."""
    from skillscoop_messages import topology as names

    print_json(names.asyncapi())


def topology(
    json: Json = True,
    namespace: Annotated[str, typer.Option("--namespace", help="What stands before every name.")] = "",
    vhost: Annotated[str, typer.Option("--vhost", help="Virtual host at the broker.")] = "/",
) -> None:
    """Print RabbitMQ's definitions: exchange, queues and bindings."""
    from skillscoop_messages import topology as names

    print_json(names.definitions(namespace, vhost))


def add_to(app: typer.Typer) -> None:
    """Register the verbs of this file."""
    for verb in (openapi, asyncapi, topology):
        app.command()(verb)
