"""Payout accounts and quotes."""

import asyncio

import pytest
from skillscoop_messages.events import payments
from skillscoop_messages.events.contracts import PolicyPublished, PolicyTerms
from sqlalchemy import text

from tests.integration.payments.desk import ADA, GRACE, OLGA, Desk

LINK = "/v1/payout-accounts/me/onboarding-link"


async def test_a_freelancer_asks_twice_and_has_one_account(desk: Desk) -> None:
    assert (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).status_code == 404
    first = await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "us"})
    second = await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.json()["state"] == "none"
    await desk.work()
    assert len(await desk.stripe.objects("v2.core.account")) == 1
    mine = (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).json()
    assert mine["state"] == "onboarding" and mine["requirements"]


async def test_the_link_is_minted_inline_and_the_account_is_made_once(desk: Desk) -> None:
    await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {})
    link = await desk.stage.call(GRACE, "POST", LINK, {}, key="same")
    assert link.status_code == 200, link.text
    await desk.work()
    again = await desk.stage.call(GRACE, "POST", LINK, {}, key="same")
    assert again.json()["url"] != link.json()["url"]
    assert len(await desk.stripe.objects("v2.core.account")) == 1
    assert (await desk.stripe.client.post(again.json()["url"])).status_code < 400
    await desk.carry()
    assert [one.state for one in desk.said(payments.PayoutAccountChanged)] == ["onboarding", "active"]
    mine = (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).json()
    assert (mine["state"], mine["requirements"], mine["next"]) == ("active", [], [])


async def test_a_link_without_account_or_with_stripe_away_is_no_link(desk: Desk) -> None:
    assert (await desk.stage.call(GRACE, "POST", LINK, {})).status_code == 404
    await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {})
    await desk.work()
    await desk.stripe.play("/faults", path="/v2/core/account_links", kind="drop_before", times=3)
    away = await desk.stage.call(GRACE, "POST", LINK, {})
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    await desk.stripe.client.delete("/_sim/faults")
    assert (await desk.stage.call(GRACE, "POST", LINK, {"return_url": "ftp://x"})).status_code == 422


async def test_ten_requests_at_once_make_one_account(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {}) for _ in range(10)))
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    await desk.work()
    assert len(await desk.stripe.objects("v2.core.account")) == 1


async def test_a_country_we_cannot_pay_to_is_refused(desk: Desk) -> None:
    assert (await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "AQ"})).status_code == 422


async def test_a_country_asked_for_too_late_is_refused_and_not_passed_over(desk: Desk) -> None:
    """Given an account asked for in US, when its owner asks for one in DE, then 409 says which country it has."""
    settings = desk.stage.service.settings
    settings.payout_countries.append("DE")  # type: ignore[attr-defined]
    await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "US"})
    for _ in ("before it is made", "after"):
        other = await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "DE"})
        assert (other.status_code, other.json()["code"]) == (409, "payout_account_country")
        for same in ({"country": "us"}, {}):
            answer = await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", same)
            assert (answer.status_code, answer.json()["country"]) == (200, "US")
        await desk.work()
    assert [one["identity"]["country"] for one in await desk.stripe.objects("v2.core.account")] == ["US"]


async def test_another_country_is_taken_where_stripe_refused_the_first(desk: Desk) -> None:
    """Given Stripe refused an account in US, when its owner asks for DE, then the answer and the account say DE."""
    desk.stage.service.settings.payout_countries.append("DE")  # type: ignore[attr-defined]
    await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "US"})
    async with desk.stage.service.database.begin() as tx:
        await tx.execute(text("UPDATE stripe_operations SET state = 'refused'"))
    answer = await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "DE"})
    assert (answer.status_code, answer.json()["country"]) == (200, "DE")
    await desk.work()
    assert [one["identity"]["country"] for one in await desk.stripe.objects("v2.core.account")] == ["DE"]


