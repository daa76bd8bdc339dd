"""Payments, settlements, payout accounts and the ledger: the only service that talks to Stripe."""
