"""The passes over a corpus: count n-grams, choose the vocabulary, write the matrix in shards."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textclf.ngrams.class_counts import ClassCounts
from textclf.ngrams.counting import Counts, DocumentFrequencies, Sorted, by_table
from textclf.ngrams.scratch import Scratch
from textclf.ngrams.selection import best, chi2, f_classif, log_count_spread
from textclf.ngrams.split import Split, settle
from textclf.ngrams.subwords import is_subword
from textclf.ngrams.texts import NgramTexts
from textclf.ngrams.vectorizer import CompiledVectorizer, Hasher, Rows, Vocabulary
from textclf.ngrams.weighting import accumulate, inverse_document_frequency
from textclf.parallel import ordered_map
from textclf.progress import Progress, Report, silent
from textclf.settings import NgramSettings
from textclf.sizes import LITTLE_TEXT, with_max_n, with_subwords

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock
    from textclf.ngrams.shards import ShardWriter

log = logging.getLogger(__name__)

Blocks = Callable[[], Iterable["TextBlock"]]

# With more classes, counts by class would crowd n-grams out of the table; a second pass then
# counts classes for the n-grams that are left.
_CLASSES_AT_ONCE = 32

# The first rows tell whether there are many classes, and whether their words are known from others.
_HEAD_ROWS, _HEAD_BYTES = 4000, 2 << 20
_MOST_BYTES = 32 << 20  # of text that waits in memory meanwhile, where the first rows are long
_PIECE_BYTES = 256 << 10  # of text that is hashed at once with all parts of its words
_SUBWORD = np.float32(0.35)  # what a part of a word counts of what a word does


@dataclass(frozen=True)
class Survey:
    """What the counting pass learned.

    Attributes:
        counts: N-grams of the training rows that reach `min_df`.
        counted_by_class: False if there were too many classes: `counts` then has one column.
        rows_by_class: (classes,) training rows of each class.
        held_out_by_class: (classes,) validation rows of each class.
        ngrams: Occurrences of n-grams in the training rows.
        text_bytes: Bytes of text, both together.
        split: Which rows were counted.
        settings: How text becomes features, nothing left to the data.
    """

    counts: Counts
    counted_by_class: bool
    rows_by_class: NDArray[np.int64]
    held_out_by_class: NDArray[np.int64]
    ngrams: int
    text_bytes: int
    split: Split
    settings: NgramSettings


class _Prepared(NamedTuple):
    block: TextBlock
    ngrams: Sorted
    training: NDArray[np.bool_]
    labels: NDArray[np.int32]


def _labels(block: TextBlock) -> NDArray[np.int32]:
    if block.labels is None:
        raise ValueError("the corpus has no labels")
    return block.labels


def count_ngrams(
    blocks: Blocks, settings: NgramSettings, share: float, seed: int, report: Report = silent
) -> Survey:
    """Read the corpus once and count its n-grams.

    Args:
        blocks: Starts a pass over the labelled corpus.
        settings: How text becomes features.
        share: Share of the rows held out, at least; 0: none.
        seed: Seed of the split.
        report: Told of each block.
    """
    report(Progress("count", 0))  # before the kernels are compiled, which takes a while once
    split, corpus = settle(blocks(), share, seed)
    settings, corpus = settle_settings(settings, corpus)
    corpus = _in_pieces(corpus, settings)
    hasher, scratch = Hasher(settings), Scratch()
    frequencies = DocumentFrequencies(2, settings.count_memory_mb << 20)
    kept, held = np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, occurrences, text_bytes, by_class = 0, 0, 0, True

    def prepare(block: TextBlock) -> _Prepared:
        training = split.training(block)
        ngrams = hasher.apply(block, lambda h, ends: by_table(h, ends, training, scratch))
        return _Prepared(block, ngrams, training, _labels(block))

    for block, ngrams, training, labels in ordered_map(prepare, corpus):
        classes = max(len(kept), int(labels.max(initial=-1)) + 1)
        if by_class and classes > _CLASSES_AT_ONCE:
            by_class = False
            frequencies.merge_classes()
        if by_class:
            frequencies.widen(classes)
        frequencies.add(ngrams, labels if by_class else np.zeros_like(labels))
        occurrences += len(ngrams.hashes)
        scratch.give_back(ngrams.room)
        kept = _add(kept, np.bincount(labels[training], minlength=classes))
        held = _add(held, np.bincount(labels[~training], minlength=classes))
        rows, text_bytes = rows + len(block), text_bytes + len(block.text)
        report(Progress("count", rows))
    counts = frequencies.result(settings.min_df)
    if counts.pruned_below:
        log.info(
            "the memory for counting (%d MiB) was full: n-grams of fewest rows were dropped, and "
            "counts are short by at most %d",
            settings.count_memory_mb,
            counts.pruned_below,
        )
    return Survey(counts, by_class, kept, held, occurrences, text_bytes, split, settings)


def settle_settings(
    settings: NgramSettings, corpus: Iterator[TextBlock]
) -> tuple[NgramSettings, Iterator[TextBlock]]:
    """Return the settings with what the first rows' classes and words tell, and the corpus."""
    head: list[TextBlock] = []
    rows = classes = text_bytes = 0
    for block in corpus:
        head.append(block)
        first = _first_rows(block, _HEAD_ROWS - rows, _MOST_BYTES - text_bytes)
        classes = max(classes, int(_labels(block)[:first].max(initial=-1)) + 1)
        rows, text_bytes = rows + len(block), text_bytes + len(block.text)
        if (rows >= _HEAD_ROWS and text_bytes > LITTLE_TEXT) or text_bytes > _MOST_BYTES:
            break
    settings = with_subwords(settings, text_bytes, lambda: _seen_once(head, settings))
    return with_max_n(settings, classes), chain(head, corpus)


