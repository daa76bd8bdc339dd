"""Alembic's environment: the service's own tables, messaging's and the chassis'."""

from skillscoop_chassis.migrations import run_environment
from skillscoop_chassis.tables import METADATA as CHASSIS
from skillscoop_contracts.tables import METADATA as OWN
from skillscoop_messages.tables import METADATA as POST

run_environment([OWN, POST, CHASSIS])
