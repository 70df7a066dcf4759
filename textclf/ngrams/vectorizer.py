"""The vocabulary, and the vectorizer that turns blocks of text into tf-idf rows with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textclf.ngrams import reference
from textclf.ngrams.scratch import Scratch
from textclf.ngrams.unicode import load_tables
from textclf.settings import NgramSettings

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock
    from textclf.ngrams.shards import Shard

T = TypeVar("T")

_SCORES = 16 << 20
_FACTORS = 64  # counts whose logarithm is known beforehand
# Texts that plain Python vectorizes sooner than numba, which takes a second, is imported.
_SMALL = 64 << 10
# Until there is compiled code, threads would only take the interpreter from each other.
_PLAIN = threading.Lock()


class Rows(NamedTuple):
    """Rows of the matrix in CSR form.

    Attributes:
        indptr: (rows + 1,) int64.
        indices: int32, ascending in a row.
        data: float32.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.float32]

    @classmethod
    def parts(
        cls, shards: Iterable[Shard], classes: int
    ) -> Iterator[tuple[Rows, NDArray[np.int32]]]:
        """Yield rows of shards and their classes, so many that their scores take 64 MiB at most."""
        most = max(1, _SCORES // classes)
        for shard in shards:
            x, y = shard.x, np.array(shard.y)
            for first in range(0, max(1, len(y)), most):
                ends = x.indptr[first : first + most + 1]
                own = slice(ends[0], ends[-1])
                yield cls(ends - ends[0], x.indices[own], x.data[own]), y[first : first + most]


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams that a vectorizer knows.

    Attributes:
        hashes: (n,) uint64, ascending.
        columns: (n,) int32, the column of each; -1: not selected, it only counts in the norm.
        idf: (n,) float32, inverse document frequency; ones without `use_idf`.
        text: uint8, the UTF-8 of the selected n-grams in the order of their columns.
        text_ends: (columns + 1,) int64.
    """

    hashes: NDArray[np.uint64]
    columns: NDArray[np.int32]
    idf: NDArray[np.float32]
    text: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    text_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    @property
    def size(self) -> int:
        """Number of columns."""
        return int(self.columns.max(initial=-1)) + 1

    def ngram(self, column: int) -> str:
        """Return the text of a column's n-gram."""
        start, end = self.text_ends[column], self.text_ends[column + 1]
        return self.text[start:end].tobytes().decode()


class Hashed(NamedTuple):
    """A block's n-grams, hashed: row r's are hashes[ends[r]:ends[r + 1]]."""

    hashes: NDArray[np.uint64]
    ends: NDArray[np.int64]


class Hasher:
    """Cuts and hashes the n-grams of blocks by the compiled kernels; safe to share by threads.

    Args:
        settings: How text becomes features.

    Raises:
        ValueError: If the longest n-gram is still left to the data (see `sizes.with_max_n`).
    """

    def __init__(self, settings: NgramSettings) -> None:
        from textclf.ngrams.cutting import ANALYZERS, TOKENS, Ways, fold_ascii

        if not settings.max_n:
            raise ValueError("ngrams.max_n is 0: let sizes.with_max_n choose")
        tables = load_tables(settings.lowercase, settings.strip_accents)
        words = settings.analyzer == "word"
        self._ways = Ways(
            analyzer=ANALYZERS[settings.analyzer],
            tokens=TOKENS[settings.tokens],
            min_n=settings.min_n,
            max_n=settings.max_n,
            final_sigma=int(tables.final_sigma),
            unspaced_max_n=settings.unspaced_max_n if words else 0,
            affixes=int(settings.affixes and words),
            boundaries=int(settings.boundaries and words),
            as_written=int(settings.as_written and words),
            subwords=max(0, settings.subwords) if words else 0,
            gaps=int(settings.gaps and settings.tokens != "words"),
        )
        self._tables = (
            tables.pages, tables.properties, tables.mapping, tables.sequences,
            fold_ascii(self._ways, tables),
        )  # fmt: skip
        self._scratch = Scratch()

    def __call__(self, block: TextBlock) -> Hashed:
        """Return the block's n-grams."""
        return self.apply(block, lambda hashes, ends: Hashed(hashes[: ends[-1]].copy(), ends))

    def apply(
        self,
        block: TextBlock,
        use: Callable[[NDArray[np.uint64], NDArray[np.int64]], T],
    ) -> T:
        """Return what `use` makes of a block's n-grams.

        It is given hashes and ends as of `Hashed`, the hashes in a longer array, to be overwritten
        at will, and to be left alone afterwards.
        """
        from textclf.ngrams.cutting import workspace
        from textclf.ngrams.kernels import hash_ngrams

        work, room = workspace(block.offsets), self._scratch.take(max(64, len(block.text)))
        room, ends = hash_ngrams(block.text, block.offsets, self._ways, self._tables, work, room)
        made = use(room, ends)
        self._scratch.give_back(room)
        return made

    def texts(
        self, block: TextBlock, rows: NDArray[np.int64], places: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the UTF-8 of chosen n-grams: number `places[i]` of row `rows[i]` (ascending).

        Returns:
            All of it, and (n + 1,) ends: that of n-gram i is from ends[i] to ends[i + 1].
        """
        from textclf.ngrams.cutting import workspace
        from textclf.ngrams.kernels import ngram_texts

        text, ends = ngram_texts(
            rows, places, block.text, block.offsets, self._ways, self._tables,
            workspace(block.offsets),
        )  # fmt: skip
        return text, ends


class Vectorizer:
    """Turns blocks of text into tf-idf rows.

    Args:
        settings: How text becomes features.
        vocabulary: The n-grams to count.
    """

    def __init__(self, settings: NgramSettings, vocabulary: Vocabulary) -> None:
        self.settings, self.vocabulary = settings, vocabulary
        self._compiled: CompiledVectorizer | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the compiled form, which is large and soon made."""
        return self.__dict__ | {"_compiled": None}

    def transform(self, block: TextBlock) -> Rows:
        """Return the block's rows; a small first block goes without the compiled kernels."""
        if self._compiled is None and len(block.text) <= _SMALL:
            with _PLAIN:
                return self._transform_small(block)
        return self.compiled().transform(block)

    def compiled(self) -> CompiledVectorizer:
        """Return the compiled form, made at the first call."""
        with _PLAIN:
            if self._compiled is None:
                self._compiled = CompiledVectorizer(self.settings, self.vocabulary)
        return self._compiled

    def _transform_small(self, block: TextBlock) -> Rows:
        """Do as the kernels do in plain Python and numpy."""
        known = self.vocabulary
        indptr, indices, data = [0], [np.empty(0, np.int32)], [np.empty(0, np.float32)]
        for text in block.texts():
            hashes = np.array([h for _, h in reference.ngrams(text, self.settings)], np.uint64)
            places = np.searchsorted(known.hashes, hashes)
            places[places == len(known.hashes)] = 0
            found = places[known.hashes[places] == hashes] if len(known.hashes) else places[:0]
            entries, tf = np.unique(found, return_counts=True)
            weights = (1.0 + np.log(tf) if self.settings.sublinear_tf else tf) * known.idf[entries]
            length = np.sqrt((weights**2).sum())
            if self.settings.norm == "l2" and length > 0:
                weights = weights / length
            columns = known.columns[entries]
            order = np.argsort(columns)[np.count_nonzero(columns < 0) :]
            indices.append(columns[order])
            data.append(weights[order].astype(np.float32))
            indptr.append(indptr[-1] + len(order))
        return Rows(np.array(indptr, np.int64), np.concatenate(indices), np.concatenate(data))


class CompiledVectorizer:
    """The vectorizer's compiled form; safe to share by threads."""

    def __init__(self, settings: NgramSettings, vocabulary: Vocabulary) -> None:
        from textclf.ngrams.weighting import build_filter, build_lookup

        self.hasher = Hasher(settings)
        self.settings = settings
        ranks = vocabulary.columns.copy()
        rest = np.flatnonzero(ranks < 0)
        ranks[rest] = vocabulary.size + np.arange(len(rest))
        self._lookup = build_lookup(vocabulary.hashes, ranks, vocabulary.idf)
        self._known = build_filter(vocabulary.hashes)
        self._ranks = vocabulary.size + len(rest)
        tf = range(1, _FACTORS)
        self._factors = np.array(
            [0.0, *(1 + log(n) for n in tf)] if settings.sublinear_tf else range(_FACTORS),
            np.float64,
        )
        self.named = np.ones(vocabulary.size, dtype=np.bool_)

    def transform(self, block: TextBlock) -> Rows:
        """Return the block's rows."""
        return self.transform_naming(block, self.named)[0]

    def transform_naming(
        self, block: TextBlock, named: NDArray[np.bool_]
    ) -> tuple[Rows, NDArray[np.int64]]:
        """Return the block's rows, and (column, row, place) of columns first seen, not yet named.

        Args:
            block: Rows of text.
            named: (columns,) False for the columns to be reported.
        """
        return self.hasher.apply(block, lambda hashes, ends: self.weigh(hashes, ends, named))

    def weigh(
        self, hashes: NDArray[np.uint64], ends: NDArray[np.int64], named: NDArray[np.bool_]
    ) -> tuple[Rows, NDArray[np.int64]]:
        """Do so for n-grams that are hashed: as of `Hashed`, and the hashes are overwritten."""
        from textclf.ngrams.weighting import weigh

        *rows, sightings = weigh(
            hashes, ends, hashes.view(np.int32), hashes.view(np.float32),
            self._lookup, self._known, self._ranks, self._factors,
            self.settings.sublinear_tf, self.settings.norm == "l2", named,
        )  # fmt: skip
        return Rows(*rows), sightings.copy()
