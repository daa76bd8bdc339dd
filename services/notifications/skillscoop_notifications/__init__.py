"""Conversations, feeds, live streams and e-mail: how people hear of what happened."""
