"""Migrations make exactly the tables the code uses."""

from skillscoop_chassis.migrations import assert_at_head, differences, migrate
from skillscoop_chassis.tables import METADATA as CHASSIS
from skillscoop_messages.tables import METADATA as POST
from skillscoop_notifications.tables import METADATA as OWN

from tests.support.one_service import ROOT


def test_migrations_match_the_tables(database_url: str) -> None:
    folder = ROOT / "services" / "notifications" / "migrations"
    migrate(database_url, folder)
    migrate(database_url, folder)
    assert_at_head(database_url, folder)
    assert differences(database_url, [OWN, POST, CHASSIS]) == []
