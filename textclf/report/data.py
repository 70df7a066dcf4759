"""A run as its folder tells it."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.errors import DataError
from textclf.run_metrics import TABLES

VERSION = 1  # of report.json
REPORT_DATA = "report.json"
PAGE = "report.html"


@dataclass(frozen=True)
class ClassFigures:
    """How a class fares.

    Attributes:
        label: The class.
        name: The class as people call it, its label first where that differs.
        support: Rows of it.
        predicted: Rows predicted as it.
        right: Rows of it predicted as it.
        trained: Rows of it that were trained on.
    """

    label: str
    name: str
    support: int
    predicted: int
    right: int
    trained: int

    @property
    def precision(self) -> float:
        """Share right of the rows predicted as it; 0 if there are none."""
        return self.right / max(1, self.predicted)

    @property
    def recall(self) -> float:
        """Share right of its rows; 0 if there are none."""
        return self.right / max(1, self.support)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / max(1, self.predicted + self.support)


@dataclass(frozen=True)
class ReportFigures:
    """What report.json holds.

    Attributes:
        part: What rows the figures are of: `test` or `validation`.
        classes: How each class fares, in the model's order.
        confused: (class, class predicted, rows) of the most frequent confusions, falling.
        bins: (rows, sum of confidence, rows right) of each of equal bins of confidence.
        mistakes: The most confident ones; their `pieces` are (text, weight).
        ngrams: By label, (n-gram, how much it speaks for it).
        known_ngrams: (percentile, n-grams of the model in a training row).
        no_ngrams: Training rows without any.
        environment: What the model was trained with, by name.
    """

    part: str
    classes: list[ClassFigures]
    confused: list[tuple[int, int, int]]
    bins: list[tuple[float, float, float]]
    mistakes: list[dict[str, Any]]
    ngrams: dict[str, list[tuple[str, float]]]
    known_ngrams: list[tuple[int, int]]
    no_ngrams: int
    environment: dict[str, str]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> ReportFigures:
        """Check and name what is stored.

        Raises:
            ValueError: If it is not what `gather` returns; or KeyError, TypeError.
        """
        if stored["version"] != VERSION:
            raise ValueError(f"report.json has version {stored['version']!r}")
        labels, names, profile = stored["labels"], stored["names"], stored["profile"]
        rows = zip(labels, stored["by_class"], profile["train"], strict=True)
        classes = [
            ClassFigures(
                str(label), _name(str(label), names), int(n), int(predicted), int(right), int(known)
            )
            for label, (n, predicted, right), known in rows
        ]
        confused = [(int(i), int(j), int(n)) for i, j, n in stored["confused"]]
        if not all(0 <= i < len(classes) and 0 <= j < len(classes) for i, j, _ in confused):
            raise ValueError("report.json confuses classes that there are not")
        return cls(
            str(stored["part"]),
            classes,
            confused,
            [(float(n), float(c), float(r)) for n, c, r in stored["bins"]],
            [_mistake(mistake) for mistake in stored["mistakes"]],
            {
                str(label): [(str(ngram), float(value)) for ngram, value in found]
                for label, found in stored["ngrams"].items()
            },
            [(int(p), int(n)) for p, n in profile["known_ngrams"]],
            int(profile["no_ngrams"]),
            {str(name): str(value) for name, value in stored["environment"].items()},
        )

    def name_of(self, label: str) -> str:
        """Return a class as people call it."""
        return next((c.name for c in self.classes if c.label == label), label)


def _name(label: str, names: dict[str, Any]) -> str:
    name = str(names.get(label, label))
    return label if name == label else f"{label} {name}"


def _mistake(stored: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": str(stored["source"]),
        "row": int(stored["row"]),
        "label": str(stored["label"]),
        "predicted": str(stored["predicted"]),
        "confidence": float(stored["confidence"]),
        "probability": float(stored["probability"]),
        "pieces": [(str(text), float(weight)) for text, weight in stored["pieces"]],
    }


@dataclass(frozen=True)
class RunData:
    """A run as read from its folder.

    Attributes:
        folder: The folder.
        metrics: The contents of metrics.json.
        history: The rows of history.csv.
        config: The contents of config.toml.
        measured: The contents of report.json; None for a run that has none.
    """

    folder: Path
    metrics: dict[str, Any]
    history: list[dict[str, float]]
    config: dict[str, Any]
    measured: ReportFigures | None

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self.metrics.get("run") or self.folder.name)

    @classmethod
    def load(cls, folder: Path) -> RunData:
        """Read a run's folder.

        Raises:
            DataError: If it is no run, or one of its files is damaged.
        """
        try:
            metrics = json.loads((folder / "metrics.json").read_bytes())
            history = _history(folder / "history.csv")
            config = tomllib.loads((folder / "config.toml").read_text("utf-8"))
            path = folder / REPORT_DATA
            stored = json.loads(path.read_bytes()) if path.exists() else None
            measured = ReportFigures.of(stored) if stored is not None else None
            _check(metrics)
        except (
            OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError,
            RecursionError,
        ) as error:  # fmt: skip
            known = (folder / "metrics.json").is_file()
            raise DataError(
                f"the run cannot be read ({error})" if known else "is not a run",
                where=str(folder),
                remedy="name a model, such as ag_news, or a run's folder, such as NAME/current",
            ) from error
        return cls(folder, metrics, history, config, measured)


def _check(metrics: Any) -> None:
    if not isinstance(metrics, dict):
        raise ValueError("metrics.json is no object")
    for name in TABLES:
        if not isinstance(metrics.get(name) or {}, dict):
            raise ValueError(f"{name} in metrics.json is no object")


def _history(path: Path) -> list[dict[str, float]]:
    """Return the figures of each epoch; what is no finite number is left out."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{n: float(v) for n, v in row.items() if n and v} for row in csv.DictReader(file)]
    return [{name: value for name, value in row.items() if math.isfinite(value)} for row in rows]
