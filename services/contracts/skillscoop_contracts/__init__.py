"""Contracts, terms and milestones: what was agreed and where each milestone stands."""
