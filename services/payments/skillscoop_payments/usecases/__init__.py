"""What this service does, one transaction each: load and lock, decide, save, record."""
