"""The passes over a corpus: count n-grams, choose the vocabulary, write the matrix in shards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textclf.ngrams.counting import Counts, DocumentFrequencies
from textclf.ngrams.kernels import hash_rows
from textclf.ngrams.selection import best, chi2, f_classif
from textclf.ngrams.vectorizer import CompiledVectorizer, Hashed, Hasher, Rows, Vocabulary
from textclf.ngrams.weighting import accumulate, inverse_document_frequency
from textclf.parallel import ordered_map
from textclf.progress import Progress, Report, silent
from textclf.settings import NgramSettings

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock
    from textclf.ngrams.shards import ShardWriter

log = logging.getLogger(__name__)

Blocks = Callable[[], Iterable["TextBlock"]]

# With more classes, counts by class would crowd n-grams out of the table; a second pass then
# counts classes for the n-grams that are left.
_CLASSES_AT_ONCE = 32


@dataclass(frozen=True)
class Split:
    """Holds a share of the rows out for validation, by a hash of their text.

    Equal texts fall on the same side, wherever they stand in the file.

    Attributes:
        share: Share of rows held out.
        seed: Seed of the hash.
    """

    share: float
    seed: int

    def training(self, block: TextBlock) -> NDArray[np.bool_]:
        """Return (rows,) True for the rows that are trained on."""
        if self.share <= 0.0:
            return np.ones(len(block), dtype=np.bool_)
        drawn = (hash_rows(block.text, block.offsets, self.seed) >> np.uint64(11)) * 2.0**-53
        return np.asarray(drawn >= self.share)


@dataclass(frozen=True)
class Survey:
    """What the counting pass learned.

    Attributes:
        counts: N-grams of the training rows that reach `min_df`.
        counted_by_class: False if there were too many classes: `counts` then has one column.
        rows_by_class: (classes,) training rows of each class.
        held_out_by_class: (classes,) validation rows of each class.
        text_bytes: Bytes of text, both together.
    """

    counts: Counts
    counted_by_class: bool
    rows_by_class: NDArray[np.int64]
    held_out_by_class: NDArray[np.int64]
    text_bytes: int


class _Prepared(NamedTuple):
    block: TextBlock
    hashed: Hashed
    training: NDArray[np.bool_]
    labels: NDArray[np.int32]


def _labels(block: TextBlock) -> NDArray[np.int32]:
    if block.labels is None:
        raise ValueError("the corpus has no labels")
    return block.labels


def count_ngrams(
    blocks: Blocks, settings: NgramSettings, split: Split, report: Report = silent
) -> Survey:
    """Read the corpus once and count its n-grams.

    Args:
        blocks: Starts a pass over the labelled corpus.
        settings: How text becomes features.
        split: Which rows are counted.
        report: Told of each block.
    """
    report(Progress("count", 0))  # before the kernels are compiled, which takes a while once
    hasher = Hasher(settings)
    frequencies = DocumentFrequencies(2, settings.count_memory_mb << 20)
    kept, held = np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, text_bytes, by_class = 0, 0, True

    def prepare(block: TextBlock) -> _Prepared:
        return _Prepared(block, hasher(block), split.training(block), _labels(block))

    for block, hashed, training, labels in ordered_map(prepare, blocks()):
        classes = max(len(kept), int(labels.max(initial=-1)) + 1)
        if by_class and classes > _CLASSES_AT_ONCE:
            by_class = False
            frequencies.merge_classes()
        if by_class:
            frequencies.widen(classes)
        frequencies.add(
            hashed.hashes, hashed.ends, labels if by_class else np.zeros_like(labels), training
        )
        kept = _add(kept, np.bincount(labels[training], minlength=classes))
        held = _add(held, np.bincount(labels[~training], minlength=classes))
        rows, text_bytes = rows + len(block), text_bytes + len(block.text)
        report(Progress("count", rows))
    return Survey(frequencies.result(settings.min_df), by_class, kept, held, text_bytes)


def _add(total: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    more[: len(total)] += total
    return more


def choose_vocabulary(
    blocks: Blocks,
    settings: NgramSettings,
    split: Split,
    survey: Survey,
    report: Report = silent,
) -> Vocabulary:
    """Choose the n-grams that tell classes apart best; their texts are still missing.

    Chi-squared looks at presence by class, which the survey has. The F-value looks at the tf-idf
    values themselves, as scikit-learn's `SelectKBest` does behind a `TfidfVectorizer`: it reads
    the corpus once more, and the n-grams it does not choose stay in the norm.

    Args:
        blocks: Starts a pass over the labelled corpus.
        settings: How text becomes features.
        split: Which rows count.
        survey: From `count_ngrams`.
        report: Told of each block.
    """
    hashes, df = survey.counts.hashes, survey.counts.df
    training_rows = int(survey.rows_by_class.sum())
    values = settings.selection == "f_classif"
    scores = np.zeros(len(hashes))
    if settings.max_features and (values or settings.max_features < len(hashes)):
        if not values and survey.counted_by_class:
            classes = len(survey.rows_by_class)
            by_class = np.zeros((len(hashes), classes), np.int64)
            by_class[:, : survey.counts.by_class.shape[1]] = survey.counts.by_class[:, :classes]
            scores = chi2(by_class, survey.rows_by_class)
        else:
            room = (settings.count_memory_mb << 20) // (8 * (len(survey.rows_by_class) + 1))
            if room < len(hashes):
                log.warning("memory holds scores of the %d most frequent n-grams only", room)
                common = best(df.astype(np.float64), df, room)
                hashes, df = hashes[common], df[common]
            scores = _scan_scores(blocks, settings, split, survey, hashes, df, values, report)
    idf = _idf(df, training_rows, settings)
    chosen = best(scores, df, settings.max_features)
    columns = np.full(len(hashes), -1, dtype=np.int32)
    # Frequent n-grams first: the rows of the first layer that are used most lie together.
    columns[chosen[np.lexsort((hashes[chosen], -df[chosen]))]] = np.arange(len(chosen))
    if not values:
        hashes, columns, idf = hashes[chosen], columns[chosen], idf[chosen]
    return Vocabulary(hashes, columns, idf)


def _idf(df: NDArray[np.int64], rows: int, settings: NgramSettings) -> NDArray[np.float32]:
    if not settings.use_idf:
        return np.ones(len(df), np.float32)
    return inverse_document_frequency(df, rows, settings.smooth_idf).astype(np.float32)


def _scan_scores(
    blocks: Blocks,
    settings: NgramSettings,
    split: Split,
    survey: Survey,
    hashes: NDArray[np.uint64],
    df: NDArray[np.int64],
    values: bool,
    report: Report,
) -> NDArray[np.float64]:
    """Read the corpus once more and score n-grams by their values, or by presence."""
    classes = len(survey.rows_by_class)
    sums, squares = np.zeros((len(hashes), classes)), np.zeros(len(hashes))
    idf = _idf(df, int(survey.rows_by_class.sum()), settings)
    everything = Vocabulary(hashes, np.arange(len(hashes), dtype=np.int32), idf)
    vectorizer = CompiledVectorizer(settings, everything)
    rows = 0

    def prepare(block: TextBlock) -> tuple[Rows, NDArray[np.bool_], NDArray[np.int32]]:
        return vectorizer.transform(block), split.training(block), _labels(block)

    for matrix, training, labels in ordered_map(prepare, blocks()):
        data = matrix.data if values else np.ones_like(matrix.data)
        accumulate(matrix.indptr, matrix.indices, data, labels, training, sums, squares)
        rows += len(labels)
        report(Progress("score", rows))
    if values:
        return f_classif(sums, squares, survey.rows_by_class)
    return chi2(sums.astype(np.int64), survey.rows_by_class)


def write_matrix(
    blocks: Blocks,
    vectorizer: CompiledVectorizer,
    split: Split,
    recode: NDArray[np.int32],
    training: ShardWriter,
    held_out: ShardWriter,
    report: Report = silent,
    total: int | None = None,
) -> list[bytes]:
    """Read the corpus and write its rows to shards.

    Args:
        blocks: Starts a pass over the labelled corpus.
        vectorizer: The vectorizer.
        split: Which rows go where.
        recode: (classes,) int32, the class that each label code becomes.
        training: Takes the training rows.
        held_out: Takes the others.
        report: Told of each block.
        total: Rows in all, for the report.

    Returns:
        The UTF-8 of each column's n-gram; empty for one that no row holds.
    """
    texts = [b""] * len(vectorizer.named)
    named = vectorizer.named.copy()
    named[:] = False
    rows = 0

    def prepare(block: TextBlock) -> tuple[TextBlock, Rows, NDArray[np.int64], NDArray[np.bool_]]:
        matrix, sightings = vectorizer.transform_naming(block, named)
        return block, matrix, sightings, split.training(block)

    for block, matrix, sightings, kept in ordered_map(prepare, blocks()):
        fresh = sightings[~named[sightings[:, 0]]]
        for column, text in zip(
            fresh[:, 0].tolist(),
            vectorizer.hasher.texts(block, fresh[:, 1].copy(), fresh[:, 2].copy()),
            strict=True,
        ):
            texts[column] = text
        named[fresh[:, 0]] = True
        labels = recode[_labels(block)]
        for writer, part in ((training, kept), (held_out, ~kept)):
            for piece in _parts(matrix, labels, part):
                writer.append(*piece)
        rows += len(block)
        report(Progress("vectorize", rows, total))
    return texts


def _parts(
    matrix: Rows, labels: NDArray[np.int32], part: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]]:
    from textclf.ngrams.shards import take_rows

    if part.all():
        yield *matrix, labels
    elif part.any():
        rows = np.flatnonzero(part)
        lengths, indices, data = take_rows(*matrix, rows)
        yield np.concatenate(([0], np.cumsum(lengths))), indices, data, labels[rows]
