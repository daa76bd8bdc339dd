"""A stateful stand-in for Stripe, for machines without an account. It is not Stripe."""

from stripe_simulator.app import create_app, running
from stripe_simulator.settings import SimulatorSettings, WebhookTarget, from_environment

__all__ = ["SimulatorSettings", "WebhookTarget", "create_app", "from_environment", "running"]
