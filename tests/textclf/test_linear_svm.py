"""Support vector machines of rows in shards, against scikit-learn's LinearSVC (LIBLINEAR)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array
from sklearn.svm import LinearSVC

from textclf.linear_svm import COST, LinearSVM, train_linear_svm
from textclf.ngrams.shards import Shard


def rows(n: int, classes: int, seed: int = 1) -> tuple[csr_matrix, NDArray[np.int32]]:
    """Return random rows, a tenth without features, of classes that overlap."""
    x = csr_matrix(random_array((n, 400), density=0.03, rng=seed, dtype=np.float32))
    random = np.random.default_rng(seed)
    x = csr_matrix(x.multiply(random.random((n, 1)) > 0.1), dtype=np.float32)
    noisy = x @ random.normal(size=(400, classes)) + random.normal(size=(n, classes))
    return x, noisy.argmax(axis=1).astype(np.int32)


def cut(x: csr_matrix, y: NDArray[np.int32], shards: int) -> list[Shard]:
    """Return the rows in shards of any size, of which the first is empty if there are several."""
    ends = np.random.default_rng(shards).integers(0, len(y), max(0, shards - 2))
    places = [0, *([0] if shards > 1 else []), *sorted(ends.tolist()), len(y)]
    return [Shard(x[a:b], y[a:b]) for a, b in pairwise(places)]


def peer(
    x: csr_matrix, y: NDArray[np.int32], weight: NDArray[np.float32], cost: float = COST
) -> LinearSVC:
    """Its own class weights are of the rows that are in a class, not of those that are not."""
    svm = LinearSVC(C=cost, tol=1e-8, max_iter=100_000)
    return svm.fit(x, y, sample_weight=weight[y])


def loss(svm: LinearSVM, x: csr_matrix, y: NDArray[np.int32], machine: int) -> float:
    """Return what LIBLINEAR minimizes."""
    signs = np.where(y == machine, 1, -1)
    scores = x @ svm.kernel[:, machine] + svm.bias[machine]
    weights = (svm.kernel[:, machine] ** 2).sum() + svm.bias[machine] ** 2
    return float(weights / 2 + COST * (np.maximum(0, 1 - signs * scores) ** 2).sum())


@pytest.mark.parametrize("weight", [None, (3.0, 0.5, 1.0, 2.0)])
@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_they_come_to_be_those_of_scikit_learn(
    classes: int, shards: int, weight: tuple[float, ...] | None
) -> None:
    x, y = rows(400, classes)
    given = None if weight is None else np.array(weight[:classes], np.float32)
    parts = cut(x, y, shards)
    (found,) = train_linear_svm(parts, classes, seed=1, class_weight=given, passes=400)
    wanted = peer(x, y, np.ones(classes, np.float32) if given is None else given)
    kernel, bias = wanted.coef_.T, wanted.intercept_
    if classes == 2:  # one machine, seen from both sides
        kernel, bias = np.hstack((-kernel, kernel)), np.hstack((-bias, bias))
    np.testing.assert_allclose(found.kernel, kernel, atol=1e-3)
    np.testing.assert_allclose(found.bias, bias, atol=1e-3)


def test_each_cost_has_its_own() -> None:
    x, y = rows(400, 3)
    costs = (0.1, 0.5, 2.0)
    found = train_linear_svm(cut(x, y, 2), 3, seed=1, costs=costs, passes=400)
    for cost, svm in zip(costs, found, strict=True):
        wanted = peer(x, y, np.ones(3), cost)
        np.testing.assert_allclose(svm.kernel, wanted.coef_.T, atol=2e-3)


def test_few_passes_are_near_the_minimum() -> None:
    x, y = rows(2000, 3)
    (found,), wanted = train_linear_svm(cut(x, y, 4), 3, seed=1), peer(x, y, np.ones(3))
    best = LinearSVM(wanted.coef_.T, wanted.intercept_)
    for machine in range(3):
        assert loss(found, x, y, machine) < 1.06 * loss(best, x, y, machine)


def test_the_seed_says_all() -> None:
    shards = cut(*rows(300, 3), 3)
    one, same, other = (train_linear_svm(shards, 3, seed=s, passes=2)[0] for s in (1, 1, 2))
    assert np.array_equal(one.kernel, same.kernel)
    assert not np.array_equal(one.kernel, other.kernel)


def test_it_stops_after_the_shard_it_is_at() -> None:
    shards = cut(*rows(300, 3), 3)
    asked = iter(range(100))
    (found,) = train_linear_svm(shards, 3, seed=1, should_stop=lambda: next(asked) == 4)
    assert next(asked) == 5
    assert np.isfinite(found.kernel).all()
    assert found.kernel.any()