def _in_pieces(corpus: Iterable[TextBlock], settings: NgramSettings) -> Iterator[TextBlock]:
    """Return the blocks, or parts of them if they have many n-grams: these take memory."""
    if settings.subwords <= 0:
        return iter(corpus)
    return chain.from_iterable(block.pieces(_PIECE_BYTES) for block in corpus)


def _first_rows(block: TextBlock, rows: int, text_bytes: int) -> int:
    """Return how many of a block's rows are among so many, and begin within so much text."""
    return max(0, min(rows, len(block), int(np.searchsorted(block.offsets, text_bytes))))


def _seen_once(head: list[TextBlock], settings: NgramSettings) -> float:
    """Return the share of words that only one row has, of those of the first rows."""
    words_only = dataclasses.replace(
        settings, min_n=1, max_n=1, unspaced_max_n=1, subwords=0,
        affixes=False, boundaries=False, gaps=False, as_written=False,
    )  # fmt: skip
    hasher = Hasher(words_only)
    left, left_bytes = _HEAD_ROWS, _HEAD_BYTES
    words, rows = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for block in head:
        if left <= 0 or left_bytes <= 0:
            break
        hashes, ends = hasher(block)
        n = _first_rows(block, left, left_bytes)
        words.append(hashes[: ends[n]])
        rows.append(np.repeat(np.arange(left - n, left), np.diff(ends[: n + 1])))
        left, left_bytes = left - n, left_bytes - int(block.offsets[n])
    word, row = np.concatenate(words), np.concatenate(rows)
    order = np.lexsort((row, word))
    word, row = word[order], row[order]
    again = (word[1:] == word[:-1]) & (row[1:] == row[:-1])
    _, df = np.unique(np.delete(word, np.flatnonzero(again)), return_counts=True)
    return float(np.count_nonzero(df == 1) / max(1, df.sum()))


