"""The benchmarks' JSON: runs, and the medians and ratios drawn from them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .contenders import FASTTEXT
from .measure import ROOT

FOLDER = ROOT / "build" / "benchmarks"
SUBJECTS = ("textclf", "textclf-guide")
# Of each of these less is better; their ratios are textclf's over the peer's.
COSTS = (
    "wall", "cpu", "peak_rss_bytes", "model_bytes", "cold_start", "seconds_per_prediction",
)  # fmt: skip
FIGURES = ("accuracy", "macro_f1", "predictions_per_second", "megabytes_per_second", *COSTS)
BEST = "fasttext-best"  # the fastText of the best median test accuracy, in its favour
_PACKAGES = (
    "textclf", "numpy", "tensorflow", "tensorflow-cpu", "keras", "scikit-learn", "vowpalwabbit",
    "fasttext-numpy2-wheel",
)  # fmt: skip


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return float(statistics.median(values))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the middle, the least and the greatest value."""
    return {"median": median(values), "low": min(values), "high": max(values)}


def document(
    kind: str, dataset: str, rows: Mapping[str, int], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an object without runs yet, which says where and how it was measured."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    kept = ("repeat", "rows", "predict_rows", "timeout", "contenders", "factors", "seeds")
    return {
        "benchmark": kind,
        "dataset": dataset,
        "rows": dict(rows),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "packages": versions,
        },
        "options": {name: options[name] for name in kept if name in options},
        "runs": [],
    }


def save(found: dict[str, Any], path: Path) -> None:
    """Write the object with its medians and ratios in one step."""
    found["summary"], found["ratios"] = summary(found["runs"]), ratios(found["runs"])
    best = found["summary"].get(BEST, {}).get("is")
    for peers in found["ratios"].values():
        if best in peers:
            peers[BEST] = peers[best]
    write(found, path)


def write(found: Mapping[str, Any], path: Path) -> None:
    """Write an object in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    unfinished.replace(path)


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the figures of each contender over its rounds, or why it has none."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(run["contender"] for run in runs):
        own = [run for run in runs if run["contender"] == name]
        good = [run for run in own if "failed" not in run]
        entry: dict[str, Any] = {"rounds": len(good)}
        if failures := [run["failed"] for run in own if "failed" in run]:
            entry["failed"] = failures[-1]
        for figure in FIGURES:
            values = [run[figure] for run in good if run.get(figure) is not None]
            if values:
                entry[figure] = spread(values)
        stages = list(dict.fromkeys(stage for run in good for stage in run.get("stages", {})))
        entry["stages"] = {
            stage: {
                kind: median([r["stages"][stage][kind] for r in good if stage in r["stages"]])
                for kind in ("wall", "cpu")
            }
            for stage in stages
        }
        found[name] = entry
    rates = [name for name in FASTTEXT if "accuracy" in found.get(name, {})]
    if len(rates) > 1:
        best = max(rates, key=lambda name: float(found[name]["accuracy"]["median"]))
        found[BEST] = {**found[best], "is": best, "of": len(rates)}
    return found


def ratios(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return textclf's costs over each peer's in the same round: {subject: {peer: {cost: ...}}}."""
    by_round: dict[int, dict[str, Mapping[str, Any]]] = {}
    for run in runs:
        if "failed" not in run:
            by_round.setdefault(run["round"], {})[run["contender"]] = run
    names = dict.fromkeys(run["contender"] for run in runs)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for subject in [s for s in SUBJECTS if s in names]:
        for peer in [name for name in names if name not in SUBJECTS]:
            pairs = [
                (r[subject], r[peer]) for r in by_round.values() if {subject, peer} <= r.keys()
            ]
            for cost in COSTS:
                values = [a[cost] / b[cost] for a, b in pairs if a.get(cost) and b.get(cost)]
                if values:
                    found.setdefault(subject, {}).setdefault(peer, {})[cost] = spread(values)
    return found
