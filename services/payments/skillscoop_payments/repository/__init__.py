"""Rows to domain values and back; every query of this service."""
