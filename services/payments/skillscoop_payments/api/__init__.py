"""HTTP in: what parties, freelancers, operators and Stripe may ask of payments."""

from skillscoop_payments.api import accounts, ledger, operators, payments, webhooks

ROUTERS = (payments.router, ledger.router, accounts.router, operators.router, webhooks.router)
PUBLIC_PATHS: tuple[str, ...] = ("POST /webhooks/*", "GET /v1/returned")
