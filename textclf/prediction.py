"""Answers for the rows of a corpus: label, probability and more, as columns, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.layout import COLUMN_BREAK
from textclf.errors import UsageError

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.corpus.block import TextBlock
    from textclf.corpus.reader import Corpus

Floats = NDArray[np.float32]
# Name -> values, one a row: strings, or (rows,) float32.
Columns = dict[str, Any]

# Bytes of text after which compiling is worth the import of numba even if blocks stay small.
_ENOUGH = 128 << 10


@dataclass(frozen=True)
class AnswerSettings:
    """What is said of each row.

    Attributes:
        top_k: Number of labels, the most probable first.
        threshold: Least probability of the first label; below it, it is `abstain_label`.
        abstain_label: The label of a row that no label is probable enough for.
        probabilities: Whether the probability of every label is said.
        pass_text: Whether the text is passed through as the column `text`, for files that have
            no columns.
    """

    top_k: int = 1
    threshold: float = 0.0
    abstain_label: str = "abstain"
    probabilities: bool = False
    pass_text: bool = False

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise UsageError(f"there is no top {self.top_k}", remedy="give 1 or more")
        if not 0 <= self.threshold <= 1:
            raise UsageError(f"{self.threshold} is no probability", remedy="give 0 to 1")


def predict_live(
    classifier: Classifier, blocks: Iterator[TextBlock]
) -> Iterator[tuple[TextBlock, Floats]]:
    """Yield each block with its rows' (rows, classes) probabilities, in order, on all cores.

    A block is answered as soon as it is there, even if the next one never comes.
    """
    from textclf.parallel import live_map

    seen = 0

    def answer(block: TextBlock) -> tuple[TextBlock, Floats]:
        nonlocal seen
        if seen > _ENOUGH:
            classifier.vectorizer.compiled()
        seen += len(block.text)
        return block, classifier.predict_block(block)

    return live_map(answer, classifier.parts(blocks))


def answer_corpus(
    classifier: Classifier, corpus: Corpus, settings: AnswerSettings
) -> Iterator[Columns]:
    """Yield the answers for the rows of a corpus, in order, as columns of a block each.

    Of an empty corpus there is one block without rows: it tells the columns.
    """
    if sum(Path(file).stat().st_size for file in corpus.files if Path(file).is_file()) > _ENOUGH:
        classifier.vectorizer.compiled()  # at once: the first rows in plain Python come later
    names: _Names | None = None
    for block, probabilities in predict_live(classifier, corpus.blocks()):
        passed: Columns = dict(block.extra)
        if settings.pass_text and not passed:
            passed["text"] = [text.replace(COLUMN_BREAK, " ") for text in block.texts()]
        if names is None:
            names = _Names(list(passed), classifier.labels, settings)
        yield passed | names.answers(probabilities)
    if names is None:
        nothing: Columns = {"text": []} if settings.pass_text else {}
        names = _Names(list(nothing), classifier.labels, settings)
        yield nothing | names.answers(np.empty((0, len(classifier.labels)), np.float32))


class _Names:
    """Names of the answers' columns, none of which is that of a column passed through."""

    def __init__(
        self, passed: Sequence[str], labels: Sequence[str], settings: AnswerSettings
    ) -> None:
        self.settings = settings
        self.labels = np.array([*labels, settings.abstain_label], dtype=object)
        ranks = range(1, min(settings.top_k, len(labels)) + 1)
        plain = [
            [f"label_{i}" if i > 1 else "label" for i in ranks],
            [f"probability_{i}" if i > 1 else "probability" for i in ranks],
            [f"p_{label}" for label in labels] if settings.probabilities else [],
        ]
        prefix = ""
        while any(prefix + name in passed for group in plain for name in group):
            prefix += "predicted_"
        self.top, self.chances, self.every = ([prefix + n for n in group] for group in plain)

    def answers(self, probabilities: Floats) -> Columns:
        """Return the columns for (rows, classes) probabilities."""
        columns: Columns = {}
        rows = np.arange(len(probabilities))
        # A stable sort: among equals the first label, as argmax has it.
        order = (
            probabilities.argmax(axis=1)[:, None]
            if len(self.top) == 1
            else np.argsort(-probabilities, axis=1, kind="stable")
        )
        for i, (label, chance) in enumerate(zip(self.top, self.chances, strict=True)):
            columns[chance] = probabilities[rows, order[:, i]]
            codes = order[:, i]
            if i == 0:
                codes = np.where(columns[chance] < self.settings.threshold, -1, codes)
            columns[label] = self.labels[codes].tolist()
        pairs = zip(self.top, self.chances, strict=True)
        ordered = {name: columns[name] for pair in pairs for name in pair}
        return ordered | {name: probabilities[:, i] for i, name in enumerate(self.every)}
