"""Migrations of every service make exactly the tables the code works with, on both databases, once."""

from __future__ import annotations

import pytest
from skillscoop_chassis.migrations import NotAtHead, assert_at_head, differences, migrate

from tests.support.applications import SERVICES, migrations_of, targets_of


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_equal_the_tables(service: str, database_url: str) -> None:
    folder = migrations_of(service)
    with pytest.raises(NotAtHead):
        assert_at_head(database_url, folder)

    migrate(database_url, folder)
    assert_at_head(database_url, folder)
    assert differences(database_url, targets_of(service)) == []
    migrate(database_url, folder)
    assert differences(database_url, targets_of(service)) == []
