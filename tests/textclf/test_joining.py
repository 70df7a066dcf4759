"""A network and support vector machines: trained at once, weighed, and made one network."""

from __future__ import annotations

import dataclasses
import threading
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, random_array
from scipy.special import logsumexp

from textclf.joining import SVMBeside, fit_svm_weight, join, train_best_svm
from textclf.layers import Weights, dense_layers, forward
from textclf.linear_svm import LinearSVM, train_linear_svm
from textclf.ngrams.shards import Shard
from textclf.ngrams.vectorizer import Rows
from textclf.settings import NetworkSettings, TrainingSettings
from textclf.training import fit
from textclf.warm_start import split_members

FEATURES, CLASSES = 40, 3
SETTINGS = NetworkSettings(units=4, members=2)
TRAINING = TrainingSettings(batch_size=32, epochs=2, threads=1)


def shard(rows: int, seed: int) -> Shard:
    """Return rows of classes that overlap."""
    x = csr_matrix(random_array((rows, FEATURES), density=0.2, rng=seed, dtype=np.float32))
    rule = np.random.default_rng(0).normal(size=(FEATURES, CLASSES))
    noise = np.random.default_rng(seed).normal(size=(rows, CLASSES))
    return Shard(x, (x @ rule + noise).argmax(axis=1).astype(np.int32))


def network(*widths: int) -> Weights:
    """Return a network of random weights."""
    random, inputs, found = np.random.default_rng(1), FEATURES, []
    for i, units in enumerate((*widths, CLASSES)):
        kernel = random.normal(size=(inputs, units)).astype(np.float32)
        bias = random.normal(size=units).astype(np.float32)
        found += [(f"dense_{i}.kernel", kernel), (f"dense_{i}.bias", bias)]
        inputs = units
    return found


def machines(scale: float = 1.0) -> LinearSVM:
    random = np.random.default_rng(2)
    kernel = scale * random.normal(size=(FEATURES, CLASSES))
    return LinearSVM(kernel.astype(np.float32), random.normal(size=CLASSES).astype(np.float32))


def beside(shards: list[Shard]) -> SVMBeside:
    return SVMBeside([shards], [], CLASSES, seed=1, class_weight=None, work=None)


def trained(shards: list[Shard], **how: Any) -> LinearSVM:
    return train_linear_svm(shards, CLASSES, seed=1, **how)[-1]


def rows_of(shard: Shard) -> Rows:
    return Rows(shard.x.indptr.astype(np.int64), shard.x.indices, shard.x.data)


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5), (4, 6, 5)])
def test_the_logits_are_the_weighed_sum(hidden: tuple[int, ...]) -> None:
    weights, svm, rows = network(*hidden), machines(), shard(50, 1)
    joined = forward(rows_of(rows), dense_layers(join(weights, svm, 0.7)))
    scores = rows.x @ svm.kernel + svm.bias
    if hidden:  # of which the lowest say no more than -3
        assert (scores < -3).any()
        scores = np.maximum(scores, -3) + 3
    wanted = forward(rows_of(rows), dense_layers(weights)) + 0.7 * scores
    np.testing.assert_allclose(joined, wanted, rtol=1e-3, atol=1e-3)


def test_the_weight_is_twice_that_of_the_lowest_loss() -> None:
    held_out = shard(3000, 5)
    true = held_out.y
    svm, other = (trained([shard(90, seed)]) for seed in (1, 2))
    weights = [("dense_0.kernel", 2 * other.kernel), ("dense_0.bias", 2 * other.bias)]
    found = fit_svm_weight(weights, svm, [held_out, shard(0, 1)])
    logits = forward(rows_of(held_out), dense_layers(weights))
    scores = np.maximum(held_out.x @ svm.kernel + svm.bias, -3)

    def loss(given: np.ndarray) -> float:
        z = logits * given[0] + scores * given[1]
        return float((logsumexp(z, axis=1) - z[np.arange(len(true)), true]).mean())

    cooled, weighed = minimize(loss, [1.0, 1.0], method="Nelder-Mead").x
    assert found == pytest.approx(2 * weighed / cooled, rel=0.05)


def test_the_better_of_two_weighs_more() -> None:
    good, bad = trained([shard(500, 1)]), machines()
    as_network = [("dense_0.kernel", good.kernel), ("dense_0.bias", good.bias)]
    held_out = [shard(400, 5)]
    assert fit_svm_weight(network(7), good, held_out) > 20 * fit_svm_weight(
        as_network, bad, held_out
    )