def _add(total: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    more[: len(total)] += total
    return more


def choose_vocabulary(blocks: Blocks, survey: Survey, report: Report = silent) -> Vocabulary:
    """Choose the n-grams that tell classes apart best; their texts are still missing.

    Chi-squared looks at presence by class, which the survey has. The F-value looks at the tf-idf
    values themselves, as scikit-learn's `SelectKBest` does behind a `TfidfVectorizer`: it reads
    the corpus once more, and the n-grams it does not choose stay in the norm.

    Args:
        blocks: Starts a pass over the labelled corpus.
        survey: From `count_ngrams`.
        report: Told of each block.
    """
    settings, counts, rows_by_class = survey.settings, survey.counts, survey.rows_by_class
    selects = 0 < settings.max_features < len(counts.hashes)
    values = selects and settings.selection == "f_classif"
    apart = not survey.counted_by_class and (settings.log_count_ratio or (selects and not values))
    classes = len(rows_by_class)
    if values:
        counts = _most_frequent(counts, np.full(len(counts.df), classes + 1), settings)
    elif apart:
        counts = _most_frequent(counts, _most_classes(counts, classes), settings)
    hashes, df = counts.hashes, counts.df
    idf = _idf(hashes, df, int(rows_by_class.sum()), settings)
    weights = Vocabulary(hashes, np.arange(len(hashes), dtype=np.int32), idf)
    by_class: ClassCounts | None = None
    if apart:
        by_class = ClassCounts(_most_classes(counts, classes))
        for rows, labels, kept in _scan(blocks, settings, survey.split, weights, report):
            by_class.add(rows.indptr, rows.indices, labels, kept)
    scores = np.zeros(len(hashes))
    if values:
        sums, squares = np.zeros((len(hashes), classes)), np.zeros(len(hashes))
        for rows, labels, kept in _scan(blocks, settings, survey.split, weights, report):
            accumulate(rows.indptr, rows.indices, rows.data, labels, kept, sums, squares)
        scores = f_classif(sums, squares, rows_by_class)
        del sums
    elif selects:
        scores = by_class.chi2(rows_by_class) if by_class else chi2(counts.by_class, rows_by_class)
    chosen = best(scores, df, settings.max_features)
    columns = np.full(len(hashes), -1, dtype=np.int32)
    # Frequent n-grams first: the rows of the first layer that are used most lie together.
    columns[chosen[np.lexsort((hashes[chosen], -df[chosen]))]] = np.arange(len(chosen))
    if values:  # the others stay in the norm
        chosen = np.arange(len(hashes))
    if settings.log_count_ratio:
        if by_class:
            spread = by_class.log_count_spread(rows_by_class)[chosen]
        else:
            spread = log_count_spread(counts.by_class[chosen], rows_by_class)
        idf[chosen] *= np.sqrt(spread).astype(np.float32)
    return Vocabulary(hashes[chosen], columns[chosen], idf[chosen])


def _most_classes(counts: Counts, classes: int) -> NDArray[np.int64]:
    """Return (n,) of how many classes the rows of each n-gram are at most."""
    return np.minimum(counts.df + counts.pruned_below, classes)


def _most_frequent(counts: Counts, most: NDArray[np.int64], settings: NgramSettings) -> Counts:
    """Return the n-grams of the highest document frequencies whose counts there is memory for.

    Args:
        counts: Of all n-grams.
        most: (n,) numbers that those of each n-gram take, of eight bytes.
        settings: Say how much memory there is.
    """
    order = np.argsort(-counts.df, kind="stable")
    room = (settings.count_memory_mb << 20) // 8
    fitting = int(np.searchsorted(np.cumsum(most[order]), room, "right"))
    if fitting == len(order):
        return counts
    log.warning(
        "memory holds scores of the %d most frequent n-grams only; --memory-limit 1G lets more in",
        fitting,
    )
    common = np.sort(order[:fitting])
    return dataclasses.replace(
        counts, hashes=counts.hashes[common], by_class=counts.by_class[common]
    )


def _idf(
    hashes: NDArray[np.uint64], df: NDArray[np.int64], rows: int, settings: NgramSettings
) -> NDArray[np.float32]:
    """Return the weight of each n-gram beside its tf; of a part of a word, which has many, less."""
    weights = inverse_document_frequency(df, rows, settings.smooth_idf)
    idf = weights.astype(np.float32) if settings.use_idf else np.ones(len(df), np.float32)
    if settings.analyzer == "word" and settings.subwords > 0:
        idf[is_subword(hashes)] *= _SUBWORD
    return idf


def _scan(
    blocks: Blocks, settings: NgramSettings, split: Split, weights: Vocabulary, report: Report
) -> Iterator[tuple[Rows, NDArray[np.int32], NDArray[np.bool_]]]:
    """Read the corpus once more: yield rows, their labels and whether they are trained on."""
    vectorizer = CompiledVectorizer(settings, weights)
    rows = 0

    def prepare(block: TextBlock) -> tuple[Rows, NDArray[np.int32], NDArray[np.bool_]]:
        return vectorizer.transform(block), _labels(block), split.training(block)

    for found in ordered_map(prepare, _in_pieces(blocks(), settings)):
        yield found
        rows += len(found[1])
        report(Progress("score", rows))


def write_matrix(
    blocks: Blocks,
    vectorizer: CompiledVectorizer,
    split: Split,
    recode: NDArray[np.int32],
    training: ShardWriter,
    held_out: ShardWriter,
    report: Report = silent,
    total: int | None = None,
) -> NgramTexts:
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
        Each column's n-gram.
    """
    texts = NgramTexts(len(vectorizer.named))
    named = vectorizer.named.copy()
    named[:] = False
    rows = 0

    def prepare(block: TextBlock) -> tuple[TextBlock, Rows, NDArray[np.int64], NDArray[np.bool_]]:
        matrix, sightings = vectorizer.transform_naming(block, named)
        return block, matrix, sightings, split.training(block)

    corpus = _in_pieces(blocks(), vectorizer.settings)
    for block, matrix, sightings, kept in ordered_map(prepare, corpus):
        fresh = sightings[~named[sightings[:, 0]]]
        rows_of, places = fresh[:, 1].copy(), fresh[:, 2].copy()
        texts.add(fresh[:, 0], *vectorizer.hasher.texts(block, rows_of, places))
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
