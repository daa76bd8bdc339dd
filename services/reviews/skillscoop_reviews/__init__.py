"""Sealed reviews after a job, and the ratings made of them."""
