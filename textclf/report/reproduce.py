"""The command that trains a run again."""

from __future__ import annotations

import shlex
from typing import Any

from textclf.report.data import RunData
from textclf.runs import id_of

_OPTIONS = {"format": "--format", "delimiter": "--delimiter", "encoding": "--encoding"}


def command(run: RunData) -> str:
    """Return the command, for a shell, a line an option."""
    job: dict[str, Any] = run.metrics.get("job") or {}
    words = ["textclf train", f"--name {_quoted(run.metrics.get('dataset', 'model'))}"]
    for part in ("train", "validation", "test"):
        known = (job.get("files") or {}).get(part)
        files = [entry[0] for entry in known] if known else run.config.get("data", {}).get(part, [])
        words += [f"--{part}-file {_quoted(file)}" for file in files]
    words += _layout(job.get("format") or {})
    if job.get("bad_rows"):
        limit = job["bad_rows"]
        shown = f"{limit * 100:.10g}%" if isinstance(limit, float) else str(limit)
        words.append(f"--skip-bad-rows {_quoted(shown)}")
    if run.metrics.get("warm_start"):
        words.append("--warm-start")
    held_out_judge = not (job.get("files") or {}).get("test")
    if held_out_judge and (run.metrics.get("gate") or {}).get("max_drop") is not None:
        words.append("--set training.refit=false")  # see `pipeline._may_refit`
    folder = run.folder.resolve()  # still hidden while the run is being made
    words.append(f"--config {_quoted(folder.parent / id_of(folder) / 'config.toml')}")
    return " \\\n    ".join(words)


def _layout(noted: dict[str, Any]) -> list[str]:
    words = [f"{option} {_quoted(noted[k])}" for k, option in _OPTIONS.items() if noted.get(k)]
    for name in ("header", "quotes"):
        if noted.get(name) is not None:
            words.append(f"--{name}" if noted[name] else f"--no-{name}")
    if noted.get("label_column") is not None:
        words.append(f"--label-column {_quoted(noted['label_column'])}")
    return words + [f"--text-column {_quoted(column)}" for column in noted.get("text_columns", [])]


def _quoted(value: Any) -> str:
    return shlex.quote(str(value))
