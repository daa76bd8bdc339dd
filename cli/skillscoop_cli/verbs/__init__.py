"""The words of each verb: what it is called with and what it prints. The work lies elsewhere and is imported late."""
