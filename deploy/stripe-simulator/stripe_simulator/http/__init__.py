"""How calls arrive: keys, versions, idempotency, faults, expansion."""
