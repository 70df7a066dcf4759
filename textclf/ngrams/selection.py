"""Scores of n-grams by class: chi-squared on presence, the ANOVA F-value, log-count ratios."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELLS = 1 << 20  # of a matrix of n-grams and classes that is worked on at once

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]


def chi2(by_class: Integers, rows_by_class: NDArray[np.int64]) -> Floats:
    """Return the chi-squared statistic of each n-gram's presence and the class.

    The same as scikit-learn's `chi2` on a binary matrix (Yang and Pedersen 1997).

    Args:
        by_class: (n, classes) rows of each class that hold the n-gram.
        rows_by_class: (classes,) rows of each class.
    """
    df, scores = by_class.sum(axis=1, dtype=np.int64), np.zeros(len(by_class))
    for found, share in zip(by_class.T, rows_by_class / rows_by_class.sum(), strict=True):
        expected = df * share
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (found - expected) ** 2 / expected
        scores += np.where(expected > 0, terms, 0.0)
    return scores


def f_classif(sums: Floats, squares: Floats, rows_by_class: NDArray[np.int64]) -> Floats:
    """Return the ANOVA F-value of each n-gram's weights and the class.

    Exact from sums, so that no matrix is needed; the same as scikit-learn's `f_classif`.

    Args:
        sums: (n, classes) sum of the n-gram's weights over the rows of each class.
        squares: (n,) sum of its squared weights over all rows.
        rows_by_class: (classes,) rows of each class.
    """
    counted = rows_by_class > 0
    rows, classes = rows_by_class.sum(), int(counted.sum())
    correction = sums.sum(axis=1) ** 2 / rows
    total = squares - correction
    between = (sums[:, counted] ** 2 / rows_by_class[counted]).sum(axis=1) - correction
    within = total - between
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (between / (classes - 1)) / (within / (rows - classes))
    return np.asarray(f)


def log_count_spread(by_class: Integers, rows_by_class: NDArray[np.int64]) -> Floats:
    """Return the standard deviation over the classes of each n-gram's log-count ratio.

    The ratio is that of a class' share of rows with the n-gram to the share of all rows, as in
    naive Bayes (Wang and Manning 2012, Baselines and Bigrams), smoothed by one row for an average
    class. Classes count by their rows.

    Args:
        by_class: (n, classes) rows of each class that hold the n-gram.
        rows_by_class: (classes,) rows of each class.
    """
    counted = rows_by_class > 0
    rows = rows_by_class[counted]
    share = rows / rows.sum()
    spread = np.empty(len(by_class))
    step = max(1, _CELLS // len(rows_by_class))
    for part in (slice(start, start + step) for start in range(0, len(by_class), step)):
        found = by_class[part, counted]
        inside = (found + len(rows) * share) / (rows + 1.0)
        overall = (found.sum(axis=1, dtype=np.int64, keepdims=True) + 1.0) / (rows.sum() + 1.0)
        ratio = np.log(inside / overall)
        spread[part] = np.sqrt((ratio - ratio @ share[:, None]) ** 2 @ share)
    return spread


def best(scores: Floats, df: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the ascending places of the k best scores; ties go to the higher df, then the place.

    Args:
        scores: (n,); not-a-number counts as the worst.
        df: (n,) document frequencies.
        k: How many; 0 or at least n returns all.
    """
    if k == 0 or k >= len(scores):
        return np.arange(len(scores))
    scores = np.nan_to_num(scores, nan=-np.inf, posinf=np.inf)
    near = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
    order = np.lexsort((-df[near], -scores[near]))
    return np.sort(near[order[:k]])
