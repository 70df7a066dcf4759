"""The Python interface: scikit-learn's conventions, and the same model as the command's."""

import copy
import doctest
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import textclf.api
from textclf import TextClassifier
from textclf.classifier import Classifier
from textclf.corpus.block import TextBlock
from textclf.corpus.reader import CorpusFormat
from textclf.errors import ConfigError

QUICK = {"epochs": 4, "batch_size": 16, "learning_rate": 0.02, "units": 8, "dropout": 0.1}


@pytest.fixture(scope="module")
def fitted(themes):
    return TextClassifier(**QUICK).fit(*themes)


def test_it_learns_and_scores(fitted, themes):
    assert fitted.score(*themes) > 0.9
    assert fitted.classes_.tolist() == ["food", "music", "sport"]
    assert [line["epoch"] for line in fitted.history_] == [1, 2, 3, 4]


def test_probabilities_sum_to_one_and_agree_with_the_labels(fitted, themes):
    probabilities = fitted.predict_proba(themes[0])
    assert probabilities.shape == (300, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    expected = fitted.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(themes[0]), expected)


def test_no_texts_give_no_rows(fitted):
    assert fitted.predict_proba([]).shape == (0, 3)
    assert fitted.predict([]).tolist() == []


def test_the_docstrings_are_true():
    result = doctest.testmod(textclf.api, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
    assert result.attempted > 15


def test_the_command_trains_the_same_model(fitted, themes, tmp_path):
    rows = "\n".join(f"{label},{text}" for text, label in zip(*themes, strict=True))
    (tmp_path / "rows.csv").write_text(rows + "\n")
    names = {"epochs": "training", "batch_size": "training", "learning_rate": "training"}
    options = [f"--set={names.get(key, 'network')}.{key}={value}" for key, value in QUICK.items()]
    command = [
        sys.executable, "-m", "textclf", "train", "--train-file", str(tmp_path / "rows.csv"),
        "--models-dir", str(tmp_path), "--quiet", *options,
    ]  # fmt: skip
    subprocess.run(command, check=True)
    by_command = Classifier.load(tmp_path / "rows" / "current")
    ours = fitted.classifier_
    assert by_command.labels == ours.labels
    for name in ("hashes", "columns", "idf"):
        np.testing.assert_array_equal(
            getattr(by_command.vectorizer.vocabulary, name),
            getattr(ours.vectorizer.vocabulary, name),
        )
    np.testing.assert_allclose(
        by_command.predict_proba(themes[0]), fitted.predict_proba(themes[0]), atol=1e-5
    )
    by_path = TextClassifier(**QUICK).fit(tmp_path / "rows.csv", format=CorpusFormat(header=False))
    np.testing.assert_allclose(
        by_path.predict_proba(themes[0]), fitted.predict_proba(themes[0]), atol=1e-5
    )


def test_blocks_of_rows_train_the_same_model(fitted, themes):
    texts, labels = themes
    blocks = ((texts[i : i + 70], labels[i : i + 70]) for i in range(0, 300, 70))
    again = TextClassifier(**QUICK).fit(blocks)
    expected = fitted.predict_proba(texts[:20])
    np.testing.assert_allclose(again.predict_proba(texts[:20]), expected, atol=1e-5)


@pytest.mark.parametrize("make", [pd.DataFrame, np.array], ids=["DataFrame", "array"])
def test_columns_of_a_table_are_told_apart_as_those_of_a_file(themes, tmp_path, make):
    texts, labels = themes
    rows = [(text.partition(" ")[0], text) for text in texts]
    table = pd.DataFrame([(x, *row) for x, row in zip(labels, rows, strict=True)])
    table.to_csv(tmp_path / "rows.csv", header=["label", "title", "body"], index=False)
    columns = CorpusFormat(text_columns=("title", "body"))
    by_path = TextClassifier(**QUICK).fit(tmp_path / "rows.csv", format=columns)
    by_table = TextClassifier(**QUICK).fit(make(rows), labels)
    found, expected = (m.classifier_.vectorizer.vocabulary for m in (by_table, by_path))
    np.testing.assert_array_equal(found.hashes, expected.hashes)
    assert by_table.predict(make(rows)).tolist() == by_path.predict(make(rows)).tolist()


def test_the_columns_of_a_table_are_found_by_the_names_that_it_was_trained_on(themes, tmp_path):
    texts, labels = themes
    rows = pd.DataFrame({"title": [text.partition(" ")[0] for text in texts], "body": texts})
    model = TextClassifier(**QUICK).fit(rows, labels)
    model.save(tmp_path / "model")
    expected = model.predict_proba(rows)
    more = pd.DataFrame({"body": rows.body, "id": "soup", "title": rows.title})
    for known in (model, TextClassifier.load(tmp_path / "model")):
        np.testing.assert_array_equal(known.predict_proba(more), expected)
    with pytest.raises(ValueError, match=r"no column 'title'; .* trained on 'title', 'body'"):
        model.predict(more.drop(columns="title"))
    with pytest.raises(ValueError, match="2 columns 'body'"):
        model.predict(pd.concat([rows, rows.body], axis=1))


def test_a_table_without_these_names_goes_by_the_order_of_its_columns(themes):
    texts, labels = themes
    rows = pd.DataFrame({"title": [text.partition(" ")[0] for text in texts], "body": texts})
    model = TextClassifier(**QUICK).fit(rows, labels)
    expected = model.predict_proba(rows)
    for table in (rows.to_numpy(), rows.set_axis(["a", "b"], axis=1)):
        np.testing.assert_array_equal(model.predict_proba(table), expected)


def test_a_table_of_another_number_of_columns_is_refused(themes, tmp_path):
    texts, labels = themes
    one = TextClassifier(**QUICK).fit(texts, labels)
    with pytest.raises(ValueError, match="X has 2 columns; the model was trained on 1"):
        one.predict(pd.DataFrame({"text": texts, "label": labels}))
    two = TextClassifier(**QUICK).fit(np.array([texts, texts]).T, labels)
    with pytest.raises(ValueError, match="X has 1 column; the model was trained on 2"):
        two.predict(np.array([texts]).T)
    two.save(tmp_path / "two")
    with pytest.raises(ValueError, match="X has 3 columns; the model was trained on 2"):
        TextClassifier.load(tmp_path / "two").predict(np.array([texts] * 3).T)
    rows = pd.DataFrame({"text": texts})
    with pytest.raises(ValueError, match="several columns 'text'"):
        TextClassifier(**QUICK).fit(pd.concat([rows, rows], axis=1), labels)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a\ud800", "b"] * 150, r"the label 'a\\ud800' has characters that are no text"),
        (np.array(["a\0", "b"] * 150, dtype=object), r"the label 'a\\x00' has characters"),
        (pd.array(["food", pd.NA] * 150, dtype="string"), "missing label"),
        (np.array([1, "x"] * 150, dtype=object), "mixes strings and other labels"),
    ],
)
def test_labels_that_cannot_come_back_are_refused(themes, labels, said):
    with pytest.raises(ValueError, match=said):
        TextClassifier(**QUICK).fit(themes[0], labels)


