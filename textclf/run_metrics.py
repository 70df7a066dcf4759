"""What metrics.json says of a run, as far as it can be believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLES = ("validation", "test", "samples", "seconds", "sha256", "gate", "job")
_NUMBERS = ("validation", "test", "samples", "seconds")  # tables of nothing else
_KINDS: dict[str, type] = dict.fromkeys(TABLES, dict) | {"started": str, "peak_rss_bytes": int}
_KINDS_IN: dict[str, dict[str, type]] = {
    "gate": {"reasons": list},
    "job": {"files": dict, "format": dict},
}
_DEEPEST = 16  # levels; there are five


def read_metrics(folder: Path) -> dict[str, Any]:
    """Return what a run's metrics.json says; nothing if it cannot be read.

    Any file can be damaged, and an old run's must not stop a new one: what is not of the kind that
    is written there is left out.
    """
    try:
        found = json.loads((folder / "metrics.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or _is_deep(found):
        return {}
    metrics = _sound(found, _KINDS)
    for name in _NUMBERS:
        if metrics.get(name):
            metrics[name] = {k: v for k, v in metrics[name].items() if _is_number(v)}
    for name, kinds in _KINDS_IN.items():
        if metrics.get(name):
            metrics[name] = _sound(metrics[name], kinds)
    return metrics


def _sound(table: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    return {k: v for k, v in table.items() if v is None or isinstance(v, kinds.get(k, object))}


def _is_number(value: Any) -> bool:
    """Return whether it is a number; an integer of hundreds of digits is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 1 << 64
    return isinstance(value, float)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner = (v.values() if isinstance(v, dict) else v for v in level)
        level = [v for values in inner for v in values if isinstance(v, (dict, list))]
    return bool(level)
