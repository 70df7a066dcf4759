"""The multi-layer perceptron in Keras, with a first layer made for sparse batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from textclf.adagrad import AdagradKernel
from textclf.settings import NetworkSettings
from textclf.sizes import first_units
from textclf.sparse_batches import DTYPES, SparseBatch
from textclf.tensorflow_runtime import CustomGradients, weakly


def build_network(
    n_features: int,
    n_classes: int,
    settings: NetworkSettings,
    *,
    seed: int,
    kernel: AdagradKernel | None = None,
) -> keras.Model:
    """Build the network: dropout on the input, hidden ReLU layers with dropout, logits.

    With one layer it is softmax regression. With several members it is as many networks side by
    side, which share nothing but the batch. Every random number comes from the seed.

    Args:
        n_features: Columns of the input.
        n_classes: Classes, 2 or more; there are as many logits, also for two.
        settings: Layers, units, members and dropout.
        seed: Seed of the initial weights and of dropout.
        kernel: That of the first layer, a `CompiledDense`, which trains itself; by default it is a
            `SparseDense`, which the optimizer trains.

    Returns:
        A model from `SparseBatch` to (batch, members, classes) float32 logits.

    Raises:
        ValueError: If some of them are still left to the data (see `sizes.with_shape`).
    """
    units = settings.layers == 1 or settings.units
    if not (units and settings.members):
        raise ValueError("the network is still left to the data: let sizes.with_shape choose")
    batch = SparseBatch(
        *(keras.Input(batch_shape=(None,), dtype=kind, name=name) for name, kind in DTYPES.items())
    )
    kept = batch.values
    if settings.input_dropout:
        # Zeros stay zero whether dropped or not, so dropout needs only the values.
        kept = keras.layers.Dropout(settings.input_dropout, seed=seed, name="input_dropout")(kept)
    members = settings.members
    _, *rest = [settings.units] * (settings.layers - 1) + [n_classes]
    if kernel is not None:
        dense_0 = CompiledDense(kernel, name="dense_0")
    else:
        width = first_units(settings, n_classes)
        dense_0 = SparseDense(n_features, width, seed=seed, name="dense_0")
    x = dense_0(batch._replace(values=kept))
    for i, units in enumerate(rest, 1):
        x = keras.layers.ReLU(name=f"relu_{i}")(x)
        if settings.dropout:
            x = keras.layers.Dropout(settings.dropout, seed=seed + i, name=f"dropout_{i}")(x)
        x = MemberDense(members, units, seed=seed + i, name=f"dense_{i}")(x)
    x = keras.layers.Reshape((members, n_classes), name="members")(x)
    return keras.Model(batch, x)


class MemberDense(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer without activation of each of several networks side by side.

    One product, with zeros between the members: the gradient of an `EinsumDense` took 0.7 ms.

    Args:
        members: Networks.
        units: Columns of the output of each.
        seed: Seed of the initial kernels: each is drawn as Glorot's of one network.
        options: As for any layer.
    """

    def __init__(self, members: int, units: int, *, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.members, self.units, self._seed = members, units, seed

    def build(self, shape: tuple[None, int]) -> None:
        """Create kernels and biases."""
        inputs = shape[1] // self.members
        width = float(np.sqrt(6.0 / (inputs + self.units)))
        random = keras.initializers.RandomUniform(-width, width, self._seed)
        self.kernel = self.add_weight(
            shape=(self.members, inputs, self.units), initializer=random, name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.members, self.units), initializer="zeros", name="bias"
        )

    def compute_output_shape(self, _shape: Any) -> tuple[None, int]:
        """Return the shape of the output."""
        return (None, self.members * self.units)

    def call(self, x: Any) -> Any:
        """Multiply: (batch, members * inputs) to (batch, members * units)."""
        own = tf.eye(self.members)[:, tf.newaxis, :, tf.newaxis]
        blocks = self.kernel.value[:, :, tf.newaxis] * own
        width = self.members * self.units
        product = tf.matmul(x, tf.reshape(blocks, (-1, width)))
        return tf.nn.bias_add(product, tf.reshape(self.bias.value, (width,)))


