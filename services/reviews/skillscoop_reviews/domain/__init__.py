"""The rules of reviews, without any database, clock or network."""
