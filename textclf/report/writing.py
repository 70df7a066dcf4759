"""Writes a run's page and what it is made of beside the run's other files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textclf.report.data import PAGE, REPORT_DATA, RunData
from textclf.report.gather import gather
from textclf.report.page import run_page

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.evaluation import Mistake
    from textclf.metrics import Evaluation
    from textclf.ngrams.shards import Shard


def write_report(
    folder: Path,
    classifier: Classifier,
    part: str,
    found: Evaluation,
    mistakes: Sequence[Mistake],
    train: Iterable[Shard],
) -> None:
    """Write report.json and report.html into the folder of a run that has its other files.

    Args:
        folder: The run's folder.
        classifier: The model.
        part: What rows it was measured on: `test` or `validation`.
        found: Their figures.
        mistakes: The most confident mistakes among them, as far as their texts are known.
        train: The rows trained on.
    """
    stored = gather(classifier, part, found, mistakes, train)
    (folder / REPORT_DATA).write_text(json.dumps(stored, ensure_ascii=False) + "\n", "utf-8")
    (folder / PAGE).write_text(run_page(RunData.load(folder)), "utf-8")
