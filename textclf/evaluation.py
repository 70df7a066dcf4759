"""How good a model is on labelled rows: figures with intervals, slices, mistakes, a comparison."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.records import cell_text
from textclf.errors import DataError, UsageError
from textclf.intervals import Losses, intervals
from textclf.metrics import Evaluation
from textclf.progress import Progress, Report, silent
from textclf.significance import McNemar

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.corpus.block import TextBlock
    from textclf.corpus.reader import Corpus

Floats = NDArray[np.float32]

_MOST_SLICES = 1000
_MOST_OF_MATRIX = 1000  # classes
_SHOWN = 500  # characters of a mistake's text that are kept


@dataclass(frozen=True)
class Mistake:
    """A row that was predicted wrong.

    Attributes:
        source: Name of the file.
        row: Number of the row in it.
        text: The first characters of its text.
        label: Its label.
        predicted: The label predicted.
        confidence: Probability of the label predicted.
        probability: Probability of its label.
    """

    source: str
    row: int
    text: str
    label: str
    predicted: str
    confidence: float
    probability: float


@dataclass(frozen=True)
class EvaluationSettings:
    """What is measured beyond the figures themselves.

    Attributes:
        slice_by: A column; the figures are told for each of its values too.
        mistakes: Number of mistakes that are kept, the most confident ones.
        replicates: Number of bootstrap replicates behind the intervals; 0: no intervals.
        level: Level of the intervals.
        seed: Seed of the replicates.
    """

    slice_by: str | int | None = None
    mistakes: int = 10
    replicates: int = 1000
    level: float = 0.95
    seed: int = 1


@dataclass
class Measured:
    """What `measure` found.

    Attributes:
        overall: The figures.
        intervals: (low, high) of accuracy, macro and weighted F1 and log loss.
        slices: The figures for each value of the slicing column, the most frequent first.
        mistakes: The most confident mistakes, the worst first.
        other: The figures of the model compared with.
        comparison: Whether the two models differ.
    """

    overall: Evaluation
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    slices: dict[str, Evaluation] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    other: Evaluation | None = None
    comparison: McNemar | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as what JSON can say."""
        result: dict[str, Any] = {
            **figures(self.overall),
            "intervals": {name: list(pair) for name, pair in self.intervals.items()},
            "by_class": self.overall.by_class(),
            "labels": self.overall.labels,
            "confusion": self._confusion(),
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
        }
        if self.slices:
            result["slices"] = {value: figures(found) for value, found in self.slices.items()}
        if self.other is not None and self.comparison is not None:
            result["against"] = figures(self.other) | {"mcnemar": self.comparison.as_dict()}
        return result

    def _confusion(self) -> list[list[int]] | None:
        """Return the confusion matrix; None of so many classes that nearly all of it is zeros."""
        few = len(self.overall.labels) <= _MOST_OF_MATRIX
        return self.overall.confusion.tolist() if few else None


def figures(found: Evaluation) -> dict[str, float]:
    """Return the main figures by name."""
    return found.summary() | {
        "rows": found.rows,
        "micro_f1": found.accuracy,  # the same where each row has one label
        "weighted_f1": found.weighted_f1,
    }


def measure(
    classifier: Classifier,
    corpus: Corpus,
    settings: EvaluationSettings | None = None,
    *,
    against: Classifier | None = None,
    report: Report = silent,
) -> Measured:
    """Predict every row of a labelled corpus, in bounded memory, and return what follows.

    Args:
        classifier: The model.
        corpus: Rows whose labels are coded as the model codes them; the slicing column is among
            its extra columns.
        settings: What is measured.
        against: Another model, measured on the same rows, of which it reads its own columns.
        report: Told of each block.

    Raises:
        DataError: If the rows have no labels, there are none, or there are too many slices.
    """
    settings = settings or EvaluationSettings()
    overall, losses = Evaluation(classifier.labels), Losses()
    other, mcnemar = Evaluation(classifier.labels), McNemar()
    slices: dict[str, Evaluation] = {}
    worst = Worst(settings.mistakes, classifier.labels)
    for block, found, rival in _predictions(classifier, corpus, against):
        if block.labels is None:
            raise DataError("the rows have no labels", where=block.source)
        overall.add(block.labels, found)
        losses.add(block.labels, found)
        worst.add(block, block.labels, found)
        if rival is not None:
            other.add(block.labels, rival)
            right = found.argmax(axis=1) == block.labels
            mcnemar.add(right, rival.argmax(axis=1) == block.labels)
        if settings.slice_by is not None:
            values = list(map(cell_text, block.extra[str(settings.slice_by)]))
            _slice(slices, block, found, values, classifier.labels)
        report(Progress("evaluate", overall.rows))
    if overall.rows == 0:
        raise DataError("there are no rows", remedy="give a file with labelled rows")
    return Measured(
        overall,
        intervals(overall, losses, settings.replicates, settings.level, settings.seed),
        dict(sorted(slices.items(), key=lambda pair: (-pair[1].rows, pair[0]))),
        worst.sorted(),
        other if against else None,
        mcnemar if against else None,
    )


