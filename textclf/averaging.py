"""Weights averaged over an epoch: what a constant learning rate leaves of noise cancels out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

_ROWS = 1 << 14  # exchanged at a time, so that no second copy of a kernel is needed


class WeightAverage:
    """The mean of a network's weights at several steps of an epoch.

    Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization.

    Args:
        weights: Trainable variables.
        samples: How many steps of an epoch are averaged; 0: none, the weights stay as they are.
        steps: Steps of an epoch.

    Attributes:
        variables: Sums of the weights, and how many were added, for checkpoints.
    """

    def __init__(self, weights: Sequence[keras.Variable], samples: int, steps: int) -> None:
        self._weights = [weight.value for weight in weights]
        self._every = max(1, steps // samples) if samples else 0
        self._count = tf.Variable(0.0, trainable=False)
        self._sums = [
            tf.Variable(tf.zeros_like(w), trainable=False) for w in self._weights if samples
        ]
        self._exchanged = False

    @property
    def variables(self) -> list[Any]:
        """The state, for checkpoints."""
        return [self._count, *self._sums]

    def step(self, step: int) -> None:
        """Add the weights to the sums, where the step (from 1) is one of those averaged."""
        if self._every and step % self._every == 0:
            self._count.assign_add(1.0)
            for total, weight in zip(self._sums, self._weights, strict=True):
                total.assign_add(weight)

    def use(self) -> None:
        """Put the means in the weights' place, until `resume`."""
        if self._sums and float(self._count) > 0:
            _exchange(self._sums, self._weights, self._count)
            self._exchanged = True

    def resume(self) -> None:
        """Put the weights back, and start new sums."""
        if self._exchanged:
            for total, weight in zip(self._sums, self._weights, strict=True):
                weight.assign(total)
            self._exchanged = False
        for total in self._sums:
            total.assign(tf.zeros_like(total))
        self._count.assign(0.0)


def _exchange(sums: Sequence[Any], weights: Sequence[Any], count: Any) -> None:
    """Move the weights into `sums`, and the means into `weights`."""
    for total, weight in zip(sums, weights, strict=True):
        for start in range(0, weight.shape[0], _ROWS):
            rows = slice(start, start + _ROWS)
            mean = total[rows] / count
            total[rows].assign(weight[rows])
            weight[rows].assign(mean)