def test_ctrl_c_within_a_kernel_is_no_error_of_the_system(monkeypatch, fitted, themes):
    """numba says SystemError, which scikit-learn would take for a fit that has failed."""

    def interrupted(*_):
        raise SystemError("a kernel returned with an exception set") from KeyboardInterrupt()

    monkeypatch.setattr(textclf.api, "_train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        TextClassifier(**QUICK).fit(*themes)
    monkeypatch.setattr(Classifier, "predict_blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted.predict(themes[0])


def test_text_blocks_have_codes_for_labels(themes):
    codes = np.unique(themes[1], return_inverse=True)[1]
    model = TextClassifier(**QUICK).fit([TextBlock.from_texts(themes[0], codes)])
    assert model.classes_.tolist() == [0, 1, 2]


def test_saving_and_loading_keep_the_predictions(fitted, themes, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    np.testing.assert_allclose(
        loaded.predict_proba(themes[0]), fitted.predict_proba(themes[0]), atol=1e-6
    )
    np.testing.assert_array_equal(loaded.classes_, fitted.classes_)


@pytest.mark.parametrize(
    "convert",
    [
        lambda labels: np.array([{"food": 10, "music": 9, "sport": -1}[x] for x in labels]),
        lambda labels: np.array([x == "food" for x in labels]),
        lambda labels: pd.Series([f" {x}" if x == "food" else x for x in labels]),
    ],
    ids=["integers", "booleans", "series"],
)
def test_labels_come_back_as_they_were_given(themes, convert):
    labels = convert(themes[1])
    model = TextClassifier(**QUICK).fit(pd.Series(themes[0]), labels)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    assert model.score(themes[0], labels) > 0.8


@pytest.mark.slow
def test_it_works_in_cross_validation_a_search_and_a_pipeline(themes):
    model = TextClassifier(**QUICK)
    assert cross_val_score(model, *themes, cv=2).mean() > 0.8
    search = GridSearchCV(model, {"max_n": np.array([1, 2]), "units": [4]}, cv=2)
    search.fit(*themes)
    assert search.best_params_["units"] == 4
    shout = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    assert make_pipeline(shout, model).fit(*themes).score(*themes) > 0.9


@pytest.mark.parametrize(
    "check",
    [
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_set_params",
        "check_valid_tag_types",
        "check_mixin_order",
    ],
)
def test_scikit_learn_accepts_it(check):
    getattr(estimator_checks, check)("TextClassifier", TextClassifier())


def test_a_clone_has_the_parameters_but_not_the_model(fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        twin.predict(["soup"])


def test_a_copy_predicts_the_same(fitted):
    np.testing.assert_array_equal(
        copy.deepcopy(fitted).predict_proba(["soup"]), fitted.predict_proba(["soup"])
    )


@pytest.mark.parametrize(
    ("X", "y", "problem"),
    [
        (["a", "b"], ["x"], "2 texts, but y 1 labels"),
        (["a", 7], ["x", "y"], "text 1 is a int"),
        (["a", "b"], None, "y is missing"),
        (["a", "b"], ["x", None], "missing label"),
        (["a", "b"], [1.0, float("nan")], "missing label"),
        ([], [], "no texts"),
        ("a text", ["x"], "one string"),
    ],
)
def test_what_cannot_be_trained_on_is_told(X, y, problem):
    with pytest.raises(ValueError, match=problem):
        TextClassifier().fit(X, y)


def test_one_string_is_no_sequence_of_texts(fitted):
    with pytest.raises(ValueError, match="one string"):
        fitted.predict("a text")


def test_settings_that_are_no_mapping_are_bad_configuration(themes):
    with pytest.raises(ConfigError, match="settings are no mapping"):
        TextClassifier(settings="max_n").fit(*themes)


def test_parameters_become_settings():
    model = TextClassifier(
        preset="guide", max_n=np.int64(3), random_state=7, settings={"training": {"threads": 1}}
    )
    settings = model.resolved_settings()
    assert (settings.ngrams.max_n, settings.ngrams.selection) == (3, "f_classif")
    assert (settings.training.seed, settings.training.threads) == (7, 1)
    with pytest.raises(ConfigError, match="units"):
        TextClassifier(units="many").resolved_settings()


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, textclf; print(json.dumps([m for m in sys.modules if '.' not in m]))"
    result = subprocess.run(
        [sys.executable, "-c", "import json; " + code], capture_output=True, text=True, check=True
    )
    assert not {"sklearn", "numpy", "tensorflow", "scipy"} & set(json.loads(result.stdout))
