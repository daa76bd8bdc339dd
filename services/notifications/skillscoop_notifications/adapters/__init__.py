"""The outside world: mail servers, and listeners on live streams."""
