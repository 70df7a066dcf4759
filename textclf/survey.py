"""Adds up what the texts of a corpus hold, block by block, in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.block import TextBlock
from textclf.corpus.labels import LabelMap, natural_key
from textclf.duplicates import TextTable
from textclf.inspection_kernels import CONTROL, EMPTY, GARBLED, REPLACED, survey_rows
from textclf.inspection_result import LONG_TEXT, Place, Trouble, Words
from textclf.ngrams.unicode import load_tables

PERCENTILES = (5, 25, 75, 95, 99)

_MOST_WORDS = 1 << 20  # texts of more words are counted as of so many
_FILE_BITS = 48  # a place is the number of a file, then so many bits for the row


class Survey:
    """Adds up what blocks hold.

    Args:
        labels: The labels of the blocks.
        max_texts: Distinct texts among which duplicates are counted exactly.
    """

    def __init__(self, labels: LabelMap, max_texts: int) -> None:
        self.labels, self.table = labels, TextTable(max_texts)
        self.rows = self.text_bytes = self.words = 0
        self._tables = load_tables(False, False)
        self._classes = np.zeros(0, dtype=np.int64)
        self._histogram = np.zeros(0, dtype=np.int64)
        self._trouble = dict.fromkeys((EMPTY, REPLACED, GARBLED, CONTROL), Trouble())
        self._long, self._most = Trouble(), -1
        self._longest: Place | None = None
        self._files: list[str] = []

    def look(
        self, block: TextBlock
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint8]]:
        """Return (hash, words, trouble) of each text."""
        tables = self._tables
        found: tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint8]] = survey_rows(
            block.text, block.offsets, tables.pages, tables.properties
        )
        return found

    def add(self, block: TextBlock) -> None:
        """Add a block."""
        if not self._files or self._files[-1] != block.source:
            self._files.append(block.source)
        hashes, words, trouble = self.look(block)
        self.rows += len(block)
        self.text_bytes += len(block.text)
        self.words += int(words.sum())
        self._histogram = summed(self._histogram, np.bincount(np.minimum(words, _MOST_WORDS)))
        labels = np.zeros(len(block), dtype=np.int32) if block.labels is None else block.labels
        if block.labels is not None:
            self._classes = summed(self._classes, np.bincount(labels))
        for kind, known in self._trouble.items():
            self._trouble[kind] = _more(known, block, trouble & kind != 0)
        self._long = _more(self._long, block, np.diff(block.offsets) > LONG_TEXT)
        if len(block) and (most := int(words.max())) > self._most:
            self._most = most
            self._longest = Place(block.source, int(block.rows[words.argmax()]))
        full = trouble & EMPTY == 0
        places = block.rows + ((len(self._files) - 1) << _FILE_BITS)
        self.table.add(hashes[full], labels[full], places[full])

    def place(self, packed: int) -> Place:
        """Return the place that a number stands for."""
        return Place(self._files[packed >> _FILE_BITS], packed & ((1 << _FILE_BITS) - 1))

    def classes(self, counts: NDArray[np.int64]) -> dict[str, int]:
        """Return the rows of each label, in natural order."""
        rows = dict.fromkeys(sorted(self.labels.names, key=natural_key), 0)
        rows |= {self.labels.names[code]: n for code, n in enumerate(counts.tolist())}
        return rows

    def figures(self) -> dict[str, Any]:
        """Return what an Inspection holds."""
        median, percentiles = _quantiles(self._histogram)
        same, different = (
            [(self.place(int(a)), self.place(int(b))) for a, b in kind if a >= 0]
            for kind in self.table.examples
        )
        return {
            "rows": self.rows,
            "text_bytes": self.text_bytes,
            "classes": self.classes(self._classes),
            "words": Words(median, percentiles, self._most, self._longest, self.words),
            "ratio": self.rows / max(1.0, median),
            "empty": self._trouble[EMPTY],
            "replaced": self._trouble[REPLACED],
            "garbled": self._trouble[GARBLED],
            "control": self._trouble[CONTROL],
            "long": self._long,
            "duplicates": self.table.counts(),
            "duplicate_examples": same,
            "contradictory_examples": different,
        }


def summed(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of two arrays, the shorter one continued by zeros."""
    if len(a) < len(b):
        a, b = b, a
    total = a.copy()
    total[: len(b)] += b
    return total


def _more(known: Trouble, block: TextBlock, rows: NDArray[np.bool_]) -> Trouble:
    count = int(np.count_nonzero(rows))
    if not count:
        return known
    first = known.first or Place(block.source, int(block.rows[rows.argmax()]))
    return Trouble(known.rows + count, first)


def _quantiles(histogram: NDArray[np.int64]) -> tuple[float, dict[int, int]]:
    """Return the median and PERCENTILES of numbers, of which `histogram[k]` are k."""
    reached = np.cumsum(histogram)
    total = int(histogram.sum())
    if not total:
        return 0.0, dict.fromkeys(PERCENTILES, 0)

    def at(rank: int) -> int:
        return int(np.searchsorted(reached, rank, side="left"))

    median = (at((total + 1) // 2) + at(total // 2 + 1)) / 2
    return median, {p: at(max(1, -(-p * total // 100))) for p in PERCENTILES}
