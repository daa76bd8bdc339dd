"""HTTP at the edge of a service: the application, its problems, transactions, pages and request models."""