def test_without_rows_to_tell_them_apart_both_weigh_alike() -> None:
    assert fit_svm_weight(network(7), machines(), []) == 2


def test_a_few_rows_that_are_all_right_do_not_decide() -> None:
    rows = shard(4, 3)
    good = trained([rows])
    none = [("dense_0.kernel", 0 * good.kernel), ("dense_0.bias", 0 * good.bias)]
    assert fit_svm_weight(none, good, [rows]) < 7


@pytest.mark.parametrize(("held_out", "cost"), [(shard(150, 1), 2.0), (shard(3000, 5), 0.5)])
def test_rows_like_those_trained_on_may_cost_more(held_out: Shard, cost: float) -> None:
    train = [shard(150, 1)]  # once the held-out rows are the same
    (found,) = train_best_svm([train], [held_out], CLASSES, seed=1)
    costs = (0.5, 2.0)
    tried = dict(zip(costs, train_linear_svm(train, CLASSES, seed=1, costs=costs), strict=True))
    assert np.array_equal(found.kernel, tried[cost].kernel)


def test_of_many_rows_one_cost_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textclf.joining._MOST_ROWS", 149)
    train = [shard(150, 1)]
    (found,) = train_best_svm([train], train, CLASSES, seed=1)
    assert np.array_equal(found.kernel, trained(train).kernel)


def test_training_ends_with_both_in_one_network() -> None:
    train, held_out = [shard(300, 1), shard(200, 2)], [shard(100, 3)]
    alone = fit(train, held_out, dataclasses.replace(SETTINGS, svm=False), TRAINING, seed=1)
    both = fit(train, held_out, SETTINGS, TRAINING, seed=1)
    (svm,) = train_best_svm([train], held_out, CLASSES, seed=1)
    assert alone.svm_weight is None
    assert both.svm_weight == fit_svm_weight(alone.weights, svm, held_out)
    for (name, found), (_, wanted) in zip(
        both.weights, join(alone.weights, svm, both.svm_weight), strict=True
    ):
        assert np.array_equal(found, wanted), name


def test_trained_once_more_on_all_rows_machines_are_too() -> None:
    train, held_out = [shard(300, 1)], [shard(100, 3)]
    both = fit(train, held_out, SETTINGS, TRAINING, seed=1, all_rows=[*train, *held_out])
    _, svm = train_best_svm([train, [*train, *held_out]], held_out, CLASSES, seed=1)
    assert both.refitted is not None
    assert np.array_equal(both.refitted[0][1][:, -CLASSES:], svm.kernel)
    assert not np.array_equal(both.weights[0][1][:, -CLASSES:], svm.kernel)


def test_machines_count_classes_alike_if_the_network_does() -> None:
    train = [shard(300, 1)]
    plain, balanced = (
        fit(train, [], SETTINGS, dataclasses.replace(TRAINING, class_weight=how), seed=1)
        for how in ("none", "balanced")
    )
    weight = 300 / (CLASSES * np.bincount(train[0].y))
    svm = trained(train, class_weight=weight.astype(np.float32))
    assert np.array_equal(balanced.weights[0][1][:, -CLASSES:], svm.kernel)
    assert not np.array_equal(plain.weights[0][1][:, -CLASSES:], svm.kernel)


@pytest.mark.parametrize("layers", [2, 3])
def test_training_that_goes_on_starts_without_the_machines(layers: int) -> None:
    settings = NetworkSettings(layers=layers, units=4, members=2)
    result = fit([shard(200, 1)], [], settings, TRAINING, seed=1)
    alone = fit([shard(200, 1)], [], dataclasses.replace(settings, svm=False), TRAINING, seed=1)
    with_svm, without = (
        split_members(dense_layers(found.weights), settings) for found in (result, alone)
    )
    for found, wanted in zip(with_svm, without, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_whoever_waits_may_be_told_to_stop() -> None:
    class Slow(list[Shard]):
        def __getitem__(self, i):  # type: ignore[no-untyped-def]
            waiting.wait(0.2)
            return super().__getitem__(i)

    waiting = threading.Event()
    with closing(beside(Slow([shard(20, i) for i in range(20)]))) as machines:
        assert machines.wait(lambda: True) is None
        waiting.set()


def test_a_shard_that_cannot_be_read_is_told() -> None:
    class Gone(list[Shard]):
        def __getitem__(self, i):  # type: ignore[no-untyped-def]
            raise OSError(5, "Input/output error", "shard")

    with (
        pytest.raises(OSError, match="Input/output error"),
        closing(beside(Gone([shard(9, 1)]))) as svm,
    ):
        svm.wait(lambda: False)
