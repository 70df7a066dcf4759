"""scikit-learn's own checks of estimators, on texts made of the numbers that they give."""

import enum
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from textclf import TextClassifier

TINY = {
    "epochs": 2, "batch_size": 16, "learning_rate": 0.05, "units": 4, "max_n": 1, "min_df": 1,
    "input_dropout": 0.0, "validation_split": 0.2, "settings": {"training": {"threads": 1}},
}  # fmt: skip


class NumbersAsTexts(TextClassifier):
    """The classifier with numbers for texts: scikit-learn's checks know no texts.

    Values become words, exact and rounded, so that there is something to learn.
    """

    def fit(self, X, y=None):
        X, y = validate_data(self, X, y)
        return super().fit(self._texts(X), y)

    def predict_proba(self, X):
        check_is_fitted(self)
        return super().predict_proba(self._texts(validate_data(self, X, reset=False)))

    @staticmethod
    def _texts(X):
        return [
            " ".join(f"exact{j}x{v:.1f} near{j}x{v:.0f} sign{j}x{v > 0}" for j, v in enumerate(row))
            .replace("-", "m")
            .replace(".", "p")
            for row in X
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = tags.no_validation = False
        return tags


# Those that fit, and look at labels, parameters, state or predictions. Left out are the checks of
# how numbers are validated, which a classifier of texts does not do, and of `class_weight` as a
# mapping, which it does not take.
CHECKS = [
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_classifiers_train",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_estimators_unfitted",
    "check_fit2d_1sample",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_pipeline_consistency",
    "check_requires_y_none",
    "check_supervised_y_2d",
    "check_supervised_y_no_nan",
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_scikit_learn_accepts_how_it_fits(check):
    more = {"epochs": 10, "units": 8} if check == "check_classifiers_train" else {}
    estimator = NumbersAsTexts(**(TINY | more))
    getattr(estimator_checks, check)("NumbersAsTexts", estimator)


@pytest.fixture(scope="module")
def rows():
    """60 texts and labels."""
    return [f"{w} word {i}" for i in range(30) for w in ("good", "bad")], ["g", "b"] * 30


@pytest.fixture(scope="module")
def fitted(rows):
    return TextClassifier(**TINY).fit(*rows)


def probabilities(model, rows):
    return model.predict_proba(rows[0])


@pytest.mark.parametrize(
    "kind",
    [
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: np.array(texts)[:, None],
        pd.Series,
        lambda texts: pd.Series(texts, dtype="string", index=range(100, 100 + len(texts))),
        lambda texts: pd.DataFrame({"a text": texts}),
        iter,
    ],
    ids=["tuple", "array", "objects", "column", "series", "strings", "frame", "iterator"],
)
def test_texts_may_come_in_any_container(fitted, rows, kind):
    expected = probabilities(fitted, rows)
    np.testing.assert_array_equal(fitted.predict_proba(kind(rows[0])), expected)


@pytest.mark.parametrize("kind", [pd.Series, lambda texts: pd.DataFrame({"a text": texts}), iter])
def test_it_fits_what_it_predicts(fitted, rows, kind):
    again = clone(fitted).fit(kind(rows[0]), pd.Series(rows[1]))
    np.testing.assert_allclose(probabilities(again, rows), probabilities(fitted, rows), atol=1e-5)


@pytest.mark.parametrize(
    ("X", "problem"),
    [
        ([1, 2], "text 0 is a int"),
        (np.zeros(2), "text 0 is a float64"),
        (["a", None], "text 1 is a NoneType"),
        (["a", float("nan")], "text 1 is a float"),
        ([b"a", b"b"], "text 0 is a bytes"),
        ([["a"], ["b"]], "text 0 is a list"),
        (None, "X is a NoneType"),
        (7, "X is a int"),
        (np.array("a"), "X is a ndarray"),
        ({"a": "text"}, "X is a dict"),
        ({"a", "b"}, "X is a set"),
        (np.zeros((2, 1)), "column 1, text 0 is a float64"),
        (pd.DataFrame({"stars": ["5", 4]}), "column 1, text 1 is a int"),
        (np.empty((2, 0)), r"X is of the shape \(2, 0\)"),
        (np.empty((2, 1, 1)), r"X is of the shape \(2, 1, 1\)"),
        (b"a text", "X is one string"),
    ],
)
def test_what_is_no_text_is_told(fitted, X, problem):
    with pytest.raises(ValueError, match=problem):
        fitted.predict(X)
    with pytest.raises(ValueError, match=problem):
        TextClassifier().fit(X, ["x", "y"])


class Kind(enum.Enum):
    A = 1
    B = 2


@pytest.mark.parametrize("kind", ["Int64", "boolean"])
def test_labels_of_pandas_own_types_are_what_they_are_in_python(rows, kind):
    classes = [0, 1] if kind == "boolean" else [2**53, 2**53 + 1]
    y = [classes[label == rows[1][0]] for label in rows[1]]
    model = TextClassifier(**TINY).fit(rows[0], pd.Series(y, dtype=kind))
    assert model.classes_.tolist() == classes


@pytest.mark.parametrize(
    ("X", "y", "problem"),
    [
        (["a"] * 20, ["x"] * 20, "^the texts: only one class, 'x'"),
        (["a"] * 4, ["x", "y"] * 2, "^the texts: .*none for validation"),
        (["a", "b"], ["x", "y"], "^the texts: too few different texts"),
        (["a", "b"], [0.5, 1.5], "Unknown label type"),
        (["a", "b"], [["x", "y"], ["x", "z"]], "1d array"),
        (["a", "b"], ["x", "x "], "two labels are written 'x'"),
        (["a", "b"], [Kind.A, Kind.B], "labels have no order"),
        (["a", "b"], pd.to_datetime(["2026-01-01", "2026-01-02"]), "y holds times"),
        (None, None, "X is a NoneType"),
        (pd.DataFrame({"text": ["a"]}), None, "y is missing"),
    ],
)
def test_what_cannot_be_learned_is_a_value_error(X, y, problem):
    with pytest.raises(ValueError, match=problem):
        TextClassifier(**TINY).fit(X, y)


def test_fitting_leaves_texts_labels_and_parameters_alone(rows):
    texts, labels = list(rows[0]), np.array(rows[1])
    model = TextClassifier(**TINY)
    before = model.get_params()
    model.fit(texts, labels)
    assert texts == rows[0]
    np.testing.assert_array_equal(labels, rows[1])
    assert model.get_params() == before
    assert model.settings is TINY["settings"]


def test_fitting_again_forgets_what_was_learned(fitted, rows):
    model = TextClassifier(**TINY).fit(
        [f"{w} {i}" for i in range(30) for w in ("one", "two")], [1, 2] * 30
    )
    model.fit(*rows)
    assert model.classes_.tolist() == ["b", "g"]
    np.testing.assert_allclose(probabilities(model, rows), probabilities(fitted, rows), atol=1e-5)


@pytest.mark.parametrize(
    "method",
    [
        lambda model: model.predict(["a"]),
        lambda model: model.predict_proba(["a"]),
        lambda model: model.score(["a"], ["b"]),
        lambda model: model.save("nowhere"),
    ],
    ids=["predict", "predict_proba", "score", "save"],
)
def test_nothing_is_said_before_fit(method):
    with pytest.raises(NotFittedError):
        method(TextClassifier())


def test_a_pickle_predicts_the_same_where_tensorflow_is_not_imported(fitted, rows, tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(fitted))
    code = (
        "import pickle, sys; model = pickle.load(open(sys.argv[1], 'rb'));"
        "print('tensorflow' in sys.modules, *model.predict(['good word', 'bad word']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.pickle")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = fitted.predict(["good word", "bad word"])
    assert result.stdout.split() == ["False", *expected]


def test_what_was_made_for_predicting_is_not_pickled(fitted, rows):
    copied = pickle.loads(pickle.dumps(fitted))
    size = len(pickle.dumps(copied))
    many = [*rows[0]] * 2000  # more than plain Python vectorizes
    expected = fitted.predict(many)
    copied.predict(many)
    assert len(pickle.dumps(copied)) == size
    assert (pickle.loads(pickle.dumps(copied)).predict(many) == expected).all()


# In a process of its own: what is forked is all of it.
FORKED = """
import multiprocessing, sys
from textclf import TextClassifier
from textclf.errors import UsageError

texts, labels, options = {rows!r}, {labels!r}, {options!r}

def fit():
    try:
        TextClassifier(**options).fit(texts, labels)
    except UsageError as error:
        sys.exit(3 * ("forked" in str(error)))

fit()
fit()
child = multiprocessing.get_context("fork").Process(target=fit)
child.start()
child.join(60)
print(child.exitcode)
child.kill()
"""


@pytest.mark.slow
def test_a_fork_of_a_process_that_has_trained_does_not_wait_for_ever(rows):
    code = FORKED.format(rows=rows[0], labels=rows[1], options=TINY)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "3\n"), result.stderr


@pytest.mark.slow
def test_a_search_may_use_processes(rows, tmp_path):
    # In a process of its own: joblib's workers take after the one that starts them.
    code = (
        "from sklearn.model_selection import GridSearchCV\n"
        "from textclf import TextClassifier\n"
        f"texts, labels = {rows!r}\n"
        f"model = TextClassifier(**{TINY!r})\n"
        "search = GridSearchCV(model, {'units': [2]}, cv=2, n_jobs=2, refit=False)\n"
        "print(search.fit(texts, labels).cv_results_['mean_test_score'] > 0.4)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "[ True]\n"), result.stderr
