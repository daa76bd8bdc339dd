"""The development issuer: one key per folder, tokens that services accept."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from skillscoop_chassis.identity import KeySource, TokenRefused, TokenVerifier, keys_from_file
from skillscoop_cli.durations import duration
from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import open_folder
from skillscoop_cli.issuer import AUDIENCE, ISSUER, issue, key_of


def _now() -> datetime:
    return datetime.now(UTC)


def _verifier(jwks: Path) -> TokenVerifier:
    return TokenVerifier(
        KeySource(keys_from_file(jwks), _now), issuer=ISSUER, audience=AUDIENCE, roles_claim="roles", wall=_now
    )


async def test_services_accept_its_tokens_and_read_user_and_roles(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    token = issue(key_of(folder), "ada", ["support", "ops", "ops"], timedelta(hours=1), _now())
    actor, expires = await _verifier(folder.jwks).verify_until(token)
    assert (actor.id, actor.roles) == ("ada", {"support", "ops"})
    assert expires


async def test_a_token_ends(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    old = issue(key_of(folder), "ada", [], timedelta(hours=1), _now() - timedelta(hours=2))
    with pytest.raises(TokenRefused):
        await _verifier(folder.jwks).verify_until(old)


async def test_another_folders_tokens_are_worth_nothing(tmp_path: Path) -> None:
    ours, theirs = open_folder(tmp_path / "ours"), open_folder(tmp_path / "theirs")
    key_of(ours)
    with pytest.raises(TokenRefused):
        await _verifier(ours.jwks).verify_until(issue(key_of(theirs), "ada", [], timedelta(hours=1), _now()))


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    assert key_of(folder).kid == key_of(folder).kid
    assert stat.S_IMODE(folder.key.stat().st_mode) == 0o600
    assert '"d"' not in folder.jwks.read_text()


def test_a_damaged_key_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    folder.key.write_text("{}")
    with pytest.raises(Refused, match="remove it"):
        key_of(folder)


@pytest.mark.parametrize(("sub", "roles"), [("", []), ("x" * 256, []), ("ada", ["king"])])
def test_wrong_people_get_no_token(tmp_path: Path, sub: str, roles: list[str]) -> None:
    with pytest.raises(Refused):
        issue(key_of(open_folder(tmp_path / "data")), sub, roles, timedelta(hours=1), _now())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("1h", 3_600), ("14d", 1_209_600), ("1h30m", 5_400), ("2w", 1_209_600)],
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "-1h", "1", "1y", "h", "1.5h", "1h ", "9999999d", "１h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(Refused):
        duration(text)
