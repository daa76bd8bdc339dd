"""Every environment variable of the contracts service."""

from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode
from skillscoop_chassis.settings import ServiceSettings


def _split(value: object) -> object:
    return [part.strip().rstrip("/") for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class ContractsSettings(ServiceSettings):
    """What the process needs beside what every service needs.

    `return_url_origins`: origins (`https://app.example`) a payer may be sent back to, separated by commas. Outside
    production plain loopback addresses are allowed too.
    """

    return_url_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