def _predictions(
    classifier: Classifier, corpus: Corpus, against: Classifier | None
) -> Iterator[tuple[TextBlock, Floats, Floats | None]]:
    if against is None:
        for block, found in classifier.predict_blocks(corpus.blocks()):
            yield block, found, None
        return
    from textclf.corpus.pairing import paired
    from textclf.parallel import ordered_map

    if sorted(against.labels) != sorted(classifier.labels):
        raise UsageError(
            "the two models have different labels",
            remedy="compare models that were trained on the same labels",
        )
    order = [against.labels.index(label) for label in classifier.labels]
    other = corpus if corpus.fmt.text_columns else corpus.as_trained(against.columns)
    blocks = classifier.parts(corpus.blocks())
    pairs = ((b, b) for b in blocks) if other is corpus else paired(blocks, other.blocks())
    yield from ordered_map(
        lambda pair: (
            pair[0],
            classifier.predict_block(pair[0]),
            against.predict_block(pair[1])[:, order],
        ),
        pairs,
    )


def _slice(
    slices: dict[str, Evaluation],
    block: TextBlock,
    found: Floats,
    values: list[str],
    labels: list[str],
) -> None:
    assert block.labels is not None
    names, places = np.unique(np.array(values, dtype=object), return_inverse=True)
    for i, name in enumerate(names.tolist()):
        if name not in slices:
            if len(slices) == _MOST_SLICES:
                raise DataError(
                    f"the column to slice by has more than {_MOST_SLICES} values",
                    where=block.source,
                    remedy="choose a column with fewer",
                )
            slices[name] = Evaluation(labels)
        rows = places == i
        slices[name].add(block.labels[rows], found[rows])


class Worst:
    """Keeps the most confident mistakes in a bounded heap.

    Args:
        size: How many.
        labels: Names of the classes.
    """

    def __init__(self, size: int, labels: list[str]) -> None:
        self._size, self._labels = size, labels
        # The first of two equally confident ones is kept: the key is unique and falls.
        self._heap: list[tuple[float, int, Mistake]] = []
        self._seen = 0

    def add(self, block: TextBlock, true: NDArray[np.int32], found: Floats) -> None:
        """Look at a block's (rows,) classes and (rows, classes) probabilities."""
        predicted = found.argmax(axis=1)
        confidence = found.max(axis=1)
        wrong = np.flatnonzero(predicted != true)
        wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][: self._size]
        for i in wrong.tolist():
            sure = float(confidence[i])
            if len(self._heap) == self._size and sure <= self._heap[0][0]:
                break
            text = block.text[block.offsets[i] : block.offsets[i + 1]][: 4 * _SHOWN].tobytes()
            mistake = Mistake(
                block.source,
                int(block.rows[i]),
                text.decode("utf-8", "ignore")[:_SHOWN],
                self._labels[true[i]],
                self._labels[predicted[i]],
                sure,
                float(found[i, true[i]]),
            )
            self._seen += 1
            heapq.heappush(self._heap, (sure, -self._seen, mistake))
            if len(self._heap) > self._size:
                heapq.heappop(self._heap)

    def sorted(self) -> list[Mistake]:
        """Return the mistakes, the most confident first."""
        return [mistake for _, _, mistake in sorted(self._heap, reverse=True, key=lambda e: e[:2])]
