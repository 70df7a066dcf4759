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
from numba import njit
from numpy.typing import NDArray

from textclf.settings import NetworkSettings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class SparseBatch(NamedTuple):
    """A CSR matrix as the network takes it.

    Attributes:
        lengths: (batch,) int32, non-zeros of each row. First, because Keras takes the size of a
            batch from its first array.
        places: (non-zeros,) int32, where the column of each non-zero stands in `columns`.
        values: (non-zeros,) float32.
        columns: (columns that occur,) int32, ascending.
    """

    lengths: NDArray[np.int32]
    places: NDArray[np.int32]
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
        places, columns = _compact(x.indices, self._place)
        lengths = np.diff(x.indptr).astype(np.int32, copy=False)
        return SparseBatch(lengths, places, x.data, columns)


def build_network(
    n_features: int, n_classes: int, settings: NetworkSettings, *, seed: int
) -> keras.Model:
    """Build the network: dropout on the input, hidden ReLU layers with dropout, logits.

    With one layer it is softmax regression. Every random number comes from the seed.

    Args:
        n_features: Columns of the input.
        n_classes: Classes, 2 or more; there are as many logits, also for two.
        settings: Layers, units and dropout.
        seed: Seed of the initial weights and of dropout.

    Returns:
        A model from `SparseBatch` to (batch, classes) float32 logits.
    """
    kinds = zip(SparseBatch._fields, ("int32", "int32", "float32", "int32"), strict=True)
    batch = SparseBatch(*(keras.Input(batch_shape=(None,), dtype=d, name=n) for n, d in kinds))
    kept = batch.values
    if settings.input_dropout:
        # Zeros stay zero whether dropped or not, so dropout needs only the values.
        kept = keras.layers.Dropout(settings.input_dropout, seed=seed, name="input_dropout")(kept)
    first, *rest = [settings.units] * (settings.layers - 1) + [n_classes]
    x = SparseDense(n_features, first, seed=seed, name="dense_0")(batch._replace(values=kept))
    for i, units in enumerate(rest, 1):
        x = keras.layers.ReLU(name=f"relu_{i}")(x)
        if settings.dropout:
            x = keras.layers.Dropout(settings.dropout, seed=seed + i, name=f"dropout_{i}")(x)
        initial = keras.initializers.GlorotUniform(seed + i)
        x = keras.layers.Dense(units, kernel_initializer=initial, name=f"dense_{i}")(x)
    return keras.Model(batch, x)


def named_weights(network: keras.Model) -> list[tuple[str, NDArray[np.float32]]]:
    """Return copies of the kernels and biases in order: `dense_0.kernel`, `dense_0.bias`, ..."""
    return [
        (f"{layer.name}.{weight.name}", np.array(weight.value))
        for layer in network.layers
        for weight in layer.trainable_weights
    ]


class SparseDense(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer without activation on a sparse batch.

    Args:
        n_features: Columns of the input.
        units: Columns of the output.
        seed: Seed of the initial kernel.
        options: As for any layer.
    """

    def __init__(self, n_features: int, units: int, *, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.n_features, self.units, self.seed = n_features, units, seed

    def build(self, _shapes: Any) -> None:
        """Create kernel and bias."""
        initial = keras.initializers.GlorotUniform(self.seed)
        self.kernel = self.add_weight(
            shape=(self.n_features, self.units), initializer=initial, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def compute_output_shape(self, _shapes: Any) -> tuple[None, int]:
        """Return the shape of the output."""
        return (None, self.units)

    def call(self, inputs: Any) -> Any:
        """Multiply: (lengths, places, values, columns) to (batch, units)."""
        lengths, places, values, columns = inputs
        # Its gradient is IndexedSlices: rows of the kernel, none of them twice.
        rows = tf.gather(self.kernel.value, columns)
        product = _multiply(lengths, places, values, rows)
        return tf.nn.bias_add(tf.ensure_shape(product, (None, self.units)), self.bias.value)


def _multiply(lengths: Any, places: Any, values: Any, rows: Any) -> Any:
    """Multiply a sparse batch with (columns, units) rows of the kernel.

    TensorFlow's products of CSR matrices were six times as fast as `sparse_dense_matmul`. The
    input gets no gradient: their own would compute one.
    """
    batch = tf.size(lengths, out_type=tf.int64)
    row_of_value = tf.repeat(tf.range(batch), lengths)
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=tf.stack([row_of_value, tf.cast(places, tf.int64)], axis=1),
        values=tf.stop_gradient(values),
        dense_shape=tf.stack([batch, tf.shape(rows, out_type=tf.int64)[0]]),
    )

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def multiply(rows: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=upstream, transpose_a=True)

        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=rows), gradient

    return multiply(rows)


@njit(cache=True, nogil=True)
def _compact(indices, place):  # type: ignore[no-untyped-def]
    """Return the place of each index among those that occur, and those; `place` is all -1."""
    found = np.empty(indices.size, dtype=np.int32)
    n = 0
    for column in indices:
        if place[column] < 0:
            place[column] = 0
            found[n] = column
            n += 1
    columns = np.sort(found[:n])
    for i in range(n):
        place[columns[i]] = i
    places = np.empty(indices.size, dtype=np.int32)
    for i in range(indices.size):
        places[i] = place[indices[i]]
    for column in columns:
        place[column] = -1
    return places, columns
