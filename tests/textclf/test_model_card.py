"""The model card says what the run's metrics say."""

import itertools

import numpy as np
import pytest

from textclf.classifier import Classifier
from textclf.layers import Dense
from textclf.model_card import model_card
from textclf.ngrams.vectorizer import Vectorizer, Vocabulary
from textclf.settings import NgramSettings


@pytest.fixture
def metrics():
    figures = {"accuracy": 0.91471, "macro_f1": 0.91, "loss": 0.26, "ece": 0.01}
    return {
        "textclf": "0.1.0", "run": "20260101T000000Z-abcdef", "dataset": "news",
        "started": "2026-01-01T00:00:00+00:00", "epochs": 5, "best_epoch": 3, "seed": 4,
        "samples": {"train": 64538, "validation": 3285, "test": 7600}, "features": 200_000,
        "layout": "comma-separated, no header: label in column 1, text in column 2",
        "validation": figures | {"temperature": 0.9}, "test": figures,
        "seconds": {"total": 42.4}, "sha256": {"train": "ab12"},
        "weights": {"stored": "float16"},
    }  # fmt: skip


def classifier(labels, names=None, widths=(48,)):
    words = np.zeros(0, np.uint64)
    vocabulary = Vocabulary(words, words.astype(np.int32), words.astype(np.float32))
    sizes = [0, *widths, len(labels)]
    layers = [
        Dense(np.zeros((n, m), np.float32), np.zeros(m, np.float32))
        for n, m in itertools.pairwise(sizes)
    ]
    return Classifier(
        labels, Vectorizer(NgramSettings(max_n=2), vocabulary), layers, class_names=names
    )


def test_it_names_rows_figures_labels_and_files(metrics):
    card = model_card(metrics, classifier(["1", "2"], {"1": "World", "2": "2"}))
    for part in (
        "# news", "64,538 rows", "(1 x 48 units) on 200,000 word n-grams of 1 to 2",
        "| accuracy | 0.9147 | 0.9147 |",
        "- 1: World\n- 2\n", "`ab12`", "seed 4",
        "saved as float16",
    ):  # fmt: skip
        assert part in card


def test_without_a_test_file_only_validation_is_told(metrics):
    metrics["test"] = None
    card = model_card(metrics, classifier(["1", "2"]))
    assert "| | validation |\n|---|---|\n| accuracy | 0.9147 |" in card


def test_it_says_which_rows_the_weights_are_of(metrics):
    card = model_card(metrics, classifier(["1", "2"]))
    assert "calibrated on rows that it was not trained on" in card
    card = model_card(
        metrics | {"refit": True, "warm_start": {"run": "20250101T"}}, classifier(["1", "2"])
    )
    assert "trained once more in the end, on the rows held out too" in card
    assert "calibrated on rows that it was not" not in card
    assert "It went on from run 20250101T." in card


def test_a_linear_model_is_called_one(metrics):
    assert "a linear model" in model_card(metrics, classifier(["1", "2"], widths=()))


def test_machines_beside_the_network_are_told(metrics):
    card = model_card(metrics | {"svm_weight": 2.3}, classifier(["1", "2"]))
    assert "(1 x 48 units), joined with linear support vector machines, on 200,000" in card


def test_labels_cannot_write_markup(metrics):
    card = model_card(metrics, classifier(["<b>*x*\n# y", "2"]))
    assert "- \\<b\\>\\*x\\* \\# y\n" in card


def test_of_many_labels_the_first_are_listed(metrics):
    card = model_card(metrics, classifier([str(i) for i in range(1000)]))
    assert "and 950 more" in card


def test_labels_cannot_hide_characters(metrics):
    assert "- \\\\x1b\\[31mred\n" in model_card(metrics, classifier(["\x1b[31mred", "2"]))
