"""Figures added up block by block against scikit-learn's on all rows at once."""

import numpy as np
import pytest
from sklearn import metrics as sk

from textclf.metrics import Evaluation, softmax


@pytest.fixture
def predictions():
    random = np.random.default_rng(2)
    true = random.integers(0, 4, 500).astype(np.int32)
    logits = random.normal(size=(500, 5)).astype(np.float32)
    logits[np.arange(500), true] += 1.5
    return true, logits


def evaluate(true, logits, step=77):
    result = Evaluation([str(i) for i in range(5)])
    probabilities = softmax(logits)
    for i in range(0, len(true), step):
        result.add(true[i : i + step], probabilities[i : i + step])
    return result, probabilities


def test_accuracy_f1_and_loss_equal_scikit_learn(predictions):
    true, _ = predictions
    result, probabilities = evaluate(*predictions)
    guess = probabilities.argmax(axis=1)
    assert result.accuracy == pytest.approx(sk.accuracy_score(true, guess))
    assert result.macro_f1 == pytest.approx(sk.f1_score(true, guess, average="macro"))
    assert result.weighted_f1 == pytest.approx(sk.f1_score(true, guess, average="weighted"))
    assert result.loss == pytest.approx(sk.log_loss(true, probabilities, labels=range(5)), rel=1e-4)


def test_figures_by_class_equal_scikit_learn(predictions):
    true, _ = predictions
    result, probabilities = evaluate(*predictions)
    guess = probabilities.argmax(axis=1)
    theirs = sk.precision_recall_fscore_support(true, guess, labels=range(5), zero_division=0)
    for ours, other in zip(
        (result.precision, result.recall, result.f1, result.support), theirs, strict=True
    ):
        np.testing.assert_allclose(ours, other)
    np.testing.assert_array_equal(
        result.confusion, sk.confusion_matrix(true, guess, labels=range(5))
    )


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    result = Evaluation(["a", "b"])
    sure = np.tile(np.array([[0.9, 0.1]], np.float32), (10, 1))
    result.add(np.array([0] * 6 + [1] * 4, np.int32), sure)
    assert result.calibration_error == pytest.approx(0.3, abs=1e-6)


def test_no_rows_have_no_figures_but_no_error():
    result = Evaluation(["a", "b"])
    result.add(np.empty(0, np.int32), np.empty((0, 2), np.float32))
    assert result.summary() == {"accuracy": 0.0, "loss": 0.0, "macro_f1": 0.0, "ece": 0.0}
