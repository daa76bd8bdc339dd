"""The currencies a contract may be made in are a setting."""

from tests.integration.contracts.contracts_service import ADA, BEN, ContractsService


async def test_no_contract_begins_in_a_currency_the_platform_does_not_settle_in(service: ContractsService) -> None:
    """Given an installation that settles in euros, when somebody drafts in dollars, then it is refused; euros are not.

    Money charged in another currency is converted by Stripe and could not be released as it was agreed.
    """
    before = await service.active(12_500)
    milestone = before["milestones"][0]
    settings = service.stage.service.settings.model_copy(update={"settlement_currencies": ("eur",)})
    service.stage.service.settings = settings

    def draft(currency: str) -> dict[str, object]:
        lines = [{"description": "Three drafts", "amount": 10_000}]
        return {"title": "A job", "freelancer_id": BEN, "currency": currency, "milestones": lines}

    refused = await service.stage.call(ADA, "POST", "/v1/contracts", draft("usd"), key="in-dollars")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/currency")
    assert (await service.stage.call(ADA, "POST", "/v1/contracts", draft("eur"), key="in-euros")).status_code == 201
    assert (await service.stage.call(ADA, "GET", "/v1/policy")).json()["currencies"].keys() == {"eur"}

    late = await service.fund(before, milestone)
    assert (late.status_code, late.json()["code"]) == (409, "currency_not_settled")
