"""Quality of predictions, added up block by block: accuracy, F1, log loss, calibration error."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        confusion: (classes, classes) int64; [i, j] counts rows of class i predicted as j.
        loss_sum: Sum of the rows' negative log likelihood in nats.
        bins: (15, 3) per confidence bin: rows, sum of confidence, rows predicted right.
    """

    labels: list[str]
    confusion: NDArray[np.int64] = field(init=False)
    loss_sum: float = 0.0
    bins: Floats = field(default_factory=lambda: np.zeros((_BINS, 3)))

    def __post_init__(self) -> None:
        self.confusion = np.zeros((len(self.labels), len(self.labels)), dtype=np.int64)

    def add(self, true: NDArray[np.int32], probabilities: NDArray[np.float32]) -> None:
        """Count rows.

        Args:
            true: (rows,) classes.
            probabilities: (rows, classes).
        """
        if len(true) == 0:
            return
        predicted = probabilities.argmax(axis=1)
        np.add.at(self.confusion, (true, predicted), 1)
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

    @property
    def rows(self) -> int:
        """Rows counted."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of rows predicted right."""
        return float(np.trace(self.confusion) / max(1, self.rows))

    @property
    def loss(self) -> float:
        """Mean negative log likelihood, in nats."""
        return self.loss_sum / max(1, self.rows)

    @property
    def support(self) -> NDArray[np.int64]:
        """(classes,) rows of each class."""
        return np.asarray(self.confusion.sum(axis=1))

    @property
    def precision(self) -> Floats:
        """(classes,) precision; 0 for a class that is never predicted."""
        return np.asarray(np.diag(self.confusion) / np.maximum(1, self.confusion.sum(axis=0)))

    @property
    def recall(self) -> Floats:
        """(classes,) recall; 0 for a class without rows."""
        return np.asarray(np.diag(self.confusion) / np.maximum(1, self.support))

    @property
    def f1(self) -> Floats:
        """(classes,) F1."""
        both = self.confusion.sum(axis=0) + self.support
        return np.asarray(2 * np.diag(self.confusion) / np.maximum(1, both))

    @property
    def _present(self) -> NDArray[np.bool_]:
        return np.asarray(self.confusion.sum(axis=0) + self.support > 0)

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
