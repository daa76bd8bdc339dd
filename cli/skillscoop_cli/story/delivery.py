"""Chapter three: the work, the chat, and a release that waits for the freelancer's account."""

from datetime import timedelta

from skillscoop_cli.story.client import Call
from skillscoop_cli.story.pages import fill_in
from skillscoop_cli.story.proposal import PRICES, approve, edit
from skillscoop_cli.story.stage import Stage, Telling


async def tell(stage: Stage) -> None:
    """Chat, submission, a waiting release, onboarding, and an edit that both approve again."""
    ada, grace = stage.cast.ada, stage.cast.grace
    stage.chapter("Doing the work, and the first release")
    async with stage.step("Grace submits the first milestone; it shows up in the chat as a card") as step:
        await submit(stage, step, 1, "All wireframes are in the shared folder.")
        conversation = await step.call(ada, "GET", f"/v1/conversations?contract_id={stage.contract}")
        messages = f"/v1/conversations/{conversation['data'][0]['id']}/messages"
        await stage.api.until("the submission's card in the chat", lambda: _card(stage, messages))
        await step.call(ada, "POST", messages, {"text": "Looks great, thank you!"}, expect=201)
        await stage.api.until("Ada's message on Grace's side", lambda: _text(stage, messages, "Looks great"))
    async with stage.step("Ada releases it. Grace has no payout account yet, so it visibly waits", money=True) as step:
        await release(stage, step, 1)
        waiting = await stage.api.until_state(
            ada, stage.milestone_path(1), "settling", also=lambda found: bool(found.get("blocked_reason"))
        )
        step.check("it waits for the payee", waiting["blocked_reason"] == "payee_not_ready", waiting["blocked_reason"])
        step.note("settling, blocked: payee_not_ready")
    async with stage.step("Grace sets up her account with Stripe, and the money moves by itself", money=True) as step:
        account = await step.call(grace, "POST", "/v1/payout-accounts", {"country": "US"}, expect=(200, 201))
        stage.watched.append(account["id"])
        await _onboard(stage, step)
        await stage.api.until_state(grace, "/v1/payout-accounts/me", "active")
        await stage.api.until_state(ada, stage.milestone_path(1), "released")
        step.note("payout account active; first milestone released")
    async with stage.step("Ada adds a due date: both must agree again before work goes on") as step:
        proposed = await edit(stage, step, prices=PRICES, due_in=timedelta(days=30))
        pending = proposed.get("pending_revision") or {}
        step.check("the edit of an active contract is pending", pending.get("revision") == 3, str(pending))
        body = {"note": "The shop is up."}
        refused = await step.call(grace, "POST", f"{stage.milestone_path(2)}/submit", body, expect=409)
        step.note(f"submitting meanwhile is refused as {refused['code']}")
    async with stage.step("Grace approves revision 3") as step:
        await approve(stage, step, 3)


async def submit(stage: Stage, step: Telling, number: int, note: str) -> None:
    """Grace says that a milestone's work is ready."""
    done = await step.call(stage.cast.grace, "POST", f"{stage.milestone_path(number)}/submit", {"note": note})
    step.check(f"milestone {number} is submitted", done["state"] == "submitted", str(done["state"]))


async def release(stage: Stage, step: Telling, number: int, *, key: str | None = None) -> Call:
    """Ada releases a milestone's whole price; the answer is its in-between state."""
    path = stage.milestone_path(number)
    now = await stage.api.call(stage.cast.ada, "GET", path)
    return await step.call(
        stage.cast.ada, "POST", f"{path}/release", {"amount": PRICES[number - 1]}, match=now.etag, key=key, expect=202
    )


async def _onboard(stage: Stage, step: Telling) -> None:
    """Open a link and send its form as it stands. A link is good once, so each try takes a new one."""
    grace = stage.cast.grace
    account = await stage.api.call(grace, "GET", "/v1/payout-accounts/me")
    if account["state"] == "active":
        return
    path = "/v1/payout-accounts/me/onboarding-link"
    link = await step.call(grace, "POST", path, {}, expect=(200, 201), until_not=(404, 409))
    await fill_in(stage.api.http, link["url"], {}, stage.api.patience.now())
    step.note("onboarding page: form sent as it stands")


async def _card(stage: Stage, messages: str) -> Call | None:
    found = await stage.api.look(stage.cast.ada, messages)
    cards = [message for message in found["data"] if message["kind"] == "card"] if found else []
    return found if any("submitted" in str(card.get("card")) for card in cards) else None


async def _text(stage: Stage, messages: str, begins: str) -> Call | None:
    found = await stage.api.look(stage.cast.grace, messages)
    texts = [str(message.get("text") or "") for message in found["data"]] if found else []
    return found if any(text.startswith(begins) for text in texts) else None
