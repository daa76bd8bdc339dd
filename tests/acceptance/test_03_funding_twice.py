"""Situation 3: two clicks, two tabs, a retried request, a late "canceled" of an earlier try: one payment."""

from skillscoop_messages.ids import new_id

from tests.acceptance.contract_flow import ContractFlow, at_once, codes


async def test_two_clicks_in_two_tabs_are_one_payment(flow: ContractFlow) -> None:
    await flow.active(40_000)

    answers = await at_once(flow.fund(), flow.fund())

    assert codes(answers) == [202, 409]
    await flow.becomes("funded")
    assert len(await flow.payment_rows()) == 1
    assert await flow.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_retried_request_is_answered_as_before(flow: ContractFlow) -> None:
    await flow.active(40_000)
    key = new_id("key")

    first, again = await flow.fund(key=key), await flow.fund(key=key)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    await flow.becomes("funded")
    late = await flow.fund(key=key)
    assert (late.status_code, late.json()) == (202, first.json())
    assert len(await flow.payment_rows()) == 1


async def test_a_late_canceled_of_an_earlier_try_does_not_end_the_current_one(flow: ContractFlow) -> None:
    await flow.active(40_000)
    first = await flow.abandoned_try()
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    second = await flow.payment(lambda one: bool(one.get("client_secret")))

    await flow.say_canceled(first)
    await flow.heard_all()

    assert (await flow.milestone())["state"] == "funding"
    assert (await flow.confirm(second)).is_success
    await flow.becomes("funded")
    assert [one["state"] for one in await flow.payment_rows()] == ["canceled", "held"]


async def test_cancel_and_payment_in_the_same_instant_have_one_answer(flow: ContractFlow) -> None:
    await flow.active(40_000)
    assert (await flow.fund(1, "payment_intent")).status_code == 202
    payment = await flow.payment(lambda one: bool(one.get("client_secret")))
    cancel = flow.ask(flow.cast.ada, "POST", f"{flow.milestone_path()}/cancel-funding")

    canceled, _ = await at_once(cancel, flow.confirm(payment))

    # Whatever the cancel was told, what happened at Stripe decides.
    assert canceled.status_code in (202, 409)
    settled = await flow.becomes("funded", "planned")
    rows = await flow.payment_rows()
    assert [one["state"] for one in rows] == ["held" if settled["state"] == "funded" else "canceled"]
