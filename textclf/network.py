"""The multi-layer perceptron in Keras, with a first layer made for sparse batches.

A batch reaches the network as a `SparseBatch`: four flat arrays instead of a sparse tensor. The
columns that occur in it are listed once, and everything after is done on those rows of the kernel
alone: the product, its gradient, and the optimizer's update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.settings import NetworkSettings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class SparseBatch(NamedTuple):
    """A CSR matrix as the network takes it.

    Attributes:
        lengths: (batch,) int32, non-zeros of each row. First, because Keras takes the size of a
            batch from its first array.
        cells: (non-zeros, 2) int64, the row of each, and where its column stands in `columns`.
        values: (non-zeros,) float32.
        columns: (columns that occur,) int32, ascending; column 0 if there are no non-zeros.
    """

    lengths: NDArray[np.int32]
    cells: NDArray[np.int64]
    values: NDArray[np.float32]
    columns: NDArray[np.int32]


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


def build_network(
    n_features: int, n_classes: int, settings: NetworkSettings, *, seed: int
) -> keras.Model:
    """Build the network: dropout on the input, hidden ReLU layers with dropout, logits.

    With one layer it is softmax regression. With several members it is as many networks side by
    side, which share nothing but the batch. Every random number comes from the seed.

    Args:
        n_features: Columns of the input.
        n_classes: Classes, 2 or more; there are as many logits, also for two.
        settings: Layers, units, members and dropout.
        seed: Seed of the initial weights and of dropout.

    Returns:
        A model from `SparseBatch` to (batch, members, classes) float32 logits.

    Raises:
        ValueError: If some of them are still left to the data (see `sizes.with_shape`).
    """
    units = settings.layers == 1 or settings.units
    if not (units and settings.members):
        raise ValueError("the network is still left to the data: let sizes.with_shape choose")
    batch = SparseBatch(
        keras.Input(batch_shape=(None,), dtype="int32", name="lengths"),
        keras.Input(batch_shape=(None, 2), dtype="int64", name="cells"),
        keras.Input(batch_shape=(None,), dtype="float32", name="values"),
        keras.Input(batch_shape=(None,), dtype="int32", name="columns"),
    )
    kept = batch.values
    if settings.input_dropout:
        # Zeros stay zero whether dropped or not, so dropout needs only the values.
        kept = keras.layers.Dropout(settings.input_dropout, seed=seed, name="input_dropout")(kept)
    members = settings.members
    first, *rest = [settings.units] * (settings.layers - 1) + [n_classes]
    x = SparseDense(n_features, members * first, seed=seed, name="dense_0")(
        batch._replace(values=kept)
    )
    x = keras.layers.Reshape((members, first), name="members")(x)
    for i, units in enumerate(rest, 1):
        x = keras.layers.ReLU(name=f"relu_{i}")(x)
        if settings.dropout:
            x = keras.layers.Dropout(settings.dropout, seed=seed + i, name=f"dropout_{i}")(x)
        x = keras.layers.EinsumDense(
            "bmu,muv->bmv",
            (members, units),
            bias_axes="mv",
            kernel_initializer=_Glorot(seed + i),
            name=f"dense_{i}",
        )(x)
    return keras.Model(batch, x)


class _Glorot(keras.initializers.Initializer):  # type: ignore[misc]
    """Glorot's uniform distribution for (members, inputs, units), each member on its own."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        members, inputs, units = shape
        width = float(np.sqrt(6.0 / (inputs + units)))
        return keras.initializers.RandomUniform(-width, width, self.seed)(
            (members, inputs, units), dtype
        )


def named_weights(network: keras.Model) -> list[tuple[str, NDArray[np.float32]]]:
    """Return one plain network's kernels and biases: `dense_0.kernel`, `dense_0.bias`, ...

    Its logits are the means of the members' logits: the members' hidden units stand side by side.
    """
    _, members, classes = network.output_shape
    return merge_members([w.numpy() for w in network.trainable_weights], members, classes)


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


class SparseDense(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer without activation on a sparse batch.

    Args:
        n_features: Columns of the input.
        units: Columns of the output.
        seed: Seed of the initial kernel.
        options: As for any layer.

    Attributes:
        gathered: The rows of the kernel that the last batch took, for the optimizer, which
            changes these: it need not look them up once more.
    """

    def __init__(self, n_features: int, units: int, *, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.n_features, self.units = n_features, units
        self.gathered: Any = None
        self._random = keras.initializers.GlorotUniform(seed)

    def build(self, _shapes: Any) -> None:
        """Create kernel and bias."""
        self.kernel = self.add_weight(
            shape=(self.n_features, self.units), initializer=self._random, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def initialize_kernel(self) -> None:
        """Give the kernel the random values that it began with."""
        self.kernel.assign(self._random(self.kernel.shape, self.kernel.dtype))

    def compute_output_shape(self, _shapes: Any) -> tuple[None, int]:
        """Return the shape of the output."""
        return (None, self.units)

    def call(self, inputs: Any) -> Any:
        """Multiply: a `SparseBatch` to (batch, units)."""
        lengths, cells, values, columns = inputs
        # Its gradient is IndexedSlices: rows of the kernel, none of them twice.
        rows = self.gathered = tf.gather(self.kernel.value, columns)
        product = _multiply(lengths, cells, values, rows)
        return tf.nn.bias_add(tf.ensure_shape(product, (None, self.units)), self.bias.value)


def _multiply(lengths: Any, cells: Any, values: Any, rows: Any) -> Any:
    """Multiply a sparse batch with (columns, units) rows of the kernel.

    TensorFlow's products of CSR matrices were six times as fast as `sparse_dense_matmul`. The
    input gets no gradient: their own would compute one.
    """
    shape = tf.stack([tf.size(lengths, out_type=tf.int64), tf.shape(rows, out_type=tf.int64)[0]])
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=cells, values=tf.stop_gradient(values), dense_shape=shape
    )

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def multiply(rows: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            # Transposed first: `transpose_a` took half as much time again.
            transposed = tf.raw_ops.SparseMatrixTranspose(input=matrix, type=tf.float32)
            return tf.raw_ops.SparseMatrixMatMul(a=transposed, b=upstream)

        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=rows), gradient

    return multiply(rows)


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
    columns = np.zeros(n, dtype=np.int32)
    lengths = np.empty(indptr.size - 1, dtype=np.int32)
    cells = np.empty((indices.size, 2), dtype=np.int64)
    for row in range(lengths.size):
        lengths[row] = indptr[row + 1] - indptr[row]
        for k in range(indptr[row], indptr[row + 1]):
            cells[k, 0] = row
            cells[k, 1] = place[indices[k]]
            columns[cells[k, 1]] = indices[k]
    for column in columns:
        place[column] = -1
    return lengths, cells, data, columns
