"""Temperature scaling: one number that makes a network's confidence honest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textclf.metrics import Evaluation, softmax

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.ngrams.shards import Shard


def fit_temperature(logits: NDArray[np.float32], true: NDArray[np.int32]) -> float:
    """Return the temperature at which softmax(logits / temperature) fits best.

    Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2, minimize the rows' log
    loss. Here the temperature's logarithm is a normal one beforehand, of mean 0 and deviation 1:
    a few rows that are all right would otherwise make the network as sure as numbers go.

    Args:
        logits: (rows, classes) of rows that were not trained on.
        true: (rows,) classes.
    """
    from scipy.optimize import minimize_scalar

    wide = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        likelihood = scaled[np.arange(len(true)), true] - np.log(np.exp(scaled).sum(axis=1))
        return float(log_temperature**2 / 2 - likelihood.sum()) / len(true)

    if len(true) == 0:
        return 1.0
    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def calibrate(
    classifier: Classifier, validation: Iterable[Shard]
) -> tuple[Evaluation, dict[str, float]]:
    """Set the classifier's temperature by the validation rows; return what they show.

    Returns:
        Their figures, and the main ones by name; among them the calibration error before is
        `ece_uncalibrated`.
    """
    from textclf.ngrams.vectorizer import Rows
    from textclf.parallel import ordered_map

    def judge(shard: Shard) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        rows = Rows(shard.x.indptr, shard.x.indices, shard.x.data)
        return classifier.logits(rows), np.array(shard.y)

    logits, true = map(np.concatenate, zip(*ordered_map(judge, validation), strict=True))
    before, after = Evaluation(classifier.labels), Evaluation(classifier.labels)
    before.add(true, softmax(logits))
    classifier.temperature = fit_temperature(logits, true)
    after.add(true, softmax(np.divide(logits, classifier.temperature, dtype=np.float32)))
    return after, after.summary() | {
        "ece_uncalibrated": before.calibration_error,
        "temperature": classifier.temperature,
    }
