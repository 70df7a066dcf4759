"""The saved model: the same after loading, and refused when it is damaged."""

import copy
import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textclf import classifier as loading
from textclf.classifier import Classifier
from textclf.corpus.block import TextBlock
from textclf.errors import DataError, TextclfError
from textclf.layers import Dense
from textclf.ngrams.matrix import choose_vocabulary, count_ngrams
from textclf.ngrams.vectorizer import Vectorizer
from textclf.quantization import quantize
from textclf.settings import NgramSettings


@pytest.fixture(scope="module")
def classifier(multilingual):
    texts, labels = multilingual
    block = TextBlock.from_texts(texts, np.array(labels, np.int32))
    ngrams = NgramSettings(max_n=3, max_features=300)
    survey = count_ngrams(lambda: [block], ngrams, 0.0, 1)
    vocabulary = choose_vocabulary(lambda: [block], survey)
    text = np.frombuffer(b"x" * vocabulary.size, np.uint8)
    vocabulary = type(vocabulary)(
        vocabulary.hashes, vocabulary.columns, vocabulary.idf, text,
        np.arange(vocabulary.size + 1),
    )  # fmt: skip
    random = np.random.default_rng(1)
    layers = [
        Dense(
            random.normal(size=shape).astype(np.float32), random.normal(size=shape[1]).astype("f4")
        )
        for shape in [(vocabulary.size, 8), (8, 4)]
    ]
    names = ["1", "2", "drei", "四"]
    return Classifier(names, Vectorizer(ngrams, vocabulary), layers, 1.3, {"1": "one"})


