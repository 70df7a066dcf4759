"""Weights averaged over an epoch: what a constant learning rate leaves of noise cancels out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_ROWS = 1 << 14  # at a time: reading a sparsely updated variable as a whole copies all of it


class WeightAverage:
    """The mean of a network's weights at several steps of an epoch.

    Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization.

    Args:
        weights: Trainable variables.
        samples: How many steps of an epoch are averaged; 0: none, the weights stay as they are.
        steps: Steps of an epoch.
        stride: Steps from one look at the weights to the next.

    Attributes:
        sums: Sums of the weights, one array each.
        count: How many were added.
    """

    def __init__(
        self, weights: Sequence[keras.Variable], samples: int, steps: int, stride: int
    ) -> None:
        self._weights = [weight.value for weight in weights if samples]
        self._every = max(stride, steps // samples // stride * stride) if samples else 0
        self.sums = [np.zeros(w.shape, np.float32) for w in self._weights]
        self.count = np.zeros(1, np.float32)
        self._exchanged = False

    def step(self, step: int) -> None:
        """Add the weights to the sums, where the step (from 1) is one of those averaged."""
        if self._every and step % self._every == 0:
            self.count += 1
            for total, weight in zip(self.sums, self._weights, strict=True):
                for rows in _chunks(len(total)):
                    total[rows] += read_rows(weight, rows)

    def use(self) -> None:
        """Put the means in the weights' place, until `resume`."""
        if self.sums and self.count > 0:
            for total, weight in zip(self.sums, self._weights, strict=True):
                for rows in _chunks(len(total)):
                    before = read_rows(weight, rows)
                    _write_rows(weight, rows, np.divide(total[rows], self.count, dtype=np.float32))
                    total[rows] = before
            self._exchanged = True

    def resume(self) -> None:
        """Put the weights back, and start new sums."""
        for total, weight in zip(self.sums, self._weights, strict=True):
            for rows in _chunks(len(total)) if self._exchanged else ():
                _write_rows(weight, rows, total[rows])
            total[...] = 0.0
        self._exchanged = False
        self.count[...] = 0.0


def read_weight(weight: Any) -> NDArray[Any]:
    """Return a variable's value.

    TensorFlow's own `numpy()` holds two copies of a sparsely updated variable on the way.
    """
    found = np.empty(weight.shape, weight.dtype.as_numpy_dtype)
    for rows in _chunks(len(found)):
        found[rows] = read_rows(weight, rows)
    return found


def read_blocks(weight: Any) -> Iterator[NDArray[Any]]:
    """Return a variable's value in blocks of rows."""
    for rows in _chunks(weight.shape[0]):
        yield read_rows(weight, rows)


def read_rows(weight: Any, rows: slice) -> NDArray[np.float32]:
    """Return rows of a variable without a copy of the others."""
    return np.asarray(tf.gather(weight, tf.range(rows.start, rows.stop)))


def _write_rows(weight: Any, rows: slice, values: NDArray[np.float32]) -> None:
    weight.scatter_update(tf.IndexedSlices(values, tf.range(rows.start, rows.stop)))


def _chunks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _ROWS):
        yield slice(start, min(start + _ROWS, rows))
