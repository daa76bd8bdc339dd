"""Situation 3: two clicks, two tabs, a retried request, a late "canceled" of an earlier try: one payment."""

from skillscoop_messages.ids import new_id

from tests.acceptance.job import Job, at_once, codes


async def test_two_clicks_in_two_tabs_are_one_payment(job: Job) -> None:
    await job.active(40_000)

    answers = await at_once(job.fund(), job.fund())

    assert codes(answers) == [202, 409]
    await job.becomes("funded")
    assert len(await job.payment_rows()) == 1
    assert await job.ledger() == {"charged": 40_000, "held": 40_000}


async def test_a_retried_request_is_answered_as_before(job: Job) -> None:
    await job.active(40_000)
    key = new_id("key")

    first, again = await job.fund(key=key), await job.fund(key=key)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    await job.becomes("funded")
    late = await job.fund(key=key)
    assert (late.status_code, late.json()) == (202, first.json())
    assert len(await job.payment_rows()) == 1


async def test_a_late_canceled_of_an_earlier_try_does_not_end_the_current_one(job: Job) -> None:
    await job.active(40_000)
    first = await job.abandoned_try()
    assert (await job.fund(1, "payment_intent")).status_code == 202
    second = await job.payment(lambda one: bool(one.get("client_secret")))

    await job.say_canceled(first)
    await job.heard_all()

    assert (await job.milestone())["state"] == "funding"
    assert (await job.confirm(second)).is_success
    await job.becomes("funded")
    assert [one["state"] for one in await job.payment_rows()] == ["canceled", "held"]


async def test_cancel_and_payment_in_the_same_instant_have_one_answer(job: Job) -> None:
    await job.active(40_000)
    assert (await job.fund(1, "payment_intent")).status_code == 202
    payment = await job.payment(lambda one: bool(one.get("client_secret")))
    cancel = job.ask(job.cast.ada, "POST", f"{job.milestone_path()}/cancel-funding")

    canceled, _ = await at_once(cancel, job.confirm(payment))

    # Whatever the cancel was told, what happened at Stripe decides.
    assert canceled.status_code in (202, 409)
    settled = await job.becomes("funded", "planned")
    rows = await job.payment_rows()
    assert [one["state"] for one in rows] == ["held" if settled["state"] == "funded" else "canceled"]
