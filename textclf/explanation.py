"""Why a model says what it says: what n-grams speak for each class, and in a text, how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.layout import COLUMN_BREAK

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.layers import Dense

Floats = NDArray[np.floating[Any]]

_COLUMNS = 1 << 12  # columns looked at at once


@dataclass(frozen=True)
class Contribution:
    """What an n-gram adds to a class's logit.

    Attributes:
        ngram: The n-gram, as the model knows it: lower-cased, ...
        value: What it adds.
    """

    ngram: str
    value: float


@dataclass(frozen=True)
class Explanation:
    """Why a text is labelled as it is.

    Attributes:
        text: The text.
        labels: Names of the classes.
        probabilities: (classes,) of the text.
        logits: (classes,) of the text.
        empty_logits: (classes,) of the empty text, from which contributions count.
        ngrams: The text's n-grams that the model knows.
        contributions: (n-grams, classes); a class's sum to its logit less that of the empty text.
    """

    text: str
    labels: list[str]
    probabilities: Floats
    logits: Floats
    empty_logits: Floats
    ngrams: list[str]
    contributions: Floats

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[int(self.probabilities.argmax())]

    def top(self, label: str, count: int = 10) -> list[Contribution]:
        """Return the n-grams that add to or take from a class's logit most, the largest first."""
        values = self.contributions[:, self.labels.index(label)]
        order = np.argsort(-np.abs(values), kind="stable")[:count]
        return [Contribution(self.ngrams[i], float(values[i])) for i in order.tolist()]

    def as_dict(self, count: int | None = None, label: str | None = None) -> dict[str, Any]:
        """Return everything as what JSON can say.

        Args:
            count: Number of n-grams, those that weigh most for any class; by default all.
            label: Tell the contributions to this class alone.
        """
        chosen = [self.labels.index(label)] if label is not None else [*range(len(self.labels))]
        names = [self.labels[i] for i in chosen]
        values = self.contributions[:, chosen]
        weight = np.abs(values).max(axis=1, initial=0.0)
        order = np.argsort(-weight, kind="stable")[:count].tolist()
        return {
            "text": self.text.replace(COLUMN_BREAK, " "),
            "label": self.label,
            "probabilities": _by_label(self.labels, self.probabilities),
            "logits": _by_label(self.labels, self.logits),
            "empty_logits": _by_label(self.labels, self.empty_logits),
            "contributions": [
                {"ngram": self.ngrams[i], **_by_label(names, values[i])} for i in order
            ],
        }


def explain(classifier: Classifier, text: str) -> Explanation:
    """Return what each n-gram of a text adds to the logits.

    The contributions are integrated gradients from the empty text (Sundararajan et al. 2017,
    Axiomatic Attribution for Deep Networks), exactly: between the empty text and this one the
    logits are piecewise linear, and the gradient is taken once a piece. For a model without
    hidden layers they are weight times value.
    """
    from textclf.corpus.block import TextBlock, encode_text
    from textclf.metrics import softmax

    text = encode_text(text).decode("utf-8")  # what the model is given
    rows = classifier.vectorizer.transform(TextBlock.from_texts([text]))
    first, *rest = classifier.layers
    values = rows.data.astype(np.float64)
    parts = values[:, None] * first.kernel[rows.indices].astype(np.float64)
    bias = first.bias.astype(np.float64)
    gradient = mean_gradient(bias, parts.sum(axis=0), rest) / classifier.temperature
    logits = classifier.logits(rows)
    empty = classifier.vectorizer.transform(TextBlock.from_texts([""]))
    return Explanation(
        text,
        classifier.labels,
        softmax(logits)[0].astype(np.float64),
        logits[0].astype(np.float64),
        classifier.logits(empty)[0].astype(np.float64),
        [classifier.vectorizer.vocabulary.ngram(column) for column in rows.indices.tolist()],
        parts @ gradient,
    )


