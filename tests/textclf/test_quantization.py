"""Kernels of fewer bits: close to what they were, and the same saved and loaded."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from textclf.classifier import Classifier
from textclf.corpus.block import TextBlock
from textclf.errors import DataError, UsageError
from textclf.layers import Dense
from textclf.ngrams.shards import Shard
from textclf.quantization import choose, pack, quantize, unpack

SMALL = ["float16", "int8"]
KERNELS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.floats(-60_000, 60_000, width=32),
)


def one_layer(kernel):
    return Classifier([], None, [Dense(kernel, np.zeros(kernel.shape[1], np.float32))])


@settings(deadline=None)
@given(KERNELS)
def test_an_int8_weight_is_off_by_half_a_step_of_its_unit_at_most(kernel):
    (layer,) = quantize(one_layer(kernel), "int8").layers
    step = np.abs(kernel.astype(np.float64)).max(axis=0) / 127
    off = np.abs(layer.kernel.astype(np.float64) - kernel)
    assert np.all(off <= step / 2 * (1 + 1e-5) + 1e-40)


@settings(deadline=None)
@given(KERNELS)
def test_a_float16_weight_is_the_nearest(kernel):
    (layer,) = quantize(one_layer(kernel), "float16").layers
    np.testing.assert_array_equal(layer.kernel, np.float32(np.float16(kernel)))
    assert np.all(np.abs(layer.kernel - kernel) <= np.abs(kernel) * 2.0**-11 + 2.0**-25)


@pytest.mark.parametrize("storage", ["float32", *SMALL])
@settings(deadline=None)
@given(KERNELS)
def test_what_is_packed_is_unpacked_bit_by_bit(storage, kernel):
    (layer,) = quantize(one_layer(kernel), storage).layers
    packed = pack(layer)
    assert packed["kernel"].dtype == storage
    found = unpack(packed["kernel"], packed.get("scales"))
    np.testing.assert_array_equal(found, layer.kernel)
    assert found.dtype == np.float32


@pytest.mark.parametrize("hidden", [(), (8,)], ids=["linear", "one hidden"])
@pytest.mark.parametrize("storage", ["float32", *SMALL])
def test_a_loaded_model_says_what_the_saved_one_said(make_model, themes, tmp_path, storage, hidden):
    model = quantize(make_model(hidden), storage)
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    assert [layer.stored for layer in loaded.layers] == [storage] * len(model.layers)
    found, expected = loaded.predict_proba(themes[0]), model.predict_proba(themes[0])
    np.testing.assert_array_equal(found, expected)
    loaded.save(tmp_path / "again")
    for name in ("model.safetensors", "manifest.json"):
        one, two = ((tmp_path / copy / name).read_bytes() for copy in ("model", "again"))
        assert one == two


def test_fewer_bits_take_less_room(make_model, tmp_path):
    sizes = []
    for storage in ("float32", *SMALL):
        quantize(make_model((64,)), storage).save(tmp_path / storage)
        kernel = load_file(tmp_path / storage / "model.safetensors")["layer0.kernel"]
        sizes.append(kernel.nbytes)
    assert sizes[0] == 2 * sizes[1] == 4 * sizes[2]


def test_the_model_itself_stays_as_it_is(make_model):
    model = make_model()
    before = model.layers[0].kernel.copy()
    quantize(model, "int8")
    np.testing.assert_array_equal(model.layers[0].kernel, before)
    assert model.layers[0].stored == "float32"


def test_a_weight_beyond_float16_is_told():
    with pytest.raises(UsageError, match="too large for float16"):
        quantize(one_layer(np.array([[70_000.0]], np.float32)), "float16")


def shards_of(model, texts, labels):
    rows = model.vectorizer.transform(TextBlock.from_texts(texts))
    shape = (len(texts), model.vectorizer.vocabulary.size)
    codes = np.array([model.labels.index(label) for label in labels], np.int32)
    return [Shard(csr_matrix((rows.data, rows.indices, rows.indptr), shape=shape), codes)]


@pytest.mark.parametrize("wanted", ["auto", *SMALL])
def test_the_accuracy_told_is_that_of_the_predictions(make_model, themes, wanted):
    model = make_model()
    chosen, told = choose(model, shards_of(model, *themes), wanted)
    storage = "float16" if wanted == "auto" else wanted
    assert told["stored"] == chosen.layers[0].stored == storage
    for name, each in (("float32", model), (storage, quantize(model, storage))):
        right = np.mean(np.array(each.predict(themes[0])) == themes[1])
        assert told["validation_accuracy"][name] == pytest.approx(right)


def on_the_edge(model):
    """Let the second class lead by less than float16 can tell; of equal ones the first wins."""
    kernel = np.zeros_like(model.layers[0].kernel)
    kernel[:, :2] = [1, 1.0001]
    model.layers = [Dense(kernel, np.zeros(3, np.float32))]


def test_float32_stays_where_float16_costs_accuracy(make_model, themes):
    model = make_model()
    on_the_edge(model)
    shards = shards_of(model, themes[0][:1], ["music"])
    chosen, told = choose(model, shards, "auto")
    assert told == {"stored": "float32", "validation_accuracy": {"float32": 1.0, "float16": 0.0}}
    assert chosen is model
    assert choose(model, shards, "float16")[1]["stored"] == "float16"


def test_one_row_of_thousands_does_not_keep_float32(make_model, themes):
    model = make_model()
    on_the_edge(model)
    texts = [themes[0][0]] + [""] * 1999  # no n-gram: the first class wins
    first, second = model.labels[:2]
    chosen, told = choose(model, shards_of(model, texts, [second] + [first] * 1999), "auto")
    assert told["validation_accuracy"] == {"float32": 1.0, "float16": 0.9995}
    assert chosen.layers[0].stored == "float16"


def test_without_rows_to_measure_on_float32_stays(make_model):
    model = make_model()
    assert choose(model, [], "auto")[1]["stored"] == "float32"


@pytest.mark.parametrize("wanted", ["auto", "float16"])
def test_what_float16_cannot_hold_is_kept_as_float32(make_model, themes, wanted):
    model = make_model()
    model.layers[0].kernel[0, 0] = 1e6
    shards = shards_of(model, *themes)
    assert choose(model, shards, wanted)[1] == {"stored": "float32"}


def tampered(name, change):
    """Return a model's tensors changed by one who corrects the checksum too."""

    def tamper(folder):
        tensors = load_file(folder / "model.safetensors")
        tensors[name] = change(tensors.get(name))
        save_file({k: v for k, v in tensors.items() if v is not None}, folder / "model.safetensors")
        whole = (folder / "model.safetensors").read_bytes()
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["model.safetensors"] = {
            "bytes": len(whole),
            "sha256": hashlib.sha256(whole).hexdigest(),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return tamper


def put(value):
    def change(array):
        array = array.copy()
        array[0] = value
        return array

    return change


@pytest.mark.parametrize(
    ("storage", "name", "change", "problem"),
    [
        ("int8", "scales", put(np.nan), "scales of layer 0 are not all positive numbers"),
        ("int8", "scales", put(np.inf), "scales of layer 0 are not all positive numbers"),
        ("int8", "scales", put(-0.1), "scales of layer 0 are not all positive numbers"),
        ("int8", "scales", put(0), "scales of layer 0 are not all positive numbers"),
        ("int8", "scales", put(3e38), "weights of layer 0 are not all numbers"),
        ("int8", "scales", lambda a: a[1:].copy(), "scales of layer 0 are float32 of shape"),
        ("int8", "scales", lambda a: a[None].copy(), "scales of layer 0 are float32 of shape"),
        ("int8", "scales", lambda a: a.astype(np.float64), "scales of layer 0 are float64"),
        ("int8", "scales", lambda _: None, "int8 and has no scales"),
        ("float32", "scales", lambda _: np.ones(3, np.float32), "float32 and has scales"),
        ("float16", "scales", lambda _: np.ones(3, np.float32), "float16 and has scales"),
        ("float16", "kernel", put(np.nan), "weights of layer 0 are not all numbers"),
        ("float16", "kernel", lambda a: a.astype(np.float64), "kernel of layer 0 is float64"),
        ("int8", "kernel", lambda a: a.astype(np.uint8), "kernel of layer 0 is uint8"),
        ("int8", "kernel", lambda a: a[1:].copy(), "layer 0 has shape"),
        ("int8", "kernel", lambda a: a.ravel(), "layer 0 has shape"),
    ],
)
def test_tampered_weights_are_refused(make_model, tmp_path, storage, name, change, problem):
    quantize(make_model(), storage).save(tmp_path / "model")
    tampered(f"layer0.{name}", change)(tmp_path / "model")
    with pytest.raises(DataError, match=problem):
        Classifier.load(tmp_path / "model")


def test_quantizing_twice_changes_nothing(make_model):
    once = quantize(make_model((8,)), "int8")
    for first, second in zip(once.layers, quantize(once, "int8").layers, strict=True):
        np.testing.assert_allclose(second.kernel, first.kernel, rtol=1e-6)
        assert dataclasses.astuple(first)[2] == second.stored
