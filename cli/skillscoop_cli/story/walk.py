"""The whole walk: chapters in their order, one outcome at the end."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx2

from skillscoop_cli.failures import CheckFailed
from skillscoop_cli.story import closing, delivery, dispute, funding, proposal
from skillscoop_cli.story.client import Api, Route
from skillscoop_cli.story.patience import Patience
from skillscoop_cli.story.people import Cast
from skillscoop_cli.story.record import Outcome
from skillscoop_cli.story.stage import Narrator, Stage
from skillscoop_cli.story.trace import Tracer

CHAPTERS = (proposal.tell, funding.tell, delivery.tell, dispute.tell, closing.tell)


@dataclass(frozen=True, slots=True)
class Where:
    """What the walk walks on.

    `url` is told to people; `route` finds the base address of a path (one gateway, or several services);
    `operators` finds the one of operators' paths, `None` where they cannot be reached; `simulator` is the base
    address of what plays Stripe, empty to learn it from the first page it shows. `patience`: seconds to wait for
    anything on an idle machine.
    """

    url: str
    route: Route
    operators: Route | None
    simulator: str = ""
    patience: float = 30.0

    def base(self, path: str) -> str:
        """Where a path is asked for."""
        if path.startswith("/v1/admin/") and self.operators is not None:
            return self.operators(path)
        return self.route(path)


def one_address(url: str) -> Route:
    """Everything behind one address."""
    base = url.rstrip("/")
    return lambda path: base


def by_service(addresses: Mapping[str, str]) -> Route:
    """Each service at its own address; the path tells which, by the services' own routes."""
    from skillscoop_cli.documents.applications import owners

    owner_of_path = owners()
    bases = {service: url.rstrip("/") for service, url in addresses.items()}

    def route(path: str) -> str:
        owner = owner_of_path(path.partition("?")[0])
        if owner not in bases:
            raise CheckFailed(f"no address was given for {owner or 'any service'}, which answers {path}")
        return bases[owner]

    return route


async def walk(where: Where, cast: Cast, narrator: Narrator) -> Outcome:
    """Tell the story once. Never raises for what goes wrong in it: the outcome says what and where."""
    outcome = Outcome(where.url, people={person.name: person.id for person in cast.everyone()})
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=10.0, trust_env=False))
        api = Api(http, where.base, Patience(where.patience))
        stage = Stage(
            api,
            cast,
            narrator,
            outcome,
            trace=Tracer(api, cast.olga).followed if where.operators is not None else None,
            simulator=where.simulator,
            operators=where.operators is not None,
        )
        try:
            for chapter in CHAPTERS:
                await chapter(stage)
        except CheckFailed as error:
            outcome.error = str(error)
        except Exception as error:
            # An answer without a field the story needs, for example: the walk failed, and says at which step.
            outcome.error = f"{type(error).__name__}: {error}"
    if outcome.error and outcome.steps:
        outcome.error = f"step {outcome.steps[-1].number} ({outcome.steps[-1].title}): {outcome.error}"
    if outcome.left_out and not outcome.error:
        outcome.error = f"checks were left out: {'; '.join(outcome.left_out)}"
    outcome.seconds = time.monotonic() - began
    narrator.closing(outcome)
    return outcome
