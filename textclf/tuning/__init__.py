"""Searching for settings: `space` proposes, `worker` measures, `study` decides."""
