"""The network, its sparse first layer and its optimizer, against Keras on dense input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from textclf.settings import NetworkSettings
from textclf.tensorflow_runtime import load_tensorflow

tf = load_tensorflow()

import keras  # noqa: E402

from textclf.network import SparseDense, SparseEncoder, build_network, named_weights  # noqa: E402
from textclf.optimizer import LazyAdam  # noqa: E402


def matrix(rows: int, columns: int, density: float = 0.2, seed: int = 1) -> csr_matrix:
    """Return random float32 rows."""
    made = random_array((rows, columns), density=density, rng=seed, dtype=np.float32)
    return csr_matrix(made)


def dense_twin(layer: Any, columns: int) -> Any:
    """Return a Keras dense layer with the same weights."""
    twin = keras.layers.Dense(layer.units)
    twin.build((None, columns))
    twin.set_weights(layer.get_weights())
    return twin


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_an_encoded_batch_holds_the_matrix(
    rows: int, columns: int, density: float, seed: int
) -> None:
    x = matrix(rows, columns, density, seed)
    encode = SparseEncoder(columns)
    encode(matrix(3, columns, seed=seed + 1))  # leaves nothing behind
    batch = encode(x)
    dense = np.zeros((rows, columns), np.float32)
    dense[batch.cells[:, 0], batch.columns[batch.cells[:, 1]]] = batch.values
    assert (dense == x.toarray()).all()
    assert batch.columns.tolist() == sorted(set(x.indices.tolist()) or {0})
    assert batch.lengths.tolist() == np.diff(x.indptr).tolist()


@pytest.mark.parametrize(("rows", "density"), [(64, 0.05), (1, 0.3), (7, 0.0)])
def test_values_and_gradients_of_the_first_layer_are_those_of_dense(
    rows: int, density: float
) -> None:
    x = matrix(rows, 40, density)
    layer = SparseDense(40, 5, seed=1)
    layer.build(None)
    layer.bias.assign(np.arange(5, dtype=np.float32))
    twin = dense_twin(layer, 40)

    def gradients(own: Any, given: Any) -> tuple[Any, Any, NDArray[Any]]:
        with tf.GradientTape() as tape:
            out = own(given)
            loss = tf.reduce_sum(tf.sin(out))
        kernel, bias = tape.gradient(loss, [own.kernel.value, own.bias.value])
        return tf.convert_to_tensor(kernel), bias, out.numpy()

    kernel, bias, out = gradients(layer, tuple(map(tf.constant, SparseEncoder(40)(x))))
    kernel_twin, bias_twin, out_twin = gradients(twin, x.toarray())
    np.testing.assert_allclose(out, out_twin, atol=1e-5)
    np.testing.assert_allclose(kernel, kernel_twin, atol=1e-4)
    np.testing.assert_allclose(bias, bias_twin, atol=1e-4)


def test_the_gradient_has_the_rows_that_occur_and_no_others() -> None:
    x = matrix(4, 1000, 0.01)
    layer = SparseDense(1000, 3, seed=1)
    batch = SparseEncoder(1000)(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tuple(map(tf.constant, batch))))
    gradient = tape.gradient(loss, layer.kernel.value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == batch.columns.tolist()


@pytest.mark.parametrize(("layers", "names"), [(1, 1), (2, 2), (4, 4)])
def test_logits_are_products_with_relu_between(layers: int, names: int) -> None:
    network = build_network(30, 2, NetworkSettings(layers=layers, units=8), seed=1)
    weights = named_weights(network)
    assert [name for name, _ in weights] == [
        f"dense_{i}.{kind}" for i in range(names) for kind in ("kernel", "bias")
    ]
    x = matrix(6, 30)
    expected = x.toarray()
    arrays = [array for _, array in weights]
    for i, (kernel, bias) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        expected = (np.maximum(expected, 0) if i else expected) @ kernel + bias
    np.testing.assert_allclose(network(SparseEncoder(30)(x)), expected, atol=1e-5)
    assert expected.shape == (6, 2)


def kept_values(rate: float, training: bool, seed: int = 1) -> NDArray[Any]:
    """Return the input of the first layer, for an input of ones in every tenth column."""
    settings = NetworkSettings(layers=1, input_dropout=rate)
    network = build_network(1000, 2, settings, seed=seed)
    network.get_layer("dense_0").set_weights([np.eye(1000, 2, dtype=np.float32), np.zeros(2)])
    probe = keras.Model(network.input, network.get_layer("input_dropout").output)
    return np.asarray(probe(SparseEncoder(1000)(matrix(50, 1000, 0.1).sign()), training=training))


def test_input_dropout_drops_non_zeros_and_rescales_the_rest() -> None:
    values = kept_values(0.25, training=True)
    dropped = values == 0
    assert 0.22 < dropped.mean() < 0.28
    np.testing.assert_allclose(values[~dropped], 1 / 0.75, rtol=1e-6)


def test_input_dropout_is_off_in_prediction() -> None:
    assert (kept_values(0.25, training=False) == 1).all()


def test_dropout_and_weights_come_from_the_seed() -> None:
    assert (kept_values(0.5, True) == kept_values(0.5, True)).all()
    assert (kept_values(0.5, True) != kept_values(0.5, True, seed=2)).any()
    one, same, other = (
        named_weights(build_network(30, 3, NetworkSettings(), seed=seed)) for seed in (1, 1, 2)
    )
    assert all((a == b).all() for (_, a), (_, b) in zip(one, same, strict=True))
    assert (one[0][1] != other[0][1]).any()


def steps(optimizer: Any, x: csr_matrix, n: int = 5) -> Any:
    """Train a small layer for some steps; return it."""
    layer = SparseDense(20, 3, seed=1)
    layer.build(None)
    batch = tuple(map(tf.constant, SparseEncoder(20)(x)))
    for _ in range(n):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(batch) - 1.0))
        weights = layer.trainable_variables
        gradients = tape.gradient(loss, [w.value for w in weights])
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
    return layer


def test_lazy_adam_is_adam_where_every_feature_occurs() -> None:
    x = matrix(8, 20, 1.0)
    lazy, eager = steps(LazyAdam(0.01), x), steps(keras.optimizers.Adam(0.01), x)
    np.testing.assert_allclose(lazy.kernel, eager.kernel, atol=1e-6)
    np.testing.assert_allclose(lazy.bias, eager.bias, atol=1e-6)


def test_lazy_adam_leaves_features_alone_that_do_not_occur() -> None:
    x = csr_matrix(np.eye(4, 20, dtype=np.float32))
    before = SparseDense(20, 3, seed=1)
    before.build(None)
    after = steps(LazyAdam(0.01), x)
    moved = (np.asarray(after.kernel) != np.asarray(before.kernel)).any(axis=1)
    assert moved.tolist() == [True] * 4 + [False] * 16
