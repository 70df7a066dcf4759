"""The files of a run beside its model: figures, history, settings, model card and report."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textclf.escapes import encodable
from textclf.job import PARTS, TrainingFiles
from textclf.model_card import model_card
from textclf.settings import Settings, as_table

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.evaluation import Measured
    from textclf.ngrams.shards import Shard


def write_run(
    folder: Path,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
    settings: Settings,
    files: TrainingFiles,
    classifier: Classifier,
    measured: tuple[str, Measured],
    train: Iterable[Shard],
) -> None:
    """Write all files of a run but its model.

    Args:
        folder: The run's folder.
        metrics: What metrics.json is to hold.
        history: The figures of each epoch.
        settings: What it was trained with.
        files: What it was trained on.
        classifier: The model.
        measured: What rows it was measured on, `test` or `validation`, and what was found.
        train: The rows trained on.

    Raises:
        OSError: If one cannot be written.
    """
    import tomli_w

    from textclf.report.writing import write_report

    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)
    data: dict[str, Any] = {
        part: [encodable(name) for name in getattr(files, part)] for part in PARTS
    }
    if begun := metrics.get("warm_start"):
        data["warm_start"] = begun["run"]
    text = tomli_w.dumps({"data": data} | as_table(settings))
    (folder / "config.toml").write_text(text, "utf-8")
    card = model_card(metrics, classifier)
    (folder / "README.md").write_text(card, "utf-8")
    part, found = measured
    write_report(folder, classifier, part, found.overall, found.mistakes, train)
