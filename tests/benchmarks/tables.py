"""Markdown tables of saved benchmarks: python -m tests.benchmarks.tables [--overview] FILES...

With --overview, one line for each file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .contenders import CONTENDERS
from .results import BEST

Way = Callable[[float], str]
_MEGABYTE = 1e6


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _megabytes(value: float) -> str:
    return f"{value / _MEGABYTE:.0f}" if value >= 10 * _MEGABYTE else f"{value / _MEGABYTE:.1f}"


COLUMNS: dict[str, tuple[str, Way]] = {
    "megabytes_per_second": ("MB/s", lambda value: f"{value:,.1f}"),
    "accuracy": ("accuracy", lambda value: f"{value:.4f}"),
    "macro_f1": ("macro F1", lambda value: f"{value:.4f}"),
    "wall": ("wall s", _seconds),
    "cpu": ("CPU s", _seconds),
    "peak_rss_bytes": ("memory MB", _megabytes),
    "model_bytes": ("model MB", _megabytes),
    "cold_start": ("cold start s", _seconds),
    "predictions_per_second": ("predictions/s", lambda value: f"{value:,.0f}"),
}


def title(name: str, entry: Mapping[str, Any]) -> str:
    """Return what a contender is called in a table."""
    if name == BEST:
        if "is" not in entry:
            return "fastText, best rate"
        return f"fastText, best of {entry['of']} rates ({entry['is'].rpartition('-')[2]})"
    return CONTENDERS[name].title if name in CONTENDERS else name


def table(document: Mapping[str, Any]) -> str:
    """Return a benchmark as Markdown: medians with their range, stages, ratios."""
    counts = ", ".join(f"{n:,} {part}" for part, n in document["rows"].items())
    head = f"**{document['dataset']}** ({document['benchmark']}; {counts} rows)"
    summary = document["summary"]
    lines = []
    columns = {f: c for f, c in COLUMNS.items() if any(f in entry for entry in summary.values())}
    for name, entry in summary.items():
        cells = [_cell(entry.get(figure), way) for figure, (_, way) in columns.items()]
        if not entry["rounds"]:
            cells[:1] = [f"failed: {entry.get('failed', '')}".replace("|", "\\|")]
        lines.append([title(name, entry), *cells])
    parts = [head, markdown(["", *(label for label, _ in columns.values())], lines)]
    stages = [
        [title(name, entry), ", ".join(
            f"{stage} {_seconds(s['wall'])} ({_seconds(s['cpu'])})"
            for stage, s in entry["stages"].items()
        )]
        for name, entry in summary.items() if entry.get("stages")
    ]  # fmt: skip
    if stages:
        parts.append(markdown(["", "wall (CPU) seconds by stage"], stages))
    for subject, peers in document["ratios"].items():
        costs = list(dict.fromkeys(cost for found in peers.values() for cost in found))
        body = [
            [title(peer, {}), *(_cell(found.get(cost), lambda v: f"{v:.2f}") for cost in costs)]
            for peer, found in peers.items()
        ]
        names = [cost.removesuffix("_bytes").replace("_", " ") for cost in costs]
        parts.append(markdown([f"{title(subject, {})} / peer", *names], body))
    return "\n\n".join(parts)


def _cell(found: Mapping[str, float] | None, way: Way) -> str:
    if found is None:
        return ""
    low, high, middle = way(found["low"]), way(found["high"]), way(found["median"])
    return middle if low == high else f"{middle} ({low} to {high})"


def markdown(header: list[str], lines: list[list[str]]) -> str:
    """Return a table whose first column is words and whose others are figures."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines])


# What the overviews show: what was tried in several ways is shown at its most accurate.
_PEERS = {
    "textclf": ("textclf",),
    "fastText": (BEST, "fasttext-0.5"),
    "Vowpal Wabbit": ("vw",),
    "LinearSVC": ("svc", "svc-sublinear"),
}


def accuracies(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the test accuracies of benchmarks of peers, a line each, as Markdown.

    The last column is by how much fewer errors textclf makes than the most accurate peer, if that
    makes any; below the lines, the mean of it.
    """
    lines, fewer = [], []
    for document in documents:
        found = {name: _most_accurate(document, tried) for name, tried in _PEERS.items()}
        shown = {name: entry["accuracy"]["median"] for name, entry in found.items() if entry}
        best = max((accuracy for name, accuracy in shown.items() if name != "textclf"), default=1.0)
        share = ""
        if "textclf" in shown and best < 1:
            fewer.append(1 - (1 - shown["textclf"]) / (1 - best))
            share = f"{fewer[-1]:+.1%}"
        figures = [
            _bold(f"{shown[name]:.4f}", shown[name] == max(shown.values())) if name in shown else ""
            for name in _PEERS
        ]
        lines.append([document["dataset"], f"{document['rows']['train']:,}", *figures, share])
    mean = f"{sum(fewer) / len(fewer):+.1%}" if fewer else ""
    lines.append(["mean", "", *[""] * len(_PEERS), mean])
    return markdown(["test accuracy", "rows", *_PEERS, "fewer errors"], lines)


def _bold(text: str, wanted: bool) -> str:
    return f"**{text}**" if wanted else text


def costs(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return seconds and memory of training and testing, a line a benchmark, as Markdown."""
    lines = []
    for document in documents:
        found = [_most_accurate(document, tried) for tried in _PEERS.values()]
        lines.append([
            document["dataset"],
            *(_seconds(entry["wall"]["median"]) if entry else "" for entry in found),
            *(_megabytes(entry["peak_rss_bytes"]["median"]) if entry else "" for entry in found),
        ])  # fmt: skip
    units = [f"{name}, {unit}" for unit in ("s", "MB") for name in _PEERS]
    return markdown(["", *units], lines)


def stages(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return where textclf's seconds went, and how many cores were busy, as Markdown."""
    lines = []
    for document in documents:
        spent = document["summary"]["textclf"]["stages"]
        cells = [f"{_seconds(s['wall'])} ({s['cpu'] / s['wall']:.1f})" for s in spent.values()]
        lines.append((document["dataset"], dict(zip(spent, cells, strict=True))))
    names = list(dict.fromkeys(name for _, found in lines for name in found))
    body = [[dataset, *(found.get(name, "") for name in names)] for dataset, found in lines]
    return markdown(["s (cores busy)", *names], body)


def _most_accurate(document: Mapping[str, Any], tried: Sequence[str]) -> Mapping[str, Any]:
    """Return the figures of the most accurate, or none where all failed or none was tried."""
    found = [document["summary"].get(name, {}) for name in tried]
    good: list[Mapping[str, Any]] = [entry for entry in found if "accuracy" in entry]
    return max(good, key=lambda entry: entry["accuracy"]["median"], default={})


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of the files named."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tables")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--overview", action="store_true", help="a line a file")
    args = parser.parse_args(arguments)
    documents = [json.loads(file.read_text("utf-8")) for file in args.files]
    overviews = (accuracies, costs, stages)
    parts = [f(documents) for f in overviews] if args.overview else map(table, documents)
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
