"""The fixtures of a running simulator."""

from tests.unit.stripe_simulator.simulator import mailbox, settings, simulator

__all__ = ["mailbox", "settings", "simulator"]
