"""Temperature scaling: one number that makes a network's confidence honest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.layers import Floats
from textclf.metrics import Evaluation, softmax
from textclf.ngrams.vectorizer import Rows

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.ngrams.shards import Shard

# Scores, or rows if classes are many, from which one or two numbers are fitted: more tell no more.
_ENOUGH, _FEWEST_ROWS = 1 << 20, 10_000
_MOST = 64 << 20  # scores that there is memory for
_CLOSE = 1e-5  # steps of a logarithm that are not worth taking


def take_enough(parts: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Take parts until they hold rows enough to fit factors by.

    Args:
        parts: (rows, classes) scores of rows in random order, and whatever else; it is left where
            the next part begins.
    """
    taken, rows = [], 0
    for part in parts:
        taken.append(part)
        rows += len(part[0])
        classes = part[0].shape[1]
        if rows >= min(max(_FEWEST_ROWS, _ENOUGH // classes), _MOST // classes):
            break
    return taken


def fit_factors(scores: Sequence[Floats], true: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the positive factors with which scores add up to the logits that fit best.

    Minimized is the rows' log loss. The factors' logarithms are normal ones beforehand, of mean 0
    and deviation 1: a few rows that are all right would otherwise make a network as sure as
    numbers go.

    By Newton's method, with Fisher's information for the second derivatives, as logistic
    regression is fitted. To import scipy.optimize takes a quarter of the time of TensorFlow.

    Args:
        scores: Each (rows, classes), of rows that were not trained on.
        true: (rows,) classes.
    """
    wide = [part.astype(np.float64) for part in scores]
    own = np.arange(len(true)), true

    def look(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = sum(factor * part for factor, part in zip(np.exp(logs), wide, strict=True))
        logits -= logits.max(axis=1, keepdims=True)
        probabilities = np.exp(logits)
        sums = probabilities.sum(axis=1, keepdims=True)
        probabilities /= sums
        return float(logs @ logs / 2 + (np.log(sums[:, 0]) - logits[own]).sum()), probabilities

    logs = np.zeros(len(wide))
    loss, probabilities = look(logs)
    while True:
        weighed = [factor * part for factor, part in zip(np.exp(logs), wide, strict=True)]
        means = [(probabilities * part).sum(axis=1) for part in weighed]
        gradient = logs + [(m - part[own]).sum() for m, part in zip(means, weighed, strict=True)]
        hessian = np.eye(len(wide))
        for i, j in np.ndindex(hessian.shape):
            hessian[i, j] += (probabilities * weighed[i] * weighed[j]).sum() - means[i] @ means[j]
        step = np.linalg.solve(hessian, gradient)
        step /= max(1.0, np.abs(step).max())
        while np.abs(step).max() > _CLOSE:
            next_loss, next_probabilities = look(logs - step)
            if next_loss < loss:
                break
            step /= 2
        else:
            return np.exp(logs)
        logs, loss, probabilities = logs - step, next_loss, next_probabilities


def fit_temperature(logits: Floats, true: NDArray[np.int32]) -> float:
    """Return the temperature at which softmax(logits / temperature) fits best, as `fit_factors`.

    Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.

    Args:
        logits: (rows, classes) of rows that were not trained on.
        true: (rows,) classes.
    """
    (factor,) = fit_factors([logits], true)
    return float(1 / factor)


def calibrate(
    classifier: Classifier, validation: Iterable[Shard]
) -> tuple[Evaluation, dict[str, float]]:
    """Set the classifier's temperature by the validation rows; return what they show.

    Returns:
        Their figures, and the main ones by name; among them the calibration error before is
        `ece_uncalibrated`.
    """
    from textclf.parallel import ordered_map

    def judge(part: tuple[Rows, NDArray[np.int32]]) -> tuple[Floats, NDArray[np.int32]]:
        rows, true = part
        return classifier.logits(rows), true

    judged = ordered_map(judge, Rows.parts(validation, len(classifier.labels)))
    taken = take_enough(judged)
    classifier.temperature = fit_temperature(*map(np.concatenate, zip(*taken, strict=True)))
    before, after = Evaluation(classifier.labels), Evaluation(classifier.labels)
    for logits, true in chain(taken, judged):
        before.add(true, softmax(logits))
        after.add(true, softmax(np.divide(logits, classifier.temperature, dtype=np.float32)))
    return after, after.summary() | {
        "ece_uncalibrated": before.calibration_error,
        "temperature": classifier.temperature,
    }
