"""What report.json holds: what a run's other files lack and its page shows."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.report.data import VERSION

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.evaluation import Mistake
    from textclf.metrics import Evaluation
    from textclf.ngrams.shards import Shard

MISTAKES = 12  # the most confident ones, that are kept
MOST_CLASSES = 24  # whose n-grams are kept
MOST_CONFUSIONS = 20_000  # pairs of a label and another one predicted
_NGRAMS = 12
_LONGEST = 200  # characters of an n-gram that are kept
_MOST_KNOWN = 1 << 16  # a text of more n-grams counts as one of so many
_QUANTILES = (5, 25, 50, 75, 95)
_PACKAGES = ("numpy", "scipy", "numba", "tensorflow", "keras", "safetensors")


def gather(
    classifier: Classifier,
    part: str,
    found: Evaluation,
    mistakes: Sequence[Mistake],
    train: Iterable[Shard],
) -> dict[str, Any]:
    """Return the contents of report.json; its size is bounded but for a line a class.

    Args:
        classifier: The model.
        part: What rows it was measured on: `test` or `validation`.
        found: Their figures.
        mistakes: The most confident mistakes among them, as far as their texts are known.
        train: The rows trained on.
    """
    from textclf.explanation import class_ngrams

    places = np.argsort(-found.support, kind="stable")[:MOST_CLASSES]
    most = [classifier.labels[i] for i in sorted(places.tolist())]
    best = class_ngrams(classifier, _NGRAMS, most)
    counts = (found.support, found.predicted, found.right)
    return {
        "version": VERSION,
        "part": part,
        "labels": classifier.labels,
        "names": classifier.class_names,
        "by_class": np.stack(counts, axis=1).tolist(),
        "confused": _confused(found),
        "bins": found.bins.tolist(),
        "mistakes": [_explained(classifier, mistake) for mistake in mistakes],
        "ngrams": {
            label: [[c.ngram[:_LONGEST], round(c.value, 4)] for c in best[label]] for label in most
        },
        "profile": _profile(train, len(classifier.labels)),
        "environment": _environment(),
    }


def _confused(found: Evaluation) -> list[list[int]]:
    """Return class, class predicted and rows of the most frequent confusions, falling."""
    true, predicted, rows = found.pairs()
    wrong = true != predicted
    true, predicted, rows = true[wrong], predicted[wrong], rows[wrong]
    order = np.argsort(-rows, kind="stable")[:MOST_CONFUSIONS]
    chosen = (true[order], predicted[order], rows[order])
    return [list(cell) for cell in zip(*(part.tolist() for part in chosen), strict=True)]


def _explained(classifier: Classifier, mistake: Mistake) -> dict[str, Any]:
    """Return a mistake, and its text in pieces with what each adds to the label predicted."""
    from textclf.explanation import explain
    from textclf.highlighting import highlights

    found = explain(classifier, mistake.text)
    pieces = highlights(found, mistake.predicted, classifier.vectorizer.settings)
    return asdict(mistake) | {"pieces": [[text, round(weight, 5)] for text, weight in pieces]}


def _profile(train: Iterable[Shard], classes: int) -> dict[str, Any]:
    """Count the training rows by class, and the n-grams of the model that a row has."""
    rows = np.zeros(classes, dtype=np.int64)
    known = np.zeros(_MOST_KNOWN + 1, dtype=np.int64)
    for shard in train:
        rows += np.bincount(shard.y, minlength=classes)
        sizes = np.minimum(np.diff(shard.x.indptr), _MOST_KNOWN)
        known += np.bincount(sizes, minlength=len(known))
    reached = np.cumsum(known)
    quantiles = [
        [p, int(np.searchsorted(reached, max(1, p * int(reached[-1]) / 100)))] for p in _QUANTILES
    ]
    return {"train": rows.tolist(), "known_ngrams": quantiles, "no_ngrams": int(known[0])}


def _environment() -> dict[str, str]:
    found = {
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processors": str(os.cpu_count() or 1),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # installed under another name, such as tensorflow-cpu
            if name in sys.modules:
                found[name] = str(getattr(sys.modules[name], "__version__", "?"))
    return found
