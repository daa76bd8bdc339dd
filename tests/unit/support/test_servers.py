"""Where tests find their servers, in which order, and what they say when there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.servers import found

SERVERS = ("postgres", "rabbit")


class Machine:
    """What a machine has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.docker = self.programs = self.listens = False
        for variable in found.ADDRESS_VARIABLES.values():
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setattr(found, "docker_answers", lambda: self.docker)
        monkeypatch.setattr(found, "program", lambda name: f"/bin/{name}" if self.programs else None)
        monkeypatch.setattr(found, "listening", lambda port: self.listens)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.mark.parametrize("kind", SERVERS)
def test_order(kind: found.Kind, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found.way_to(kind, use_local=False) is None
    machine.listens = True
    assert found.way_to(kind, use_local=False) is None
    assert found.way_to(kind, use_local=True) == "local"
    machine.programs = True
    assert found.way_to(kind, use_local=False) == "programs"
    machine.docker = True
    assert found.way_to(kind, use_local=False) == "docker"
    assert found.way_to(kind, use_local=True) == "local"
    monkeypatch.setenv(found.ADDRESS_VARIABLES[kind], "an address")
    assert found.way_to(kind, use_local=True) == "environment"


@pytest.mark.parametrize("kind", SERVERS)
def test_none_spells_out_the_ways(kind: found.Kind, machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(LookupError) as told:
        found.server(kind, tmp_path, use_local=False)

    for way in ("TEST_POSTGRES_URL", "TEST_RABBITMQ_URL", "Docker", "--install-servers", "--use-local", "--no-servers"):
        assert way in str(told.value)


def test_address_in_the_environment_is_used_and_left_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setenv("TEST_POSTGRES_URL", "postgresql://u@host/db")

    assert found.server("postgres", folder, use_local=False).url == "postgresql://u@host/db"
    assert found.server("postgres", folder, use_local=False).how == "environment"
    found.end_all(folder)
    assert not folder.exists()
