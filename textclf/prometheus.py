"""Figures of a training in Prometheus' textfile format, for node_exporter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from textclf.atomic import write_text
from textclf.runs import Run

_HELP = {
    "last_run_timestamp_seconds": "When the last job ended.",
    "last_exit_code": "Exit code of the last job: 0 done, 80 below the quality gate.",
    "last_duration_seconds": "How long the last job took.",
    "published_timestamp_seconds": "When the training of the published model began.",
    "published_accuracy": "Accuracy of the published model when it was trained.",
    "published_macro_f1": "Macro F1 of the published model when it was trained.",
    "published_loss": "Loss of the published model, in nats.",
    "published_rows": "Rows that the published model was trained and measured with.",
    "published_stage_seconds": "Time that a stage of its training took.",
    "published_peak_rss_bytes": "Most memory that its training held.",
    "published_info": "The published run, in its label.",
}


def exposition(
    model: str, *, ended: float, exit_code: int, seconds: float, published: Run | None
) -> str:
    """Return the text: what the last job came to, and what is published.

    Args:
        model: The model's name, a label of all samples.
        ended: When the job ended, in seconds since 1970.
        exit_code: How it ended.
        seconds: How long it took.
        published: The published run.
    """
    samples: list[tuple[str, dict[str, str], float]] = [
        ("last_run_timestamp_seconds", {}, ended),
        ("last_exit_code", {}, exit_code),
        ("last_duration_seconds", {}, seconds),
    ]
    if published is not None:
        samples += _published(published)
    lines: list[str] = []
    for name, help_text in _HELP.items():
        own = [(labels, value) for n, labels, value in samples if n == name]
        if own:
            lines += [f"# HELP textclf_{name} {help_text}", f"# TYPE textclf_{name} gauge"]
        for labels, value in own:
            pairs = ({"model": model} | labels).items()
            shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in pairs)
            lines.append(f"textclf_{name}{{{shown}}} {value!r}")
    return "\n".join(lines) + "\n"


def _published(run: Run) -> list[tuple[str, dict[str, str], float]]:
    metrics = run.metrics
    samples: list[tuple[str, dict[str, str], float]] = [("published_info", {"run": run.id}, 1)]
    try:
        began = datetime.fromisoformat(metrics["started"]).timestamp()
        samples.append(("published_timestamp_seconds", {}, began))
    except (KeyError, TypeError, ValueError):
        pass
    for split in ("validation", "test"):
        figures: Mapping[str, Any] = metrics.get(split) or {}
        for name in ("accuracy", "macro_f1", "loss"):
            if name in figures:
                samples.append((f"published_{name}", {"split": split}, float(figures[name])))
    for split, rows in (metrics.get("samples") or {}).items():
        samples.append(("published_rows", {"split": split}, rows))
    for stage, spent in (metrics.get("seconds") or {}).items():
        samples.append(("published_stage_seconds", {"stage": stage}, spent))
    if "peak_rss_bytes" in metrics:
        samples.append(("published_peak_rss_bytes", {}, metrics["peak_rss_bytes"]))
    return samples


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write(path: Path, text: str) -> None:
    """Replace a file by a text in one step: a reader sees the old one or the new one.

    Raises:
        OutputError: If it cannot be written.
    """
    write_text(path, text, "give --metrics-file in a folder that you may write to")
