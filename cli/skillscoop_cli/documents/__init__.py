"""What can be said about the system without running it."""
