"""Chapter two: the money. Three milestones, three ways to pay, and two cards that are declined on the way."""

from typing import Any

import httpx2

from skillscoop_cli.failures import CheckFailed
from skillscoop_cli.story.client import Call
from skillscoop_cli.story.pages import fill_in
from skillscoop_cli.story.proposal import PRICES
from skillscoop_cli.story.stage import Stage, Telling

GOOD_CARD = {"number": "4242424242424242", "exp": "12/34", "cvc": "123"}
DECLINED_CARD = {**GOOD_CARD, "number": "4000000000000002"}


async def tell(stage: Stage) -> None:
    """Declined card, saved card, hosted checkout, the front end's own form."""
    stage.chapter("Funding: held securely via Stripe")
    async with stage.step("Ada funds the first milestone, but her card is declined", money=True) as step:
        await _fund(stage, step, 1, "pm_card_visa_chargeDeclined")
        await stage.api.until_state(stage.cast.ada, stage.milestone_path(1), "planned")
        payment = await stage.api.until_state(stage.cast.ada, f"{stage.milestone_path(1)}/payment", "failed")
        step.note(f"the payment failed ({(payment.get('failure') or {}).get('code')}); the milestone is planned again")
    async with stage.step("With another card it works", money=True) as step:
        await _fund(stage, step, 1, "pm_card_visa")
        await _funded(stage, step, 1)
    async with stage.step(
        "The second one through the hosted checkout page: declined first, then paid", money=True
    ) as step:
        await _fund(stage, step, 2, "checkout")
        payment = await _payment_with(stage, 2, "checkout_url")
        await _pay_by_page(stage, step, payment["checkout_url"])
        await _funded(stage, step, 2)
    async with stage.step("The third one with the front end's own card form", money=True) as step:
        await _fund(stage, step, 3, "payment_intent")
        payment = await _payment_with(stage, 3, "client_secret")
        await _confirm(stage, step, payment)
        await _funded(stage, step, 3)
    async with stage.step("Grace sees the payment without its secret; the stranger sees nothing") as step:
        payment = await step.call(stage.cast.grace, "GET", f"{stage.milestone_path(3)}/payment")
        step.check("the freelancer never sees the client's secret", not payment.get("client_secret"))
        await step.call(stage.cast.mallory, "GET", f"{stage.milestone_path(3)}/payment", expect=404)


async def _fund(stage: Stage, step: Telling, number: int, method: str) -> None:
    now = await stage.api.call(stage.cast.ada, "GET", stage.contract_path)
    body = {"amount": PRICES[number - 1], "revision": now["revision"], "method": method}
    asked = await step.call(stage.cast.ada, "POST", f"{stage.milestone_path(number)}/fund", body, expect=202)
    step.check(f"milestone {number} waits for its money", asked["state"] == "funding", str(asked["state"]))


async def _funded(stage: Stage, step: Telling, number: int) -> None:
    await stage.api.until_state(stage.cast.ada, stage.milestone_path(number), "funded")
    payment = await stage.api.until_state(stage.cast.ada, f"{stage.milestone_path(number)}/payment", "held")
    step.check(
        f"exactly the price of milestone {number} is held",
        payment["amount"] == {"amount": PRICES[number - 1], "currency": "usd"},
        str(payment["amount"]),
    )
    step.note("funded: the money is held")


async def _payment_with(stage: Stage, number: int, name: str) -> Call:
    async def probe() -> Call | None:
        found = await stage.api.look(stage.cast.ada, f"{stage.milestone_path(number)}/payment")
        return found if found is not None and found.get(name) else None

    return await stage.api.until(f"the payment of milestone {number} to show {name}", probe)


async def _pay_by_page(stage: Stage, step: Telling, address: str) -> None:
    await fill_in(stage.api.http, address, DECLINED_CARD, stage.api.patience.now())
    still = await stage.api.look(stage.cast.ada, stage.milestone_path(2))
    step.check("a decline on the open page is no failure", still is None or still.get("state") == "funding")
    await fill_in(stage.api.http, address, GOOD_CARD, stage.api.patience.now())
    stage.simulator = stage.simulator or address.rsplit("/checkout/", 1)[0]
    step.note("checkout page: one card declined, the next one paid")


async def _confirm(stage: Stage, step: Telling, payment: Call) -> None:
    """What the browser does: confirm with the client's secret and the publishable key, which can do nothing else."""
    secret, key = payment["client_secret"], payment["publishable_key"]
    intent = str(secret).partition("_secret_")[0]
    form = {"client_secret": secret, "payment_method": "pm_card_visa"}
    address, headers = f"{stage.simulator}/v1/payment_intents/{intent}/confirm", {"Authorization": f"Bearer {key}"}

    async def probe() -> dict[str, Any] | None:
        try:
            answer = await stage.api.http.post(address, data=form, headers=headers)
            told: dict[str, Any] = answer.json()
        except (httpx2.TransportError, ValueError):
            return None
        earlier = (told.get("error") or {}).get("payment_intent") or {}
        if told.get("status") == "succeeded" or earlier.get("status") == "succeeded":
            return told
        raise CheckFailed(f"confirming the payment answered {answer.status_code}: {told}")

    await stage.api.until("Stripe to confirm the payment", probe)
    step.note("confirmed in the browser with the client's secret")
