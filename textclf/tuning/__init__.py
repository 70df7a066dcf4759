"""Searching for settings: `search` asks `history` for trials and `worker` for their figures."""