async def test_stripe_gets_the_address_it_writes_to_and_we_keep_none(desk: Desk) -> None:
    """Given Stripe asks for a contact, when none is given it is named as missing; given one, the account is made."""
    await desk.stripe.play("/contact_email", required=True)
    await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {"country": "US"})
    await desk.work()
    mine = (await desk.stage.call(GRACE, "GET", "/v1/payout-accounts/me")).json()
    assert (mine["state"], mine["requirements"]) == ("none", ["contact_email"])

    again = {"country": "US", "email": "grace@example.org"}
    assert (await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", again)).status_code == 200
    await desk.work()
    assert [one["contact_email"] for one in await desk.stripe.objects("v2.core.account")] == ["grace@example.org"]
    for job in desk.stage.service.jobs:
        if job.name == "empty_old_webhooks":
            await job.run()
    async with desk.stage.service.database.read() as tx:
        kept = await tx.all(text("SELECT CAST(parameters AS TEXT) AS sent FROM stripe_operations"))
    assert [row for row in kept if "grace@example.org" in row["sent"]] == []


ELSEWHERE = [
    "https://evil.example/",
    "http://app.example/",
    "https://app.example@evil.example/",
    "https://evil@app.example/",
    "https://app.example\\@evil.example/",
    "https://app.example.evil.example/",
    "https://app.example:8443/",
    "https://app.example/\tback",
]


@pytest.mark.parametrize("field", ["return_url", "refresh_url"])
async def test_an_onboarding_link_leads_back_only_to_places_of_ours(desk: Desk, field: str) -> None:
    """Given an account, when its owner names a page of somebody else, then there is no link; a page of ours is taken.

    Stripe sends the freelancer there from its own page, so an open address would lend Stripe's and our good name.
    """
    await desk.stage.call(GRACE, "POST", "/v1/payout-accounts", {})
    await desk.work()
    for elsewhere in ELSEWHERE:
        answer = await desk.stage.call(GRACE, "POST", LINK, {field: elsewhere})
        assert answer.status_code == 422, (elsewhere, answer.text)
    for ours in ("https://app.example/back?done=1", "https://App.Example:443/", "http://127.0.0.1:8080/after"):
        answer = await desk.stage.call(GRACE, "POST", LINK, {field: ours})
        assert answer.status_code == 200, (ours, answer.text)


async def test_operators_lists_take_only_states_and_kinds_there_are(desk: Desk) -> None:
    """A misspelt filter found nothing and looked like good news."""
    for query in ("state=pendign", "kind=transfer"):
        answer = await desk.stage.call(OLGA, "GET", f"/v1/admin/payments/operations?{query}", roles=("ops",))
        assert answer.status_code == 422


async def test_a_rejected_account_gets_no_link_and_tells_the_state_only(desk: Desk) -> None:
    account = await desk.onboarded()
    await desk.stripe.play(f"/accounts/{account['id']}/reject")
    await desk.carry()
    refused = await desk.stage.call(GRACE, "POST", LINK, {})
    assert (refused.status_code, refused.json()["code"]) == (409, "payout_account_closed")
    assert [one.state for one in desk.said(payments.PayoutAccountChanged)] == ["onboarding", "active", "rejected"]


async def test_a_quote_needs_a_policy_and_follows_the_newest(desk: Desk) -> None:
    asked = {"amount": 10_000, "currency": "usd"}
    early = await desk.stage.call(ADA, "POST", "/v1/quotes", asked)
    assert (early.status_code, early.headers["retry-after"]) == (503, "2")
    for version, bps in ((2, 500), (1, 900)):
        await desk.stage.hear(PolicyPublished(policy=policy(version, bps)))
    quote = (await desk.stage.call(ADA, "POST", "/v1/quotes", asked)).json()
    assert (quote["fee"]["amount"], quote["net"]["amount"], quote["policy_version"]) == (530, 9_470, 2)
    for wrong in (
        {"amount": 0, "currency": "usd"},
        {"amount": 10_000, "currency": "xxx"},
        {"amount": 49, "currency": "usd"},
        {"amount": 10.0, "currency": "usd"},
        {"amount": "1", "currency": "usd"},
        {"amount": True, "currency": "usd"},
        {"amount": 2**63, "currency": "usd"},
        {"amount": 10_000, "currency": "usd", "more": 1},
    ):
        assert (await desk.stage.call(ADA, "POST", "/v1/quotes", wrong)).status_code == 422


def policy(version: int, bps: int) -> PolicyTerms:
    return PolicyTerms(
        version=version,
        fee_bps=bps,
        fee_fixed={"usd": 30},
        second_approval_amount={"usd": 100_000},
        offer_days=14,
        revision_days=7,
        checkout_minutes=60,
        auto_release_days=14,
        rework_rounds=3,
        offer_answer_days=7,
        end_answer_days=7,
        end_cooldown_hours=72,
        auto_complete_days=14,
        dispute_answer_days=7,
        proposal_days=5,
        review_days=14,
        hold_warning_days=[60],
        payload_days=30,
    )
