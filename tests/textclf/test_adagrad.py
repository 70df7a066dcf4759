"""The kernel that compiled kernels multiply and train, against plain numpy."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from textclf import adagrad
from textclf.adagrad import AdagradKernel
from textclf.sparse_batches import SparseEncoder


def matrix(rows: int, columns: int, density: float = 0.2, seed: int = 1) -> csr_matrix:
    """Return random float32 rows."""
    made = random_array((rows, columns), density=density, rng=seed, dtype=np.float32)
    return csr_matrix(made)


@given(
    st.integers(1, 9), st.integers(1, 30), st.integers(1, 20), st.floats(0, 1), st.integers(0, 99)
)
@settings(max_examples=60, deadline=None)
def test_it_multiplies_and_moves_by_adagrad(
    rows: int, columns: int, units: int, density: float, seed: int
) -> None:
    kernel = AdagradKernel(columns, units, seed)
    expected, sums = kernel.weights.copy(), np.zeros(columns)
    encode = SparseEncoder(columns)
    for step in range(3):
        x = matrix(rows, columns, density, seed + step)
        gradient = np.random.default_rng(step).normal(size=(rows, units)).astype(np.float32)
        product = kernel.multiply(encode(x))
        np.testing.assert_allclose(product, x.toarray() @ expected, atol=1e-4)
        kernel.learn(encode(x), gradient, 0.01)
        slope = x.toarray().T @ gradient
        sums += (slope**2).mean(axis=1)
        expected -= 30 * 0.01 * slope / (np.sqrt(sums)[:, None] + 1e-7)
        np.testing.assert_allclose(kernel.weights, expected, atol=1e-4)
        np.testing.assert_allclose(kernel.sums, sums, rtol=1e-4, atol=1e-6)


def test_rows_of_other_columns_stay() -> None:
    kernel = AdagradKernel(1000, 3, seed=1)
    before, x = kernel.weights.copy(), matrix(4, 1000, 0.01)
    kernel.learn(SparseEncoder(1000)(x), np.ones((4, 3), np.float32), 0.1)
    moved = np.flatnonzero((kernel.weights != before).any(axis=1))
    assert moved.tolist() == sorted(set(x.indices.tolist()))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adagrad, "_LEAST", 1)
    one, several = AdagradKernel(300, 5, 1, threads=1), AdagradKernel(300, 5, 1, threads)
    for step in range(5):
        batch = SparseEncoder(300)(matrix(40, 300, seed=step))
        products = one.multiply(batch), several.multiply(batch)
        assert (products[0] == products[1]).all()
        for kernel in (one, several):
            kernel.learn(batch, products[0], 0.01)
    assert (one.weights == several.weights).all()
    assert (one.sums == several.sums).all()


def test_it_begins_as_wide_as_glorot_says_and_as_the_seed_says() -> None:
    kernel, other = AdagradKernel(400, 50, seed=1), AdagradKernel(400, 50, seed=2)
    width = np.sqrt(6 / 450)
    assert 0.99 * width < np.abs(kernel.weights).max() <= width
    assert abs(kernel.weights.mean()) < 0.01 * width
    assert (kernel.weights != other.weights).any()


def test_it_begins_again_as_it_began() -> None:
    kernel = AdagradKernel(30, 4, seed=1)
    before = kernel.weights.copy()
    kernel.learn(SparseEncoder(30)(matrix(9, 30)), np.ones((9, 4), np.float32), 0.1)
    assert (kernel.weights != before).any()
    kernel.begin()
    assert (kernel.weights == before).all()
    assert not kernel.sums.any()


def test_its_threads_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adagrad, "_LEAST", 1)
    before = set(threading.enumerate())
    kernel = AdagradKernel(300, 5, 1, threads=2)
    kernel.multiply(SparseEncoder(300)(matrix(40, 300)))
    (own,) = set(threading.enumerate()) - before
    del kernel
    own.join(10)
    assert not own.is_alive()
