"""Scores from sums against scikit-learn's scores of a matrix."""

import numpy as np
import pytest
import sklearn.feature_selection
import sklearn.naive_bayes
from scipy.sparse import random as random_matrix

from textclf.ngrams import selection
from textclf.ngrams.selection import best, chi2, f_classif, log_count_spread


@pytest.fixture
def matrix():
    x = random_matrix(300, 50, 0.1, format="csr", rng=np.random.default_rng(3))
    y = np.random.default_rng(4).integers(0, 4, 300)
    return x, y, np.bincount(y)


def by_class(x, y):
    return np.stack([np.asarray(x[y == k].sum(axis=0)).ravel() for k in range(4)], axis=1)


def test_chi2_equals_that_of_scikit_learn_on_presence(matrix):
    x, y, rows = matrix
    present = (x > 0).astype(np.float64)
    ours = chi2(by_class(present, y).astype(np.int64), rows)
    np.testing.assert_allclose(ours, sklearn.feature_selection.chi2(present, y)[0], rtol=1e-9)


def test_f_classif_equals_that_of_scikit_learn(matrix):
    x, y, rows = matrix
    squares = np.asarray(x.multiply(x).sum(axis=0)).ravel()
    ours = f_classif(by_class(x, y), squares, rows)
    np.testing.assert_allclose(ours, sklearn.feature_selection.f_classif(x, y)[0], rtol=1e-9)


def test_f_classif_passes_over_a_class_without_rows(matrix):
    x, y, rows = matrix
    squares = np.asarray(x.multiply(x).sum(axis=0)).ravel()
    wider = np.concatenate([by_class(x, y), np.zeros((50, 1))], axis=1)
    np.testing.assert_allclose(
        f_classif(wider, squares, np.append(rows, 0)), f_classif(by_class(x, y), squares, rows)
    )


@pytest.mark.parametrize(
    ("k", "chosen"), [(0, [0, 1, 2, 3]), (9, [0, 1, 2, 3]), (1, [2]), (2, [1, 2]), (3, [0, 1, 2])]
)
def test_best_takes_high_scores_then_high_df_then_the_first(k, chosen):
    scores = np.array([1.0, 1.0, 5.0, np.nan])
    assert best(scores, np.array([3, 4, 1, 9]), k).tolist() == chosen


@pytest.mark.parametrize("cells", [1, 4 * 7, 1 << 20])
def test_log_count_spread_is_the_deviation_of_naive_bayes_over_balanced_classes(
    matrix, cells, monkeypatch
):
    monkeypatch.setattr(selection, "_CELLS", cells)  # one n-gram at once, or seven, or all
    present = (matrix[0] > 0).astype(np.float64)
    y = np.arange(300) % 4
    bayes = sklearn.naive_bayes.BernoulliNB(alpha=1.0).fit(present, y)
    ours = log_count_spread(by_class(present, y).astype(np.int64), np.bincount(y))
    np.testing.assert_allclose(ours, bayes.feature_log_prob_.std(axis=0), rtol=1e-9)


def test_log_count_spread_weighs_classes_by_their_rows():
    found = np.array([[300, 50], [30, 5]])
    spread = log_count_spread(found, np.array([900, 100]))
    # In rows with the n-gram, the second class is 50/350 instead of 100/1000.
    ratios = np.log([301.8 / 901 / (351 / 1001), 50.2 / 101 / (351 / 1001)])
    mean = 0.9 * ratios[0] + 0.1 * ratios[1]
    expected = np.sqrt(0.9 * (ratios[0] - mean) ** 2 + 0.1 * (ratios[1] - mean) ** 2)
    assert spread[0] == pytest.approx(expected)
    assert spread[1] < spread[0]


def test_log_count_spread_passes_over_a_class_without_rows(matrix):
    found = by_class((matrix[0] > 0).astype(np.float64), matrix[1]).astype(np.int64)
    rows = matrix[2]
    wider = np.insert(found, 2, 0, axis=1), np.insert(rows, 2, 0)
    np.testing.assert_allclose(log_count_spread(*wider), log_count_spread(found, rows))
