"""What `demo` and `walk` show: the start, the walk, and a card of what to try next."""

import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from datetime import timedelta

import httpx2
from rich.console import Console
from rich.panel import Panel
from rich.text import Text
from skillscoop_messages.clock import wall_time

from skillscoop_cli.addresses import operators_address
from skillscoop_cli.embedded.runner import Embedded
from skillscoop_cli.failures import CheckFailed, Refused
from skillscoop_cli.folder import DataFolder, chosen
from skillscoop_cli.issuer import issue, key_of
from skillscoop_cli.story.narrator import Silent, Storyteller
from skillscoop_cli.story.people import Cast, Person, cast_of
from skillscoop_cli.story.record import Outcome
from skillscoop_cli.story.stage import Narrator
from skillscoop_cli.story.walk import Where, by_service, one_address, walk

TOKEN_LIFE = timedelta(hours=12)
_CARDS = (
    ("4242 4242 4242 4242", "pays", "pm_card_visa"),
    ("4000 0000 0000 0002", "is declined", "pm_card_visa_chargeDeclined"),
    ("4000 0000 0000 9995", "has too little money", "pm_card_visa_chargeDeclinedInsufficientFunds"),
    ("4000 0000 0000 3220", "asks for 3-D Secure", "pm_card_threeDSecure2Required"),
)


async def demonstrate(installation: Embedded, *, stay: bool, as_json: bool, told: list[Outcome]) -> None:
    """Seed people, walk, show the card; with `stay` until the process is ended. The outcome lands in `told`."""
    console = Console(highlight=False, stderr=as_json)
    if not as_json:
        _opening(console, installation)
    cast = cast_of(lambda user, roles: installation.token(user, roles, TOKEN_LIFE))
    await seed(installation.url, cast)
    where = Where(installation.url, one_address(installation.url), one_address(installation.url))
    outcome = await walk(where, cast, Silent() if as_json else Storyteller(console))
    told.append(outcome)
    if as_json:
        print(json.dumps(outcome.as_dict(), indent=2), flush=True)
    if stay:
        if not as_json:
            _card(console, installation, cast, outcome)
        await asyncio.Event().wait()


async def seed(url: str, cast: Cast) -> None:
    """Give the people names, so that nobody is called "the client"; who has one keeps it."""
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as http:
        for person in cast.everyone():
            contact = {
                "email": f"{person.id}@example.com",
                "name": person.name,
                "locale": "en",
                "time_zone": "UTC",
            }
            headers = {"Authorization": f"Bearer {person.token}"}
            await http.put(f"{url}/v1/me/contact", json=contact, headers=headers)


async def walk_there(
    folder: DataFolder,
    urls: Sequence[str],
    operator_url: str | None,
    simulator_url: str | None,
    patience: float,
    *,
    as_json: bool,
) -> Outcome:
    """Walk on an installation that runs elsewhere, with people of this folder's issuer. Raises `Refused`."""
    key = key_of(folder)
    cast = cast_of(lambda user, roles: issue(key, user, roles, TOKEN_LIFE, wall_time()))
    narrator: Narrator = Silent() if as_json else Storyteller(Console(highlight=False))
    named = dict(url.split("=", 1) for url in urls if "=" in url.partition("://")[0])
    if named and len(named) != len(urls):
        raise Refused("name either one address, or one for each service as contracts=http://…")
    simulator = (simulator_url or "").rstrip("/")
    if named:
        route = by_service(named)
        return await walk(Where(", ".join(urls), route, route, simulator, patience), cast, narrator)
    url = urls[0].rstrip("/")
    operators = operator_url or _operators(url, cast.olga)
    found = one_address(operators) if operators else None
    return await walk(Where(url, one_address(url), found, simulator, patience), cast, narrator)


def _operators(url: str, olga: Person) -> str | None:
    """Where operators' routes answer, `None` where they are not to be found."""
    try:
        return operators_address(url, {"Authorization": f"Bearer {olga.token}"})
    except CheckFailed as error:
        print(f"the walk goes without events and the platform's books: {error}", file=sys.stderr)
        return None


def _opening(console: Console, installation: Embedded) -> None:
    title = Text("SkillScoop", style="bold").append("  five services in one process, no real money", style="dim")
    console.print(title)
    for name in installation.services:
        console.print(Text(" ● ", style="green").append(name))
    console.print(Text(f"   {installation.url}   data in {installation.folder.path}", style="dim"), soft_wrap=True)


def _card(console: Console, installation: Embedded, cast: Cast, outcome: Outcome) -> None:
    url = installation.url
    lines = Text()
    for name, address in (
        ("API", url),
        ("Description", f"{url}/openapi.json"),
        ("Health", f"{url}/readyz"),
        ("Simulator", f"{url}/stripe-simulator/  (it is not Stripe)"),
        ("Mail", str(installation.folder.mail)),
        ("Log", str(installation.folder.log)),
    ):
        lines.append(f"{name:<12}", style="bold").append(f"{address}\n")
    lines.append("\nTest cards\n", style="bold")
    for number, what, method in _CARDS:
        lines.append(f"  {number}  {what:<22}{method}\n")
    lines.append("\nTry\n", style="bold")
    data = "" if installation.folder.path == chosen(None) else f" --data {shlex.quote(str(installation.folder.path))}"
    for command in (
        f"./skillscoop story {outcome.contract_id or 'ctr_…'}{data}",
        f"./skillscoop walk{data}",
        f"./skillscoop outbox{data}",
        f"./skillscoop parked list{data}",
        f"./skillscoop clock advance 14d{data}",
        f'curl -H "Authorization: Bearer $(./skillscoop token {cast.ada.id}{data})" {url}/v1/contracts',
    ):
        lines.append(f"  {command}\n")
    lines.append("\nCtrl-C ends it; the data stays.", style="dim")
    console.print()
    console.print(Panel(lines, title="up and running", title_align="left", expand=False))
    console.print(Text(f"Tokens, good for {TOKEN_LIFE.seconds // 3600} hours:", style="bold"))
    for person in cast.everyone():
        roles = f" ({', '.join(person.roles)})" if person.roles else ""
        console.print(Text(f"  {person.id}{roles}", style="blue"))
        console.print(Text(f"  {person.token}", style="dim"), soft_wrap=True)
