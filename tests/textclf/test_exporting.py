"""Exported models say what the model says, within 1e-5."""

import sys

import numpy as np
import pandas as pd
import pytest

from textclf.classifier import Classifier
from textclf.corpus.layout import COLUMN_BREAK, Columns
from textclf.errors import OutputError, UsageError
from textclf.exporting import export, features
from textclf.layers import Dense
from textclf.quantization import quantize
from textclf.sklearn_pipeline import TextFeatures, sklearn_pipeline


def two_classes(model):
    last = model.layers[-1]
    layers = [*model.layers[:-1], Dense(last.kernel[:, :2].copy(), last.bias[:2].copy())]
    return Classifier(["yes", "no"], model.vectorizer, layers, model.temperature)


SHAPES = ["linear", "one hidden", "two hidden", "two classes", "linear, two classes", "int8"]


@pytest.fixture(params=SHAPES)
def classifier(request, make_model):
    hidden = {"one hidden": (8,), "two hidden": (7, 6), "two classes": (8,), "int8": (8,)}
    model = make_model(hidden.get(request.param, ()))
    if request.param == "int8":
        return quantize(model, "int8")
    return two_classes(model) if "two classes" in request.param else model


@pytest.fixture
def texts(themes):
    return ["", "qqqq", *themes[0][:50]]


def inputs(classifier, texts):
    found = features(classifier, texts)
    return found._asdict()


def test_onnx(classifier, texts, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    export(classifier, "onnx", tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], inputs(classifier, texts))
    np.testing.assert_allclose(found, classifier.predict_proba(texts), atol=1e-5)


def test_saved_model(make_model, texts, tmp_path):
    tf = pytest.importorskip("tensorflow")
    classifier = quantize(make_model((8,)), "float16")
    export(classifier, "saved_model", tmp_path / "saved")
    serve = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    found = serve(**{k: tf.constant(v) for k, v in inputs(classifier, texts).items()})
    expected = classifier.predict_proba(texts)
    np.testing.assert_allclose(found["probabilities"].numpy(), expected, atol=1e-5)
    assert [label.decode() for label in found["label"].numpy()] == classifier.predict(texts)


def test_sklearn(classifier, texts):
    pipeline = sklearn_pipeline(classifier)
    order = [classifier.labels.index(label) for label in pipeline.classes_]
    expected = classifier.predict_proba(texts)[:, order]
    np.testing.assert_allclose(pipeline.predict_proba(texts), expected, atol=1e-5)
    assert pipeline.predict(texts).tolist() == classifier.predict(texts)


def test_the_sklearn_pipeline_takes_tables_as_the_classifier_does(classifier, texts):
    classifier.columns = Columns(3, 2, (1, 0), {0: "body", 1: "title", 2: "label"})
    pipeline = sklearn_pipeline(classifier)
    table = pd.DataFrame({"id": range(len(texts)), "title": texts, "body": texts[::-1]})
    joined = [COLUMN_BREAK.join(both) for both in zip(texts, texts[::-1], strict=True)]
    assert pipeline.predict(table).tolist() == classifier.predict(joined)
    for wrong in (table[["title"]], "one string", ["a", None]):
        with pytest.raises(ValueError, match=r"X has|X is|text 1 is"):
            pipeline.predict(wrong)


def test_the_sklearn_file_is_no_pickle_and_trusts_one_class_of_ours(classifier, texts, tmp_path):
    skops = pytest.importorskip("skops.io")
    path = tmp_path / "model.skops"
    export(classifier, "sklearn", path)
    assert path.read_bytes().startswith(b"PK")
    ours = f"{TextFeatures.__module__}.{TextFeatures.__name__}"
    assert skops.get_untrusted_types(file=path) == [ours]
    loaded = skops.load(path, trusted=[ours])
    expected = sklearn_pipeline(classifier).predict_proba(texts)
    np.testing.assert_allclose(loaded.predict_proba(texts), expected, atol=1e-7)


def test_what_could_not_be_written_whole_is_not_there(classifier, tmp_path, monkeypatch):
    pytest.importorskip("onnx")

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        export(classifier, "onnx", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_not_overwritten(classifier, tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        export(classifier, "onnx", tmp_path)


@pytest.mark.parametrize(
    ("kind", "module", "package"), [("onnx", "onnx", "onnx"), ("sklearn", "skops.io", "skops")]
)
def test_a_missing_package_is_named(make_model, tmp_path, monkeypatch, kind, module, package):
    monkeypatch.setattr(sys, "path", [])
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UsageError, match=f"pip install {package}"):
        export(make_model(), kind, tmp_path / "model")
