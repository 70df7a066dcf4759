"""The network, its sparse first layer and its optimizer, against Keras on dense input."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from textclf.settings import NetworkSettings
from textclf.tensorflow_runtime import load_tensorflow

tf = load_tensorflow()

import keras  # noqa: E402

from textclf.adagrad import AdagradKernel  # noqa: E402
from textclf.losses import MemberLoss  # noqa: E402
from textclf.network import (  # noqa: E402
    CompiledDense,
    MemberDense,
    SparseDense,
    build_network,
)
from textclf.optimizer import RowwiseAdagrad  # noqa: E402
from textclf.sparse_batches import SparseEncoder  # noqa: E402
from textclf.weights import (  # noqa: E402
    named_weights,
    read_weight,
    weights_of,
    write_weight,
)


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


@pytest.mark.parametrize(("rows", "density"), [(64, 0.05), (1, 0.3), (7, 0.0)])
def test_the_compiled_layer_computes_what_dense_does(rows: int, density: float) -> None:
    x = matrix(rows, 40, density)
    layer = CompiledDense(AdagradKernel(40, 5, seed=1))
    layer.build(None)
    layer.bias.assign(np.arange(5, dtype=np.float32))
    twin = keras.layers.Dense(5)
    twin.build((None, 40))
    twin.set_weights([layer.kernel.weights, layer.bias])
    np.testing.assert_allclose(layer(SparseEncoder(40)(x)), twin(x.toarray()), atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("input_dropout", [0.0, 0.4])
def test_the_compiled_layer_learns_what_the_optimizer_teaches_the_other(
    weighted: bool, input_dropout: float
) -> None:
    shape = dataclasses.replace(PLAIN, input_dropout=input_dropout)
    random = np.random.default_rng(1)
    batches = [
        (SparseEncoder(60)(matrix(20, 60, seed=i)), random.integers(0, 3, 20), random.random(20))
        for i in range(7)
    ]
    found = []
    for compiled in (False, True):
        network = build_network(
            60, 3, shape, seed=1, kernel=AdagradKernel(60, 48, seed=1) if compiled else None
        )
        first = network.get_layer("dense_0")
        start = np.random.default_rng(2).normal(size=(60, 48)).astype(np.float32)
        write_weight(weights_of(network)[0], start)
        rate = keras.optimizers.schedules.PolynomialDecay(0.01, 7, end_learning_rate=0.0)
        optimizer = keras.optimizers.Adam(rate) if compiled else RowwiseAdagrad(rate, first)
        if compiled:
            first.learning_rate = lambda by=optimizer: by.learning_rate
        network.compile(optimizer, loss=MemberLoss(), jit_compile=False)
        for x, y, weights in batches:
            network.train_on_batch(x, y, weights if weighted else None)
        found.append([read_weight(w) for w in weights_of(network)])
    assert np.abs(found[1][0] - start).max() > 0.1
    for by_optimizer, by_itself in zip(*found, strict=True):
        np.testing.assert_allclose(by_itself, by_optimizer, atol=1e-4)


def test_the_compiled_layer_learns_nothing_where_it_only_predicts() -> None:
    network = build_network(60, 3, PLAIN, seed=1, kernel=AdagradKernel(60, 48, seed=1))
    layer = network.get_layer("dense_0")
    layer.learning_rate = lambda: 1.0
    network.compile(loss=MemberLoss())
    before = layer.kernel.weights.copy()
    network.test_on_batch(SparseEncoder(60)(matrix(20, 60)), np.zeros(20))
    assert (layer.kernel.weights == before).all()
    assert not layer.kernel.sums.any()


def test_members_are_dense_layers_side_by_side() -> None:
    layer = MemberDense(3, 4, seed=1)
    x = np.random.default_rng(1).normal(size=(10, 15)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(x)))
    ours = tape.gradient(loss, layer.kernel.value).numpy()
    layer.bias.assign(np.arange(12, dtype=np.float32).reshape(3, 4))
    parts = np.split(layer(x).numpy(), 3, axis=1)
    for i, part in enumerate(parts):
        twin = keras.layers.Dense(4)
        inputs = x[:, 5 * i : 5 * i + 5]
        twin.build(inputs.shape)
        twin.set_weights([layer.kernel.numpy()[i], np.zeros(4)])
        with tf.GradientTape() as tape:
            out = twin(inputs)
            loss = tf.reduce_sum(tf.sin(out))
        np.testing.assert_allclose(part, out + layer.bias.numpy()[i], atol=1e-5)
        np.testing.assert_allclose(ours[i], tape.gradient(loss, twin.kernel.value), atol=1e-4)


PLAIN = NetworkSettings(units=16, members=3, dropout=0.5)


@pytest.mark.parametrize(("layers", "names"), [(1, 1), (2, 2), (4, 4)])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_named_weights_average_the_logits_of_the_members(
    layers: int, names: int, compiled: bool
) -> None:
    shape = dataclasses.replace(PLAIN, layers=layers, units=8)
    kernel = AdagradKernel(30, 24 if layers > 1 else 6, seed=1) if compiled else None
    network = build_network(30, 2, shape, seed=1, kernel=kernel)
    weights = named_weights(network)
    assert [name for name, _ in weights] == [
        f"dense_{i}.{kind}" for i in range(names) for kind in ("kernel", "bias")
    ]
    x = matrix(6, 30)
    expected = x.toarray()
    arrays = [array for _, array in weights]
    for i, (kernel, bias) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        expected = (np.maximum(expected, 0) if i else expected) @ kernel + bias
    members = network(SparseEncoder(30)(x)).numpy()
    assert members.shape == (6, 3, 2)
    assert (members[:, 0] != members[:, 1]).any()
    np.testing.assert_allclose(members.mean(axis=1), expected, atol=1e-5)


def kept_values(rate: float, training: bool, seed: int = 1) -> NDArray[Any]:
    """Return the input of the first layer, for an input of ones in every tenth column."""
    settings = dataclasses.replace(PLAIN, layers=1, members=1, input_dropout=rate)
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
    one, same, other = (named_weights(build_network(30, 3, PLAIN, seed=seed)) for seed in (1, 1, 2))
    assert all((a == b).all() for (_, a), (_, b) in zip(one, same, strict=True))
    assert (one[0][1] != other[0][1]).any()


@pytest.mark.parametrize("left", [{"units": 0}, {"members": 0}], ids=str)
def test_what_is_left_to_the_data_must_be_chosen_first(left: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="with_shape"):
        build_network(30, 3, dataclasses.replace(PLAIN, **left), seed=1)


def ones(*shape: int) -> keras.Variable:
    return keras.Variable(np.ones(shape, np.float32))


def moved(units: int, rows: list[int]) -> tuple[Any, Any, RowwiseAdagrad]:
    """Return a kernel and a bias after five steps, and their optimizer."""
    layer, bias = SparseDense(20, units, seed=1), ones(units)
    layer.build(None)
    kernel = layer.kernel
    kernel.assign(ones(20, units))
    optimizer = RowwiseAdagrad(0.01, sparse=layer)
    for gradient in GRADIENTS:
        layer.gathered = tf.gather(kernel.value, rows)
        wide = tf.constant(np.repeat(gradient[rows, None], units, axis=1), tf.float32)
        slices = tf.IndexedSlices(wide, tf.constant(rows), tf.constant(kernel.shape))
        of_bias = tf.fill((units,), float(gradient[0]))
        optimizer.apply_gradients([(slices, kernel), (of_bias, bias)])
    return kernel.numpy(), bias.numpy(), optimizer


GRADIENTS = np.random.default_rng(1).normal(size=(5, 20)).astype(np.float32)


@pytest.mark.parametrize("units", [1, 3])
def test_rows_with_a_gradient_move_as_by_adagrad_thirty_times_as_fast(units: int) -> None:
    adagrad = keras.optimizers.Adagrad(0.3, initial_accumulator_value=0.0)
    expected = ones(20)
    for gradient in GRADIENTS:
        adagrad.apply_gradients([(tf.constant(gradient), expected)])
    kernel, _, _ = moved(units, list(range(20)))
    for column in kernel.T:
        np.testing.assert_allclose(column, expected, atol=1e-4)


def test_rows_without_a_gradient_stay() -> None:
    kernel, _, _ = moved(3, [2, 3, 7])
    assert np.flatnonzero((kernel != 1).any(axis=1)).tolist() == [2, 3, 7]


def test_all_other_variables_move_as_by_adam() -> None:
    adam, expected = keras.optimizers.Adam(0.01), ones(1)
    for gradient in GRADIENTS:
        adam.apply_gradients([(tf.constant(gradient[:1]), expected)])
    np.testing.assert_allclose(moved(1, [2])[1], expected, atol=1e-6)


def test_the_optimizer_keeps_one_number_for_a_row() -> None:
    _, _, optimizer = moved(64, [2])
    assert sum(int(np.prod(v.shape)) for v in optimizer.variables) == 20 + 2 * 64 + 2