@pytest.fixture
def saved(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(params=["float32", "float16", "int8"])
def stored(request, classifier, tmp_path):
    quantize(classifier, request.param).save(tmp_path / "stored")
    return tmp_path / "stored"


def test_a_loaded_model_predicts_the_same(classifier, saved, multilingual):
    loaded = Classifier.load(saved)
    np.testing.assert_array_equal(
        loaded.predict_proba(multilingual[0]), classifier.predict_proba(multilingual[0])
    )
    assert loaded.predict(["bonjour"])[0] in loaded.labels == ["1", "2", "drei", "四"]
    assert loaded.name_of("1") == "1 one"
    assert loaded.name_of("2") == "2"


def test_a_run_folder_is_as_good_as_its_model(saved):
    assert Classifier.load(saved.parent).labels


def test_a_folder_that_is_a_model_and_has_runs_is_its_published_one(saved, classifier):
    other = copy.copy(classifier)
    other.labels = ["5", "6", "7", "8"]
    other.save(saved / "run" / "model")
    (saved / "current").symlink_to("run")
    assert Classifier.load(saved).labels == other.labels


@pytest.fixture
def switched(saved, classifier, monkeypatch):
    """`current`, which names a run until that is checked, and from then on another."""
    other = copy.copy(classifier)
    other.labels = ["5", "6", "7", "8"]
    other.save(saved.parent / "next" / "model")
    run, current = saved.parent / "run" / "model", saved.parent / "current"
    run.parent.mkdir()
    saved.rename(run)
    current.symlink_to("run")
    check = loading._check_manifest

    def then_switch(folder):
        check(folder)
        current.unlink()
        current.symlink_to("next")

    monkeypatch.setattr(loading, "_check_manifest", then_switch)
    return current


def test_a_model_is_of_one_run_though_another_is_published_meanwhile(switched, classifier):
    assert Classifier.load(switched).labels == classifier.labels
    assert Classifier.load(switched).labels == ["5", "6", "7", "8"]


def test_a_run_that_is_pruned_while_it_is_loaded_makes_way_for_the_next(switched, monkeypatch):
    check = loading._check_manifest

    def then_prune(folder):
        check(folder)
        shutil.rmtree(switched.parent / "run", ignore_errors=True)

    monkeypatch.setattr(loading, "_check_manifest", then_prune)
    assert Classifier.load(switched).labels == ["5", "6", "7", "8"]


def test_few_texts_and_many_are_predicted_alike(classifier, multilingual):
    few = classifier.predict_proba(multilingual[0][:40])
    classifier.vectorizer.compiled()
    many = classifier.predict_proba(multilingual[0] * 5)
    np.testing.assert_allclose(many[:40], few, atol=1e-6)


def test_blocks_are_answered_in_order(classifier, multilingual):
    blocks = [TextBlock.from_texts(multilingual[0][i : i + 50]) for i in range(0, 600, 50)]
    together = np.concatenate([p for _, p in classifier.predict_blocks(blocks)])
    np.testing.assert_allclose(together, classifier.predict_proba(multilingual[0]), atol=1e-6)


def test_a_text_without_known_ngrams_gets_the_bias_alone(classifier):
    empty, unknown = classifier.predict_proba(["", "qqqqq"])
    np.testing.assert_allclose(empty, unknown)


def test_loading_and_predicting_import_neither_tensorflow_nor_numba(saved):
    code = (
        "import sys; from textclf.classifier import Classifier; "
        f"Classifier.load({str(saved)!r}).predict(['a few words']); "
        "print([m for m in ('tensorflow', 'keras', 'numba', 'scipy', 'pandas', 'sklearn', 'rich')"
        " if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_damaged_model_is_refused_or_means_the_same(stored, data):
    reference = Classifier.load(stored)
    expected = reference.predict_proba(["bonjour le monde"])
    name = data.draw(st.sampled_from(sorted(p.name for p in stored.iterdir())))
    path = stored / name
    whole = path.read_bytes()
    try:
        if data.draw(st.booleans()):
            damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
        else:
            place = data.draw(st.integers(0, len(whole) - 1))
            damaged = bytearray(whole)
            damaged[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(damaged))
        try:
            found = Classifier.load(stored)
        except TextclfError:
            pass
        else:  # only where JSON allows another spelling of the same
            np.testing.assert_array_equal(found.predict_proba(["bonjour le monde"]), expected)
    finally:
        path.write_bytes(whole)


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_tensor_file_that_was_tampered_with_is_refused_or_predicts_numbers(stored, data):
    whole = (stored / "model.safetensors").read_bytes()
    start = 0 if data.draw(st.booleans()) else int.from_bytes(whole[:8], "little") + 8
    place = data.draw(st.integers(start, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place : place + 4] = data.draw(st.binary(min_size=1, max_size=4))
    try:
        replace_tensors(stored, bytes(damaged))
        found = Classifier.load(stored).predict_proba(["bonjour le monde", ""])
        assert found.shape == (2, 4)
    except DataError:
        pass
    finally:
        replace_tensors(stored, whole)


def replace_tensors(folder, content):
    """Put other bytes into a model, as one who corrects the checksum too."""
    (folder / "model.safetensors").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.safetensors"] = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_model_of_a_newer_format_is_refused_with_a_remedy(saved):
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["format"] = 99
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"format 99.*update textclf"):
        Classifier.load(saved)


def test_a_model_whose_parts_do_not_fit_is_refused(classifier, tmp_path):
    wrong = Classifier(classifier.labels[:3], classifier.vectorizer, classifier.layers)
    wrong.save(tmp_path / "model")
    with pytest.raises(DataError, match="4 outputs for 3 labels"):
        Classifier.load(tmp_path / "model")


@pytest.mark.parametrize("name", ["manifest.json", "model.json", "model.safetensors"])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(DataError):
        Classifier.load(saved)


def test_no_model_is_said_plainly(tmp_path):
    with pytest.raises(DataError, match="no such model"):
        Classifier.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is not a model"):
        Classifier.load(tmp_path)


def test_where_the_disk_is_full_nothing_is_left_of_a_model(classifier, mounted):
    disk = mounted("-t", "tmpfs", "-o", "size=16k", "none")
    with pytest.raises(OSError, match="os error 28"):
        classifier.save(disk / "model")
    assert list(disk.iterdir()) == []


def test_saving_twice_into_a_folder_is_refused(classifier, saved):
    with pytest.raises(FileExistsError, match="File exists; name a new folder: ") as error:
        classifier.save(saved)
    assert error.value.filename == str(saved)
    shutil.rmtree(saved)
    classifier.save(saved)


def test_long_texts_are_vectorized_a_few_at_a_time(classifier):
    block = TextBlock.from_texts(["word " * 50_000] * 20)
    parts = list(classifier.parts([block]))
    assert max(len(part.text) for part in parts) <= 1 << 20
    assert sum(map(len, parts)) == 20
    small = TextBlock.from_texts(["word"] * 20)
    assert next(classifier.parts([small])) is small
