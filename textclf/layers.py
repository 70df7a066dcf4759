"""Dense layers as they are saved: what they make of sparse rows, without TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from textclf.ngrams.vectorizer import Rows
    from textclf.quantization import Storage

Floats = NDArray[np.float32]
Weights = list[tuple[str, Floats]]  # by name: kernel and bias of each layer, first layer first

_WORTH_NUMBA = 1 << 19  # non-zeros that plain numpy takes longer for than numba to be imported


@dataclass(frozen=True)
class Dense:
    """A layer's weights.

    Attributes:
        kernel: (inputs, units) float32.
        bias: (units,) float32.
        stored: What the kernel's numbers are on disk; what it holds can be so stored exactly.
        scales: (units,) float32 that int8 codes are multiplied by; None for floats.
    """

    kernel: Floats
    bias: Floats
    stored: Storage = "float32"
    scales: Floats | None = None


def dense_layers(weights: Sequence[tuple[str, Floats]]) -> list[Dense]:
    """Return the layers of (name, array) pairs: kernel and bias of each, first layer first."""
    arrays = [array for _, array in weights]
    return [Dense(k, b) for k, b in zip(arrays[::2], arrays[1::2], strict=True)]


def forward(rows: Rows, layers: Sequence[Dense]) -> Floats:
    """Return the last layer's output, (rows, units) float32; ReLU is between layers."""
    first, *rest = layers
    out = sparse_dense(rows, first.kernel, first.bias)
    for layer in rest:
        out = np.maximum(out, 0.0) @ layer.kernel + layer.bias
    return out


def sparse_dense(rows: Rows, kernel: Floats, bias: Floats) -> Floats:
    """Return rows @ kernel + bias, (rows, units) float32."""
    out = np.empty((len(rows.indptr) - 1, len(bias)), dtype=np.float32)
    if "numba" in sys.modules or len(rows.data) > _WORTH_NUMBA:
        from textclf.ngrams.products import multiply

        multiply(rows.indptr, rows.indices, rows.data, kernel, bias, out)
        return out
    for i, (start, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
        out[i] = rows.data[start:end] @ kernel[rows.indices[start:end]] + bias
    return out
