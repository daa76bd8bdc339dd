"""Payments, settlements, payout accounts, operations and the ledger, as values and pure functions."""