def mean_gradient(start: Floats, change: Floats, layers: list[Dense]) -> Floats:
    """Return the mean gradient of a ReLU network's outputs by its input along a straight line.

    Args:
        start: (units,) input at the start of the line.
        change: (units,) from there to its end.
        layers: What follows; each takes the ReLU of what is before it.

    Returns:
        (units, outputs): its product with `change` is exactly the change of the outputs.
    """
    if not layers:
        return np.eye(len(start))
    places = np.array([0.0, 1.0])  # between two of them the network is linear
    for depth in range(len(layers)):
        at_places = _inputs_at(start, change, layers[:depth], places)
        places = _with_zeros(places, at_places)
    total = np.zeros((len(start), len(layers[-1].bias)))
    middles = (places[:-1] + places[1:]) / 2
    for place, width in zip(middles.tolist(), np.diff(places).tolist(), strict=True):
        value: Floats = start + place * change
        gradient: Floats = np.eye(len(start))
        for layer in layers:
            open_units = value > 0
            gradient = (gradient * open_units) @ layer.kernel
            value = (value * open_units) @ layer.kernel + layer.bias
        total += width * gradient
    return total


def _inputs_at(start: Floats, change: Floats, layers: list[Dense], places: Floats) -> Floats:
    """Return (places, units): what goes into the ReLU after the layers, along the line."""
    values: Floats = start + places[:, None] * change
    for layer in layers:
        values = np.maximum(values, 0.0) @ layer.kernel + layer.bias
    return values


def _with_zeros(places: Floats, values: Floats) -> Floats:
    """Return the places with those added where a unit, linear between places, crosses zero."""
    before, after = values[:-1], values[1:]
    crossing = before * after < 0
    share = before[crossing] / (before[crossing] - after[crossing])
    starts = np.broadcast_to(places[:-1, None], before.shape)[crossing]
    widths = np.broadcast_to(np.diff(places)[:, None], before.shape)[crossing]
    return np.unique(np.concatenate([places, starts + share * widths]))


def class_ngrams(
    classifier: Classifier, count: int = 10, labels: Sequence[str] | None = None
) -> dict[str, list[Contribution]]:
    """Return the n-grams that speak most for each class, the strongest first.

    An n-gram speaks for a class by as much as a text of it alone raises the class's logit above
    the mean of all classes' logits, compared with the empty text.

    Args:
        classifier: The model.
        count: Number of n-grams a class.
        labels: The classes; by default all.
    """
    chosen = classifier.labels if labels is None else labels
    places = [classifier.labels.index(label) for label in chosen]
    vocabulary = classifier.vectorizer.vocabulary
    found: list[list[tuple[float, int]]] = [[] for _ in chosen]
    empty = _centred(_forward(classifier, np.zeros(classifier.layers[0].kernel.shape[1])[None]))
    alone = _alone(classifier)
    for begin in range(0, vocabulary.size, _COLUMNS):
        part = slice(begin, min(begin + _COLUMNS, vocabulary.size))
        kernel = classifier.layers[0].kernel[part].astype(np.float64)
        scores = _centred(_forward(classifier, kernel * alone[part, None])) - empty
        for label, candidates in zip(places, found, strict=True):
            column = scores[:, label]
            least = candidates[-1][0] if len(candidates) == count else -np.inf
            better = np.flatnonzero(column > least)
            best = better[np.argsort(-column[better], kind="stable")[:count]]
            candidates += [(float(column[i]), begin + i) for i in best.tolist()]
            candidates.sort(key=lambda pair: (-pair[0], pair[1]))
            del candidates[count:]
    return {
        label: [Contribution(vocabulary.ngram(place), score) for score, place in candidates]
        for label, candidates in zip(chosen, found, strict=True)
    }


def _alone(classifier: Classifier) -> Floats:
    """Return (columns,) the value of each n-gram in a text of it alone."""
    vocabulary = classifier.vectorizer.vocabulary
    values = np.ones(vocabulary.size)
    if classifier.vectorizer.settings.norm != "l2":
        selected = vocabulary.columns >= 0
        values[vocabulary.columns[selected]] = vocabulary.idf[selected]
    return values


def _forward(classifier: Classifier, products: Floats) -> Floats:
    """Return the logits for (rows, units) products of rows and the first layer's kernel."""
    first, *rest = classifier.layers
    values = products + first.bias
    for layer in rest:
        values = np.maximum(values, 0.0) @ layer.kernel + layer.bias
    return np.asarray(values / classifier.temperature)


def _centred(logits: Floats) -> Floats:
    return np.asarray(logits - logits.mean(axis=1, keepdims=True))


def _by_label(labels: list[str], values: Floats) -> dict[str, float]:
    return dict(zip(labels, values.tolist(), strict=True))
