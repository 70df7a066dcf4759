"""Batches of sparse rows as the network takes them: flat arrays instead of a sparse tensor.

The columns that occur in a batch are listed once, and everything after is done on those rows of
the first layer's kernel alone: the product, its gradient, and the optimizer's update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class SparseBatch(NamedTuple):
    """A matrix as the network takes it: its non-zeros row by row, as in CSR, and by columns.

    Attributes:
        lengths: (batch,) int32, non-zeros of each row. First, because Keras takes the size of a
            batch from its first array.
        places: (non-zeros,) int32, where the column of each stands in `columns`.
        values: (non-zeros,) float32.
        columns: (columns that occur,) int32, ascending; column 0 if there are no non-zeros.
        ends: (columns that occur,) int32, where the non-zeros of each end in the next two.
        order: (non-zeros,) int32, which of the values comes first by columns, which second, ...
        rows: (non-zeros,) int32, the row of each of these.
    """

    lengths: NDArray[np.int32]
    places: NDArray[np.int32]
    values: NDArray[np.float32]
    columns: NDArray[np.int32]
    ends: NDArray[np.int32]
    order: NDArray[np.int32]
    rows: NDArray[np.int32]


DTYPES = {name: "float32" if name == "values" else "int32" for name in SparseBatch._fields}


class SparseEncoder:
    """Makes `SparseBatch`es of CSR matrices; not for several threads at once.

    Args:
        n_features: Columns of the matrices.
    """

    def __init__(self, n_features: int) -> None:
        self._place = np.full(n_features, -1, dtype=np.int32)

    def __call__(self, x: csr_matrix) -> SparseBatch:
        """Encode a (batch, features) float32 matrix without duplicates in a row."""
        return SparseBatch(*_encode(x.indptr, x.indices, x.data, self._place))


@njit(cache=True, nogil=True)
def _encode(indptr, indices, data, place):  # type: ignore[no-untyped-def]
    """Return the arrays of a `SparseBatch`; `place` is (features,) and all -1, also afterwards."""
    for column in indices:
        place[column] = 0
    if indices.size == 0:  # TensorFlow's product divides by the number of columns
        place[0] = 0
    n = 0
    for column in range(place.size):
        if place[column] == 0:
            place[column] = n
            n += 1
    columns = np.zeros(n, np.int32)
    lengths = np.empty(indptr.size - 1, np.int32)
    places = np.empty(indices.size, np.int32)
    ends = np.zeros(n + 1, np.int32)
    for row in range(lengths.size):
        lengths[row] = indptr[row + 1] - indptr[row]
    for k in range(indices.size):
        places[k] = place[indices[k]]
        columns[places[k]] = indices[k]
        ends[places[k] + 1] += 1
    for i in range(n):
        ends[i + 1] += ends[i]
    order = np.empty(indices.size, np.int32)
    rows = np.empty(indices.size, np.int32)
    for row in range(lengths.size):
        for k in range(indptr[row], indptr[row + 1]):
            at = ends[places[k]]
            order[at], rows[at] = k, row
            ends[places[k]] += 1  # from the column's start to its end
    for column in columns:
        place[column] = -1
    return lengths, places, data, columns, ends[:n], order, rows
