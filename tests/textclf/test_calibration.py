"""Temperatures and factors that make scores into honest logits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from textclf import calibration
from textclf.calibration import calibrate, fit_factors, fit_temperature, take_enough
from textclf.layers import Dense, forward
from textclf.metrics import softmax
from textclf.ngrams.shards import Shard


def draws(logits: NDArray[np.float32], seed: int) -> NDArray[np.int32]:
    """Return a class for each row, by the probabilities that the logits say."""
    random = np.random.default_rng(seed).random((len(logits), 1))
    last = logits.shape[1] - 1
    return (random > softmax(logits).cumsum(axis=1)).sum(axis=1).clip(max=last).astype(np.int32)


def test_temperature_undoes_a_factor_on_honest_logits() -> None:
    logits = np.random.default_rng(3).normal(size=(40_000, 3)).astype(np.float32)
    found = fit_temperature(logits * np.float32(2.5), draws(logits, 4))
    assert found == pytest.approx(2.5, rel=0.05)


@pytest.mark.parametrize(("rows", "least"), [(0, 1.0), (6, 0.6), (100, 0.25)])
def test_a_few_rows_that_are_all_right_do_not_make_it_sure_of_all(rows: int, least: float) -> None:
    logits = np.tile(np.float32([3, 0, 0]), (rows, 1))
    assert least <= fit_temperature(logits, np.zeros(rows, np.int32)) <= 1


@pytest.mark.parametrize("rows", [5, 200, 5000])
@pytest.mark.parametrize("sizes", [(1.0,), (0.01,), (1.0, 1.0), (30.0, 0.1), (5.0, -1.0, 0.0)])
def test_factors_are_those_that_scipy_finds(rows: int, sizes: tuple[float, ...]) -> None:
    random = np.random.default_rng(rows)
    honest = [random.normal(size=(rows, 4)).astype(np.float32) for _ in sizes]
    true = draws(np.sum(honest, axis=0), 1)
    scores = [part * np.float32(size) for part, size in zip(honest, sizes, strict=True)]

    def loss(logs: NDArray[np.float64]) -> float:
        logits = np.tensordot(np.exp(logs), np.array(scores, np.float64), axes=1)
        return float((logs**2).sum() / 2 - log_softmax(logits, axis=1)[np.arange(rows), true].sum())

    least = min(
        (minimize(loss, np.full(len(sizes), start), tol=1e-9) for start in (0.0, -2.0, 2.0)),
        key=lambda found: found.fun,
    )
    found = np.log(fit_factors(scores, true))
    assert loss(found) <= least.fun + 1e-4
    np.testing.assert_allclose(found, least.x, atol=5e-3)


@pytest.mark.parametrize(("classes", "taken"), [(4, 66), (50, 6), (5000, 3), (100_000, 1)])
def test_no_more_rows_are_taken_than_tell(classes: int, taken: int) -> None:
    parts = ((np.broadcast_to(np.float32(0), (4000, classes)), i) for i in range(1, 99))
    assert [i for _, i in take_enough(parts)] == list(range(1, taken + 1))
    assert next(parts)[1] == taken + 1, "the others can still be read"


def test_the_temperature_is_of_the_first_rows_and_the_figures_are_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "_FEWEST_ROWS", 100)
    monkeypatch.setattr(calibration, "_ENOUGH", 0)
    random = np.random.default_rng(1)
    layers = [Dense(random.normal(size=(6, 3)).astype(np.float32), np.zeros(3, np.float32))]
    x = random.normal(size=(10, 50, 6)).astype(np.float32)
    true = [draws(rows @ layers[0].kernel, i) for i, rows in enumerate(x)]
    shards = [Shard(csr_matrix(rows), y) for rows, y in zip(x, true, strict=True)]
    classifier = SimpleNamespace(labels=list("abc"), logits=lambda rows: forward(rows, layers))
    figures, _ = calibrate(classifier, shards)  # type: ignore[arg-type]
    logits = x @ layers[0].kernel
    wanted = fit_temperature(logits[:2].reshape(100, 3), np.concatenate(true[:2]))
    assert classifier.temperature == pytest.approx(wanted, rel=1e-4)
    assert figures.rows == 500
    assert figures.accuracy == np.mean(logits.argmax(axis=2) == np.array(true))
