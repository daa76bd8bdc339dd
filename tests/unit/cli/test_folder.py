"""The data folder: whose it is, which format it has, who runs on it."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from skillscoop_cli.failures import Refused
from skillscoop_cli.folder import (
    clear,
    existing_folder,
    locked,
    open_folder,
    running_address,
    write_private,
)


def test_a_new_folder_is_made_private_and_opens_again(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert open_folder(tmp_path / "data") == folder


def test_an_empty_folder_is_taken_and_made_private(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / ".new-left-by-a-crash").write_text("")
    (tmp_path / "data" / ".gitignore").write_text("*")
    folder = open_folder(tmp_path / "data")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_somebody_elses_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(Refused, match=r"not a SkillScoop data folder.*thesis\.doc"):
        open_folder(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.doc"]


@pytest.mark.parametrize(
    ("content", "says"),
    [('{"format": 0}', "older"), ('{"format": 99}', "newer"), ("?", "cannot be read"), ("[]", "read")],
)
def test_a_folder_of_another_format_is_refused(tmp_path: Path, content: str, says: str) -> None:
    open_folder(tmp_path / "data")
    (tmp_path / "data" / "format").write_text(content)
    with pytest.raises(Refused, match=says):
        open_folder(tmp_path / "data")
    with pytest.raises(Refused):
        existing_folder(tmp_path / "data")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Refused, match="not a folder"):
        open_folder(tmp_path / "data")


@pytest.fixture
def not_root() -> Iterator[None]:
    """Be a user without special rights: root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that also somebody without special rights can reach."""
    with tempfile.TemporaryDirectory(prefix="skillscoop-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_without_rights_is_refused(open_to_all: Path, request: pytest.FixtureRequest) -> None:
    open_to_all.chmod(0o555)
    request.getfixturevalue("not_root")
    with pytest.raises(Refused, match="no right"):
        open_folder(open_to_all / "data")


def test_a_database_of_somebody_else_is_named(open_to_all: Path, request: pytest.FixtureRequest) -> None:
    open_to_all.chmod(0o777)
    file = open_folder(open_to_all / "data").database("contracts")
    file.write_text("")
    file.chmod(0o000)
    for entry in (file.parents[1], file.parent, *file.parents[1].iterdir()):
        entry.chmod(0o777)
    request.getfixturevalue("not_root")
    with pytest.raises(Refused, match=r"no right to write .*contracts\.sqlite"):
        open_folder(open_to_all / "data")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")
def test_what_root_makes_in_somebodys_folder_is_theirs(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 65_534, 65_534)
    folder = open_folder(tmp_path / "data")
    write_private(folder.secrets, "{}")
    owners = {entry.stat().st_uid for entry in folder.path.rglob("*")}
    assert owners == {65_534}


def test_only_one_process_runs_on_a_folder(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    with locked(folder):
        write_private(folder.running, json.dumps({"url": "http://127.0.0.1:8080"}))
        with pytest.raises(Refused, match=r"already runs .*http://127\.0\.0\.1:8080"), locked(folder):
            pass
    with locked(folder):
        pass


def test_clearing_keeps_the_issuer_and_forgets_the_data(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "data")
    folder.key.write_text("key")
    folder.database("contracts").write_text("rows")
    folder.bus.write_text("messages")
    clear(folder)
    assert folder.key.read_text() == "key"
    assert not folder.database("contracts").exists()
    assert not folder.bus.exists()
    assert folder.database("contracts").parent.is_dir()


def test_looking_for_a_folder_makes_nothing(tmp_path: Path) -> None:
    assert existing_folder(tmp_path / "data") is None
    assert running_address(existing_folder(tmp_path / "data")) is None
    assert not (tmp_path / "data").exists()


def test_the_first_writer_of_a_secret_wins(tmp_path: Path) -> None:
    assert write_private(tmp_path / "key", "first", replace=False)
    assert not write_private(tmp_path / "key", "second", replace=False)
    assert (tmp_path / "key").read_text() == "first"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
