"""The fixtures of a simulated world."""

from tests.unit.stripe_simulator.world import mailbox, settings, world

__all__ = ["mailbox", "settings", "world"]
