"""Rows to measure a saved model on: its run's test file, or any file laid out as that is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textclf.classifier import Classifier, model_folder
from textclf.corpus.bad_rows import BadRows
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import CorpusFormat
from textclf.corpus.reader import Corpus
from textclf.run_metrics import read_metrics


def rows_for(model: Path, classifier: Classifier, file: str | None = None) -> Corpus | None:
    """Return labelled rows for a model, read as its run read its files.

    Args:
        model: Folder of the model or of its run.
        classifier: The model.
        file: The file; by default the run's test file.

    Returns:
        The rows; None if no file is given and the run's test file is not known or gone.
    """
    job: Mapping[str, Any] = read_metrics(model_folder(model).parent).get("job") or {}
    files = [file] if file is not None else _test_files(job)
    if not files:
        return None
    labels = LabelMap(classifier.labels).freeze()
    fmt = _format(job).of_later_files(classifier.columns)
    return Corpus(files, fmt, labels=labels, bad_rows=_bad_rows(job))


def _test_files(job: Mapping[str, Any]) -> list[str]:
    try:
        files = [str(entry[0]) for entry in job["files"]["test"]]
    except (KeyError, TypeError, IndexError):
        return []
    return files if all(Path(file).is_file() for file in files) else []


def _format(job: Mapping[str, Any]) -> CorpusFormat:
    """Return the layout that was asked for; in runs of old it was not noted, and is detected."""
    try:
        noted: dict[str, Any] = dict(job["format"])
        for name, value in noted.items():
            noted[name] = tuple(value) if isinstance(value, list) else value
        return CorpusFormat(**noted)
    except (KeyError, TypeError, ValueError):
        return CorpusFormat()


def _bad_rows(job: Mapping[str, Any]) -> BadRows:
    limit = job.get("bad_rows", 0)
    return BadRows(limit if isinstance(limit, (int, float)) else 0)
