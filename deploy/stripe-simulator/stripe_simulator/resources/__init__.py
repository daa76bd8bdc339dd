"""Stripe's resources, one module each: how an object looks, what may happen to it, and its operations."""
