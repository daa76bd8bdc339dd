"""What this service does, one transaction each."""
