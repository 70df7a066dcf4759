"""Rows of each class without the zeros say what a matrix with them does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from textclf.ngrams import class_counts
from textclf.ngrams.class_counts import ClassCounts
from textclf.ngrams.selection import chi2, log_count_spread

N = 40  # n-grams


def corpus(
    rows: int, classes: int, seed: int
) -> tuple[csr_matrix, NDArray[np.int32], NDArray[np.bool_]]:
    """Return which rows hold which n-grams (the first all), their classes, and which count."""
    random = np.random.default_rng(seed)
    x = random_array((rows, N), density=0.2, rng=random).toarray()
    x[0] = 1
    kept = random.random(rows) < 0.8
    kept[0] = True
    return csr_matrix(x), random.integers(0, classes, rows).astype(np.int32), kept


def counted(
    x: csr_matrix, labels: NDArray[np.int32], kept: NDArray[np.bool_], short: int = 0
) -> tuple[ClassCounts, NDArray[np.int64], NDArray[np.int64]]:
    """Return the counts, the same as a matrix, and the rows of each class."""
    classes = int(labels.max()) + 1
    dense = np.zeros((N, classes), np.int64)
    for k in range(classes):
        dense[:, k] = (x[kept & (labels == k)] > 0).sum(axis=0)
    found = ClassCounts(np.minimum(dense.sum(axis=1) + short, classes))
    for part in np.array_split(np.arange(x.shape[0]), 3):
        indptr = x[part].indptr.astype(np.int64)
        found.add(indptr, x[part].indices, labels[part], kept[part])
    return found, dense, np.bincount(labels[kept], minlength=classes)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.integers(1, 90), st.integers(0, 99), st.integers(0, 5))
def test_scores_are_those_of_the_matrix(rows: int, classes: int, seed: int, short: int) -> None:
    found, dense, by_class = counted(*corpus(rows, classes, seed), short)
    np.testing.assert_allclose(found.chi2(by_class), chi2(dense, by_class), atol=1e-8)
    spread = log_count_spread(dense, by_class)
    np.testing.assert_allclose(found.log_count_spread(by_class), spread, atol=1e-6)


@pytest.mark.parametrize("slots", [1, 7, 10_000])
def test_ngrams_are_gone_over_in_parts(slots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_counts, "_SLOTS", slots)
    found, dense, by_class = counted(*corpus(200, 30, 1))
    np.testing.assert_allclose(found.chi2(by_class), chi2(dense, by_class))
    spread = log_count_spread(dense, by_class)
    np.testing.assert_allclose(found.log_count_spread(by_class), spread)


def test_memory_grows_with_rows_and_not_with_classes() -> None:
    few, many = (ClassCounts(np.minimum(np.full(1000, 3), classes)) for classes in (2, 100_000))
    assert len(few._rows) == 2000
    assert len(many._rows) == 3000
