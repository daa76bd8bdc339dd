"""Every environment variable of the contracts service."""

from typing import ClassVar

from skillscoop_chassis.currencies import ALL, SettlementCurrencies
from skillscoop_chassis.http.limits import Rate
from skillscoop_chassis.http.return_urls import Origins
from skillscoop_chassis.production import Refusal, any_of, is_public_https
from skillscoop_chassis.settings import ServiceSettings


class ContractsSettings(ServiceSettings):
    """What the process needs beside what every service needs.

    `return_url_origins`: origins (`https://app.example`) a payer may be sent back to, separated by commas. Outside
    production plain loopback addresses are allowed too. `settlement_currencies`: those a contract may be made in,
    separated by commas; payments has the same setting. The caps: contracts that name one person, and people in all, who
    never agreed to a contract of this client; tries to fund one milestone, and of one client in all.
    """

    REFUSED_IN_PRODUCTION: ClassVar[tuple[Refusal, ...]] = (
        Refusal(
            "RETURN_URL_ORIGINS",
            "an origin that is not https:// on another machine",
            "payers are sent there",
            lambda s: any_of(s.return_url_origins, lambda origin: not is_public_https(origin)),
        ),
    )

    return_url_origins: Origins = ()
    cap_invitations_of_one: Rate = "5/day"
    cap_invitations: Rate = "30/day"
    cap_fundings_of_milestone: Rate = "10/hour"
    cap_fundings: Rate = "30/hour"
    settlement_currencies: SettlementCurrencies = ALL
