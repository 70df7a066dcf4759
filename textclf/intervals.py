"""Confidence intervals from counts, in bounded memory.

Drawing n rows with replacement draws the counts of their kinds from a multinomial distribution,
so the bootstrap of any figure that follows from counts needs the counts alone, not the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from textclf.metrics import Evaluation

_FINE = 256  # bins a nat of loss; far finer than any interval
_DRAWN = 1 << 22  # counts drawn at once


class Losses:
    """A fine histogram of the rows' negative log likelihood, with the mean of each bin."""

    def __init__(self) -> None:
        self._largest = float(-np.log(np.finfo(np.float32).tiny))
        bins = int(self._largest * _FINE) + 1
        self.counts, self._sums = np.zeros(bins, dtype=np.int64), np.zeros(bins)

    def add(self, true: NDArray[np.int32], probabilities: NDArray[np.float32]) -> None:
        """Count rows.

        Args:
            true: (rows,) classes.
            probabilities: (rows, classes).
        """
        likelihood = probabilities[np.arange(len(true)), true].astype(np.float64)
        losses = -np.log(np.maximum(likelihood, np.finfo(np.float32).tiny))
        bins = np.clip(losses * _FINE, 0, len(self.counts) - 1).astype(np.int64)
        self.counts += np.bincount(bins, minlength=len(self.counts))
        self._sums += np.bincount(bins, losses, minlength=len(self.counts))

    def means(self) -> NDArray[np.float64]:
        """Return the mean loss of each bin that has rows."""
        used = self.counts > 0
        return np.asarray(self._sums[used] / self.counts[used])


def intervals(
    found: Evaluation, losses: Losses, replicates: int, level: float, seed: int
) -> dict[str, tuple[float, float]]:
    """Return intervals (low, high) of accuracy, macro and weighted F1 and log loss.

    That of accuracy is Wilson's; the others are of bootstrap resamples. That of the loss are their
    percentiles. Those of F1 are mirrored at the figure itself (the basic bootstrap, Davison and
    Hinkley 1997): a resample lacks rows of small classes, so that its F1 is too low on the mean;
    with 57 classes on 331 rows, percentiles held the true value in 75 of 100 cases, these in 97.
    Where classes have a row or two each, all resamples may be lower: the interval then begins at
    the figure. The F1 of rows without a mistake has none: no resample of them has one.

    Args:
        found: The counts.
        losses: The same rows' losses.
        replicates: Number of resamples; 0 returns nothing.
        level: Level of the intervals, such as 0.95.
        seed: Seed of the resamples.
    """
    if replicates == 0 or found.rows == 0:
        return {}
    random = np.random.default_rng(seed)
    true, predicted, cells = found.pairs()
    right = int(found.right.sum())
    scores = ("macro_f1", "weighted_f1") if right < found.rows else ()
    values: dict[str, list[float]] = {name: [] for name in scores}
    for counts in _resamples(random, cells, replicates if scores else 0):
        for name, score in _f1(true, predicted, counts, len(found.labels)).items():
            values[name].append(score)
    means = losses.means()
    kinds = losses.counts[losses.counts > 0]
    values["loss"] = [
        float(counts @ means) / found.rows for counts in _resamples(random, kinds, replicates)
    ]
    tail = (1 - level) / 2
    bounds = {"accuracy": wilson(right, found.rows, level)}
    for name, drawn in values.items():
        low, high = (float(q) for q in np.quantile(drawn, (tail, 1 - tail)))
        if name in scores:
            figure = float(getattr(found, name))
            low, high = 2 * figure - high, 2 * figure - low
            low, high = max(0.0, min(low, figure)), min(1.0, max(high, figure))
        bounds[name] = (low, high)
    return bounds


def _f1(
    true: NDArray[np.int64], predicted: NDArray[np.int64], counts: NDArray[np.int64], classes: int
) -> dict[str, float]:
    """Return macro and weighted F1, as `Evaluation` has them, of the cells that are not empty."""
    support = np.bincount(true, counts, classes)
    both = support + np.bincount(predicted, counts, classes)
    right = np.bincount(true, counts * (true == predicted), classes)
    f1 = 2 * right / np.maximum(1, both)
    return {
        "macro_f1": float(f1[both > 0].mean()),
        "weighted_f1": float((f1 * support).sum() / counts.sum()),
    }


def wilson(right: int, rows: int, level: float) -> tuple[float, float]:
    """Return Wilson's interval (low, high) of a share, which is sound also at 0 and 1.

    Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, spread = right / rows, z * z / rows
    middle = (share + spread / 2) / (1 + spread)
    half = (spread * share * (1 - share) + spread**2 / 4) ** 0.5 / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def _resamples(
    random: np.random.Generator, counts: NDArray[np.int64], replicates: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the counts of each resample."""
    total = int(counts.sum())
    at_once = max(1, _DRAWN // len(counts))
    for start in range(0, replicates, at_once):
        size = min(at_once, replicates - start)
        yield from random.multinomial(total, counts / total, size=size)
