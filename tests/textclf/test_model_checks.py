"""Models with the right checksums but wrong parts are refused; old ones load for ever."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from textclf.classifier import Classifier
from textclf.errors import DataError
from textclf.layers import Dense

OLD = Path(__file__).parents[1] / "fixtures" / "models"


def vocabulary(**changes):
    def change(model):
        found = {name: edit(getattr(model.vectorizer.vocabulary, name).copy())
                 for name, edit in changes.items()}  # fmt: skip
        model.vectorizer.vocabulary = dataclasses.replace(model.vectorizer.vocabulary, **found)

    return change


def put(place, value):
    def edit(array):
        array[place] = value
        return array

    return edit


def layer(**arrays):
    def change(model):
        model.layers[0] = dataclasses.replace(model.layers[0], **arrays)

    return change


def ngrams(**changes):
    def change(model):
        model.vectorizer.settings = dataclasses.replace(model.vectorizer.settings, **changes)

    return change


def attribute(name, value):
    return lambda model: setattr(model, name, value)


WRONG = {
    "hashes do not ascend": vocabulary(hashes=lambda a: a[::-1]),
    "hashes is float64": vocabulary(hashes=lambda a: a.astype(float)),
    "columns that cannot be": vocabulary(columns=put(3, -7)),
    "columns are not used once": vocabulary(columns=put(3, 4)),
    "columns that cannot be ": vocabulary(columns=put(3, 1 << 30)),
    "differ in length": vocabulary(idf=lambda a: a[1:]),
    "weights are not all numbers": vocabulary(idf=put(0, np.nan)),
    "end to end": vocabulary(text_ends=put(5, 1 << 40)),
    "end to end ": vocabulary(text_ends=put(-1, 7)),
    "not UTF-8": vocabulary(text=put(0, 0xFF)),
    "idf is float32 of 2": vocabulary(idf=lambda a: a[:, None]),
    "weights of layer 0": layer(bias=np.array([0, np.inf, 0], np.float32)),
    "layer 0 has shape": layer(kernel=np.zeros((7, 3), np.float32)),
    "layer 0 is not float32": layer(bias=np.zeros(3)),
    "temperature is nan": attribute("temperature", float("nan")),
    "temperature is 0": attribute("temperature", 0.0),
    "temperature is 1e-300": attribute("temperature", 1e-300),
    "temperature is 1e\\+300": attribute("temperature", 1e300),
    "temperature is 10": attribute("temperature", 10**400),
    "the weights are too large": layer(bias=np.array([0, 3e38, 0], np.float32)),
    "the vocabulary's weights are too large": vocabulary(idf=put(0, 3e38)),
    "ngrams.analyzer is 'letter'": ngrams(analyzer="letter"),
    "ngrams.min_n is 3, ngrams.max_n 2": ngrams(min_n=3, max_n=2),
    "a label occurs twice": attribute("labels", ["a", "a", "b"]),
    "not a list of strings": attribute("labels", ["a", 1, "b"]),
    "0 outputs|outputs for 3|for 2 labels": attribute("labels", ["a", "b"]),
}


@pytest.mark.parametrize("problem", WRONG)
def test_parts_that_do_not_fit_are_refused(make_model, tmp_path, problem):
    model = make_model()
    model.layers = [Dense(each.kernel.copy(), each.bias.copy()) for each in model.layers]
    WRONG[problem](model)
    model.save(tmp_path / "model")
    with pytest.raises(DataError, match=problem.strip()):
        Classifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"labels": ["food", "music", "\ud800"]}, "a label is not Unicode text"),
        ({"class_names": {"food": "\ud800"}}, "the name of a class is not Unicode text"),
    ],
)
def test_names_that_cannot_be_written_are_refused(make_model, tmp_path, header, problem):
    folder = tmp_path / "model"
    make_model().save(folder)
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | header))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.json"] = {
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=problem):
        Classifier.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "model.json"])
def test_json_nested_without_end_is_refused(make_model, tmp_path, name):
    make_model().save(tmp_path / "model")
    path = tmp_path / "model" / name
    path.write_text("[" * 200_000)
    with pytest.raises(DataError):
        Classifier.load(tmp_path / "model")


def test_a_model_may_be_read_by_whom_its_folder_lets_in(make_model, tmp_path):
    make_model().save(tmp_path / "model")
    modes = {path.stat().st_mode for path in (tmp_path / "model").iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("folder", sorted(OLD.iterdir()), ids=lambda folder: folder.name)
def test_old_models_load_and_predict_as_they_did(folder):
    expected = json.loads((folder / "predictions.json").read_text("utf-8"))
    model = Classifier.load(folder / "model")
    texts = list(expected)
    np.testing.assert_allclose(
        model.predict_proba(texts), [expected[text] for text in texts], atol=1e-5
    )
