"""The rules of a dispute, without any database, clock or network."""
