"""The product of sparse rows and a dense kernel."""

from __future__ import annotations

from textclf.compiled import njit


@njit(cache=True, nogil=True)
def multiply(indptr, indices, data, kernel, bias, out):  # type: ignore[no-untyped-def]
    """Write rows @ kernel + bias into `out`.

    Args:
        indptr: (rows + 1,) int64, the rows in CSR form; so are the next two.
        indices: int32.
        data: float32.
        kernel: (columns, units) float32.
        bias: (units,) float32.
        out: (rows, units) float32.
    """
    units = bias.size
    for row in range(indptr.size - 1):
        for unit in range(units):
            out[row, unit] = bias[unit]
        for i in range(indptr[row], indptr[row + 1]):
            column, value = indices[i], data[i]
            for unit in range(units):
                out[row, unit] += value * kernel[column, unit]
