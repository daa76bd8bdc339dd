"""Chapter five: done, reviewed, and every cent accounted for."""

from skillscoop_cli.story.client import Call
from skillscoop_cli.story.dispute import TO_FREELANCER
from skillscoop_cli.story.ledger import PARTS, unexplained, units
from skillscoop_cli.story.proposal import PRICES
from skillscoop_cli.story.stage import Stage, Telling


async def tell(stage: Stage) -> None:
    """Completion, sealed reviews, rating, feed, and the books."""
    ada, grace = stage.cast.ada, stage.cast.grace
    stage.chapter("Completed, reviewed, accounted for")
    async with stage.step("Ada completes the contract") as step:
        done = await step.call(ada, "POST", f"{stage.contract_path}/complete", {})
        step.check("the contract is completed", done["state"] == "completed", str(done["state"]))
    async with stage.step("Both review. Ada's stays sealed until Grace's is in") as step:
        await _review(stage, step)
    async with stage.step("Feeds: told once each, and read") as step:
        for person in (ada, grace):
            await _feed(stage, step, person is ada)
    async with stage.step("The books: where every cent of this contract is") as step:
        await _books(stage, step)
    async with stage.step("The books of the whole platform") as step:
        await _trial_balance(stage, step)


async def _review(stage: Stage, step: Telling) -> None:
    ada, grace = stage.cast.ada, stage.cast.grace
    path = f"{stage.contract_path}/review"
    fresh = {"expect": (200, 201), "until_not": (404, 409)}
    await step.call(ada, "PUT", path, {"rating": 5, "text": "Careful and kind."}, **fresh)
    sealed = await stage.api.call(grace, "GET", f"{stage.contract_path}/reviews")
    step.check("a sealed review shows nothing", "Careful and kind." not in str(sealed.body))
    await step.call(grace, "PUT", path, {"rating": 4, "text": "Clear about what she wants."}, **fresh)

    async def rated() -> Call | None:
        found = await stage.api.look(None, f"/v1/users/{grace.id}/rating")
        return found if found is not None and found.get("count") == 1 else None

    rating = await stage.api.until("Grace's rating", rated)
    step.check("the rating counts the review", rating["mean"] == 5, str(rating.body))
    opened = await step.call(grace, "GET", f"{stage.contract_path}/reviews")
    step.check("published when both are in", "Careful and kind." in str(opened.body))


async def _feed(stage: Stage, step: Telling, client: bool) -> None:
    person = stage.cast.ada if client else stage.cast.grace

    async def told() -> Call | None:
        found = await stage.api.look(person, "/v1/notifications?limit=100")
        kinds = [entry["kind"] for entry in found["data"]] if found else []
        return found if any("review" in kind for kind in kinds) and any("complet" in kind for kind in kinds) else None

    feed = await stage.api.until(f"the news in {person.name}'s feed", told)
    unread = await step.call(person, "GET", "/v1/notifications/unread-count")
    entries = [(entry["kind"], str(entry["subject"]), entry["body"]) for entry in feed["data"]]
    once = len(entries) == len({entry["id"] for entry in feed["data"]})
    step.check(f"{person.name} was told of {len(entries)} things", once and int(_count(unread)) > 0)
    await step.call(person, "POST", "/v1/notifications/read-all", {}, expect=(200, 204))
    after = await stage.api.call(person, "GET", "/v1/notifications/unread-count")
    step.check(f"{person.name} has read them all", int(_count(after)) == 0, str(after.body))


def _count(answer: Call) -> int:
    body = answer.body if isinstance(answer.body, dict) else {}
    return int(next((value for value in body.values() if isinstance(value, int)), -1))


async def _books(stage: Stage, step: Telling) -> None:
    ledger = await step.call(stage.cast.ada, "GET", f"{stage.contract_path}/ledger")
    moved = {part: units(ledger.get(part)) for part in ("charged", *PARTS)}
    stage.outcome.totals["contract"] = moved
    step.check("charged = held + in transit + released + refunded + fees + charged back", not unexplained(ledger.body))
    to_client = PRICES[1] - TO_FREELANCER
    expected = {"charged": sum(PRICES), "held": 0, "in_transit": 0, "refunded": to_client, "charged_back": 0}
    wrong = {part: moved[part] for part, amount in expected.items() if moved[part] != amount}
    step.check("nothing lost, nothing doubled", not wrong, str(wrong or ""))
    paid = moved["released"] + moved["fees"]
    step.check("Grace's share and the fees are the rest", paid == sum(PRICES) - to_client, str(moved))


async def _trial_balance(stage: Stage, step: Telling) -> None:
    """The whole platform's debits and credits, which only operators may see."""
    if not stage.operators:
        left_out = "the platform's books and the events, because no operators' routes were found"
        stage.outcome.left_out.append(left_out)
        step.note(f"left out: {left_out}")
        return
    balance = await step.call(stage.cast.olga, "GET", "/v1/admin/payments/ledger")
    debits, credits = balance["debits"], balance["credits"]
    stage.outcome.totals["platform"] = {"debits": debits, "credits": credits}
    step.check("debits = credits", debits == credits and bool(debits), f"{debits} = {credits}")
