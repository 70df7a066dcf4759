"""Weights averaged over an epoch: what a constant learning rate leaves of noise cancels out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textclf.weights import blocks_of, read_rows, write_rows


class WeightAverage:
    """The mean of a network's weights at several steps of an epoch.

    Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization.

    Args:
        weights: As of `weights_of`.
        samples: How many steps of an epoch are averaged; 0: none, the weights stay as they are.
        steps: Steps of an epoch.
        stride: Steps from one look at the weights to the next.

    Attributes:
        sums: Sums of the weights, one array each.
        count: How many were added.
    """

    def __init__(self, weights: Sequence[Any], samples: int, steps: int, stride: int) -> None:
        self._weights = list(weights) if samples else []
        self._every = max(stride, steps // samples // stride * stride) if samples else 0
        self.sums = [np.zeros(w.shape, np.float32) for w in self._weights]
        self.count = np.zeros(1, np.float32)
        self._exchanged = False

    def step(self, step: int) -> None:
        """Add the weights to the sums, where the step (from 1) is one of those averaged."""
        if self._every and step % self._every == 0:
            self.count += 1
            for total, weight in zip(self.sums, self._weights, strict=True):
                for rows in blocks_of(total):
                    total[rows] += read_rows(weight, rows)

    def use(self) -> None:
        """Put the means in the weights' place, until `resume`."""
        if self.sums and self.count > 0:
            for total, weight in zip(self.sums, self._weights, strict=True):
                for rows in blocks_of(total):
                    mean = np.divide(total[rows], self.count, dtype=np.float32)
                    total[rows] = read_rows(weight, rows)
                    write_rows(weight, rows, mean)
            self._exchanged = True

    def resume(self) -> None:
        """Put the weights back, and start new sums."""
        for total, weight in zip(self.sums, self._weights, strict=True):
            for rows in blocks_of(total) if self._exchanged else ():
                write_rows(weight, rows, total[rows])
            total[...] = 0.0
        self._exchanged = False
        self.count[...] = 0.0
