"""Quality of predictions, added up block by block: accuracy, F1, log loss, calibration error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BINS = 15  # as in Guo et al. 2017, On Calibration of Modern Neural Networks


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of each row: (rows, classes) float32."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


@dataclass
class Evaluation:
    """Sums from which every figure follows; `add` takes the rows block by block.

    Attributes:
        labels: Names of the classes.
        loss_sum: Sum of the rows' negative log likelihood in nats.
        bins: (15, 3) per confidence bin: rows, sum of confidence, rows predicted right.
    """

    labels: list[str]
    loss_sum: float = 0.0
    bins: Floats = field(default_factory=lambda: np.zeros((_BINS, 3)))
    # The confusion matrix without its zeros: class * classes + class predicted, and rows of each.
    _cells: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, true: NDArray[np.int32], probabilities: NDArray[np.float32]) -> None:
        """Count rows.

        Args:
            true: (rows,) classes.
            probabilities: (rows, classes).
        """
        if len(true) == 0:
            return
        predicted = probabilities.argmax(axis=1)
        self.count(true, predicted, np.ones(len(true), np.int64))
        likelihood = probabilities[np.arange(len(true)), true].astype(np.float64)
        # float32's smallest normal number, so that one certain mistake is not infinite.
        self.loss_sum -= float(np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)).sum())
        confidence = probabilities.max(axis=1).astype(np.float64)
        place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
        np.add.at(
            self.bins,
            place,
            np.stack([np.ones_like(confidence), confidence, predicted == true], axis=1),
        )

    def count(self, true: NDArray[Any], predicted: NDArray[Any], rows: NDArray[np.int64]) -> None:
        """Count rows[i] rows of class true[i] that are predicted as predicted[i]."""
        cells = true.astype(np.int64) * len(self.labels) + predicted
        self._cells, places = np.unique(np.append(self._cells, cells), return_inverse=True)
        counts = np.zeros(len(self._cells), np.int64)
        np.add.at(counts, places, np.append(self._counts, rows))
        self._counts = counts

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return class, class predicted and rows of all pairs that occur, ascending."""
        return *np.divmod(self._cells, len(self.labels)), self._counts

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(classes, classes) the confusion matrix: [i, j] counts rows of class i predicted as j."""
        matrix = np.zeros((len(self.labels), len(self.labels)), np.int64)
        true, predicted, rows = self.pairs()
        matrix[true, predicted] = rows
        return matrix

    def _by_class(self, classes: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(classes, rows, len(self.labels)).astype(np.int64)

    @property
    def rows(self) -> int:
        """Rows counted."""
        return int(self._counts.sum())

    @property
    def accuracy(self) -> float:
        """Share of rows predicted right."""
        return float(self.right.sum() / max(1, self.rows))

    @property
    def loss(self) -> float:
        """Mean negative log likelihood, in nats."""
        return self.loss_sum / max(1, self.rows)

    @property
    def support(self) -> NDArray[np.int64]:
        """(classes,) rows of each class."""
        true, _, rows = self.pairs()
        return self._by_class(true, rows)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(classes,) rows predicted as each class."""
        _, predicted, rows = self.pairs()
        return self._by_class(predicted, rows)

    @property
    def right(self) -> NDArray[np.int64]:
        """(classes,) rows of each class that are predicted as it."""
        true, predicted, rows = self.pairs()
        return self._by_class(true, np.where(true == predicted, rows, 0))

    @property
    def precision(self) -> Floats:
        """(classes,) precision; 0 for a class that is never predicted."""
        return np.asarray(self.right / np.maximum(1, self.predicted))

    @property
    def recall(self) -> Floats:
        """(classes,) recall; 0 for a class without rows."""
        return np.asarray(self.right / np.maximum(1, self.support))

    @property
    def f1(self) -> Floats:
        """(classes,) F1."""
        return np.asarray(2 * self.right / np.maximum(1, self.predicted + self.support))

    @property
    def _present(self) -> NDArray[np.bool_]:
        return np.asarray(self.predicted + self.support > 0)

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes that occur or are predicted, as scikit-learn has it."""
        return float(self.f1[self._present].mean()) if self.rows else 0.0

    @property
    def weighted_f1(self) -> float:
        """Mean F1 weighted by support."""
        return float((self.f1 * self.support).sum() / max(1, self.rows))

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over 15 equal bins of confidence (Guo et al. 2017)."""
        return float(np.abs(self.bins[:, 1] - self.bins[:, 2]).sum() / max(1, self.rows))

    def summary(self) -> dict[str, float]:
        """Return the main figures by name."""
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "macro_f1": self.macro_f1,
            "ece": self.calibration_error,
        }

    def by_class(self) -> list[dict[str, float | str | int]]:
        """Return label, precision, recall, F1 and support of each class."""
        rows = zip(
            self.labels,
            self.precision.tolist(),
            self.recall.tolist(),
            self.f1.tolist(),
            self.support.tolist(),
            strict=True,
        )
        names = ("label", "precision", "recall", "f1", "support")
        return [dict(zip(names, row, strict=True)) for row in rows]
