"""Signed deliveries of events, at least once."""
