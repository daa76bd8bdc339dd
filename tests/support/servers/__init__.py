"""Where the tests' PostgreSQL and RabbitMQ come from.

In this order: addresses in the environment; with --use-local, and only then, servers already listening on their usual
ports; Docker; server programs installed here, as private instances on free ports.
"""
