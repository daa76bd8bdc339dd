"""The database layer: how a service's statements reach PostgreSQL or SQLite. README.md says what stands where."""
