"""Batches as the network takes them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from textclf.sparse_batches import SparseEncoder


def matrix(rows: int, columns: int, density: float, seed: int) -> csr_matrix:
    """Return random float32 rows."""
    made = random_array((rows, columns), density=density, rng=seed, dtype=np.float32)
    return csr_matrix(made)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_batch_holds_the_matrix_by_rows_and_by_columns(
    rows: int, columns: int, density: float, seed: int
) -> None:
    x = matrix(rows, columns, density, seed)
    encode = SparseEncoder(columns)
    encode(matrix(3, columns, 0.2, seed + 1))  # leaves nothing behind
    batch = encode(x)

    def dense(row: NDArray[np.int32], place: NDArray[np.int32], value: NDArray[np.float32]) -> None:
        found = np.zeros((rows, columns), np.float32)
        found[row, batch.columns[place]] = value
        assert (found == x.toarray()).all()

    dense(np.repeat(np.arange(rows), batch.lengths), batch.places, batch.values)
    in_columns = np.diff(batch.ends, prepend=0)
    place = np.repeat(np.arange(len(batch.columns)), in_columns)
    dense(batch.rows, place, batch.values[batch.order])
    assert batch.columns.tolist() == sorted(set(x.indices.tolist()) or {0})
    assert sorted(batch.order.tolist()) == list(range(x.nnz))
