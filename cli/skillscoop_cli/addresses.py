"""Where things answer: clients at one address, operators at the same one or, behind a gateway, at its second port."""

import os
from collections.abc import Mapping
from pathlib import Path

import httpx2

from skillscoop_cli.failures import CheckFailed, Refused

_PROBE = "/v1/admin/contracts/outbox"


def clients_url() -> str:
    """Where a gateway of this machine answers clients: compose's port, or the one its `GATEWAY_PORT` names."""
    return f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT') or 8080}"


def operators_port() -> int:
    """A gateway's second port: compose's, or the one its `OPERATORS_PORT` names."""
    return int(os.environ.get("OPERATORS_PORT") or 8081)


def operators_address(url: str, headers: Mapping[str, str]) -> str:
    """Where operators' routes answer: at `url`, or at the second port of the gateway that answers there.

    Raises `Refused` for what is no address and `CheckFailed` with every address that was asked.
    """
    if not url.startswith(("http://", "https://")):
        raise Refused(f"{url!r} is no address: it begins with http:// or https://")
    url = url.rstrip("/")
    second = str(httpx2.URL(url).copy_with(port=operators_port())).rstrip("/")
    told = []
    with httpx2.Client(headers=headers, timeout=5.0, trust_env=False) as http:
        for candidate in (url, second):
            try:
                answer = http.get(f"{candidate}{_PROBE}")
            except httpx2.TransportError as error:
                told.append(f"nothing answers at {candidate} ({type(error).__name__})")
            else:
                if answer.status_code != 404:
                    return candidate
                told.append(f"{candidate} knows no operators' routes")
            if told[0].startswith("nothing"):
                # Nobody is there: whoever answers at the other port is somebody else.
                break
    raise CheckFailed(f"{'; '.join(told)}; start it, or name operators' address with --url")


def skillscoop_answers(url: str) -> bool:
    """Whether a SkillScoop of any form answers there."""
    try:
        answer = httpx2.get(f"{url}/openapi.json", timeout=2.0, trust_env=False)
        title = answer.json()["info"]["title"]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError):
        return False
    return str(title).startswith("SkillScoop")


def refuse_what_only_one_process_can(folder: Path, address: str | None) -> None:
    """Business time is played where `up` or `demo` runs on this folder, ran on it, or is to run for the first time.

    `address` is where the process on the folder says it answers. Raises `Refused` when the services run elsewhere.
    """
    if address is not None and skillscoop_answers(address):
        return
    elsewhere = clients_url()
    if skillscoop_answers(elsewhere):
        raise Refused(f"the services at {elsewhere} are not run by this folder's process: their clock cannot be played")
    if (folder / "issuer" / "key.json").exists() and not (folder / "databases").is_dir():
        raise Refused(f"nothing has run on {folder} yet whose clock could be played: start it with ./skillscoop up")
