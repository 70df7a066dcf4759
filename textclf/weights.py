"""A network's weights: read and written by rows where they lie, and as one plain network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from textclf.adagrad import AdagradKernel

_ROWS = 1 << 14  # at a time: reading a sparsely updated variable as a whole copies all of it


def weights_of(network: keras.Model) -> list[Any]:
    """Return the weights of `build_network`'s network: kernel and bias of each layer, in order.

    They are TensorFlow's variables; but the kernel of a `CompiledDense` is an array.
    """
    return [*own_arrays(network)[:1], *(weight.value for weight in network.trainable_weights)]


def own_arrays(network: keras.Model) -> list[NDArray[np.float32]]:
    """Return what a `CompiledDense` trains besides Keras: its kernel, and the sums of its rows."""
    kernel = network.get_layer("dense_0").kernel
    return [kernel.weights, kernel.sums] if isinstance(kernel, AdagradKernel) else []


def read_weight(weight: Any) -> NDArray[Any]:
    """Return a copy of a weight.

    TensorFlow's own `numpy()` holds two copies of a sparsely updated variable on the way.
    """
    kind = weight.dtype if isinstance(weight, np.ndarray) else weight.dtype.as_numpy_dtype
    found = np.empty(weight.shape, kind)
    for rows in blocks_of(found):
        found[rows] = read_rows(weight, rows)
    return found


def read_blocks(weight: Any) -> Iterator[NDArray[Any]]:
    """Return a weight in blocks of rows."""
    for rows in blocks_of(weight):
        yield read_rows(weight, rows)


def read_rows(weight: Any, rows: slice) -> NDArray[Any]:
    """Return rows of a weight, without a copy of the others; of an array, as they lie."""
    if isinstance(weight, np.ndarray):
        return weight[rows]
    return np.asarray(tf.gather(weight, tf.range(rows.start, rows.stop)))


def write_rows(weight: Any, rows: slice, values: NDArray[Any]) -> None:
    """Put values in the place of rows of a weight."""
    if isinstance(weight, np.ndarray):
        weight[rows] = values
    else:
        weight.scatter_update(tf.IndexedSlices(values, tf.range(rows.start, rows.stop)))


def write_weight(weight: Any, values: NDArray[Any]) -> None:
    """Put values in the place of a weight."""
    if isinstance(weight, np.ndarray):
        weight[...] = values
    else:
        weight.assign(values)


def blocks_of(weight: Any) -> Iterator[slice]:
    """Yield blocks of the rows of a weight."""
    for start in range(0, weight.shape[0], _ROWS):
        yield slice(start, min(start + _ROWS, weight.shape[0]))


def named_weights(network: keras.Model) -> list[tuple[str, NDArray[np.float32]]]:
    """Return one plain network's kernels and biases: `dense_0.kernel`, `dense_0.bias`, ...

    Its logits are the means of the members' logits: the members' hidden units stand side by side.
    """
    _, members, classes = network.output_shape
    return merge_members([read_weight(w) for w in weights_of(network)], members, classes)


def merge_members(
    weights: list[NDArray[np.float32]], members: int, classes: int
) -> list[tuple[str, NDArray[np.float32]]]:
    """Return one plain network that averages the logits of members; see `named_weights`.

    Args:
        weights: Kernel and bias of each layer of `build_network`'s network, in order.
        members: How many networks stand side by side.
        classes: Columns of the last layer.
    """
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    merged: list[tuple[str, NDArray[np.float32]]] = []
    for i, (kernel, bias) in enumerate(pairs):
        if i == len(pairs) - 1 and members > 1:
            if kernel.ndim == 2:
                kernel = kernel.reshape(len(kernel), members, classes).mean(axis=1)
            else:
                kernel = kernel.reshape(-1, classes) / np.float32(members)
            bias = bias.reshape(members, classes).mean(axis=0)
        elif kernel.ndim == 3:
            kernel = _block_diagonal(kernel)
        merged += [(f"dense_{i}.kernel", kernel), (f"dense_{i}.bias", bias.reshape(-1))]
    return merged


def _block_diagonal(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (members * inputs, members * units) of (members, inputs, units), zeros elsewhere."""
    members, inputs, units = kernels.shape
    joined = np.zeros((members, inputs, members, units), np.float32)
    joined[np.arange(members), :, np.arange(members)] = kernels
    return joined.reshape(members * inputs, members * units)