class SparseDense(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer without activation on a sparse batch, for any optimizer and a GPU.

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
        self._gradients = CustomGradients(self)
        self._random = keras.initializers.GlorotUniform(seed)

    def build(self, _shapes: Any) -> None:
        """Create kernel and bias."""
        self.kernel = self.add_weight(
            shape=(self.n_features, self.units), initializer=self._random, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def begin(self) -> None:
        """Give the kernel the random values that it began with."""
        self.kernel.assign(self._random(self.kernel.shape, self.kernel.dtype))

    def compute_output_shape(self, _shapes: Any) -> tuple[None, int]:
        """Return the shape of the output."""
        return (None, self.units)

    def call(self, inputs: Any) -> Any:
        """Multiply: a `SparseBatch` to (batch, units)."""
        batch = SparseBatch(*inputs)
        # Its gradient is IndexedSlices: rows of the kernel, none of them twice.
        rows = self.gathered = tf.gather(self.kernel.value, batch.columns)
        product = self._gradients.note(_multiply(batch, rows))
        return tf.nn.bias_add(tf.ensure_shape(product, (None, self.units)), self.bias.value)


def _multiply(batch: SparseBatch, rows: Any) -> Any:
    """Multiply a sparse batch with (columns, units) rows of the kernel.

    TensorFlow's products of CSR matrices were six times as fast as `sparse_dense_matmul`. The
    input gets no gradient: their own would compute one.
    """
    size = tf.size(batch.lengths, out_type=tf.int64)
    cells = tf.stack(
        [tf.repeat(tf.range(size), batch.lengths), tf.cast(batch.places, tf.int64)], axis=1
    )
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=cells,
        values=tf.stop_gradient(batch.values),
        dense_shape=tf.stack([size, tf.shape(rows, out_type=tf.int64)[0]]),
    )

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def multiply(rows: Any) -> tuple[Any, Any]:
        def gradient(upstream: Any) -> Any:
            # Transposed first: `transpose_a` took half as much time again.
            transposed = tf.raw_ops.SparseMatrixTranspose(input=matrix, type=tf.float32)
            return tf.raw_ops.SparseMatrixMatMul(a=transposed, b=upstream)

        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=rows), gradient

    return multiply(rows)


class CompiledDense(keras.layers.Layer):  # type: ignore[misc]
    """As `SparseDense`, on the processor, with a kernel that is no variable and trains itself.

    Once the gradient has come back to it, the rows of the batch are changed at once. To Keras only
    the bias is trainable.

    Args:
        kernel: The kernel.
        options: As for any layer.

    Attributes:
        kernel: The kernel.
        units: Columns of the output.
        learning_rate: Returns the learning rate of the step, a scalar; set before training.
    """

    def __init__(self, kernel: AdagradKernel, **options: Any) -> None:
        super().__init__(**options)
        self.kernel, self.units = kernel, kernel.weights.shape[1]
        self._gradients = CustomGradients(self)
        self.learning_rate: Callable[[], Any] = lambda: 0.0

    def build(self, _shapes: Any) -> None:
        """Create the bias."""
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def begin(self) -> None:
        """Give the kernel the random values that it began with, and forget what it learned."""
        self.kernel.begin()

    def compute_output_shape(self, _shapes: Any) -> tuple[None, int]:
        """Return the shape of the output."""
        return (None, self.units)

    def call(self, inputs: Any) -> Any:
        """Multiply: a `SparseBatch` to (batch, units)."""

        # None of the functions holds this layer: TensorFlow keeps them for good.
        multiply, learn, rate = map(weakly, (self._multiply, self._learn, self._rate))
        units = self.units

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def affine(bias: Any) -> tuple[Any, Any]:
            def gradient(upstream: Any) -> Any:
                of_bias = tf.numpy_function(learn, [*inputs, upstream, rate()], tf.float32)
                return tf.ensure_shape(of_bias, (units,))

            product = tf.numpy_function(multiply, [*inputs], tf.float32)
            return tf.nn.bias_add(tf.ensure_shape(product, (None, units)), bias), gradient

        return self._gradients.note(affine(self.bias.value))

    def _multiply(self, *batch: Any) -> NDArray[np.float32]:
        return self.kernel.multiply(SparseBatch(*batch))

    def _rate(self) -> Any:
        return tf.cast(self.learning_rate(), tf.float32)

    def _learn(self, *given: Any) -> NDArray[np.float32]:
        """Train the kernel; return the gradient of the bias, so that TensorFlow must call this."""
        *batch, upstream, rate = given
        self.kernel.learn(SparseBatch(*batch), upstream, rate)
        return np.asarray(upstream.sum(axis=0))
