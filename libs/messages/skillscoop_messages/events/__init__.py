"""The published language: one file per service that publishes."""
