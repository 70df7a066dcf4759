"""Document frequencies of n-grams, by class, in an open-addressing table of bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit

_FULL = 0.7  # load at which the table grows, or prunes when it may not
_EASED = 0.5  # load that pruning aims below, so that it is not needed again at once


@njit(nogil=True)
def _place(key, keys, mask):  # type: ignore[no-untyped-def]
    """Return the slot that holds the key, or the empty one where it belongs."""
    slot = np.int64(key & np.uint64(mask))
    while keys[slot] != np.uint64(0) and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _count(hashes, ends, labels, kept, row, serial, keys, last, counts, used, room):  # type: ignore[no-untyped-def]
    """Count rows from `row` on, until the table has more than `room` n-grams.

    Returns (next row, n-grams in the table). A row is counted whole, then the table is looked at.
    """
    mask = keys.size - 1
    while row < ends.size - 1 and used <= room:
        if kept[row]:
            stamp = serial + row + 1
            for i in range(ends[row], ends[row + 1]):
                slot = _place(hashes[i], keys, mask)
                if keys[slot] == np.uint64(0):
                    if used >= keys.size - 1:  # one row alone fills the table
                        continue
                    keys[slot] = hashes[i]
                    used += 1
                if last[slot] != stamp:
                    last[slot] = stamp
                    counts[slot, labels[row]] += 1
        row += 1
    return row, used


@njit(cache=True, nogil=True)
def _insert(old_keys, old_last, old_counts, keys, last, counts):  # type: ignore[no-untyped-def]
    mask = keys.size - 1
    for i in range(old_keys.size):
        if old_keys[i] != np.uint64(0):
            slot = _place(old_keys[i], keys, mask)
            keys[slot] = old_keys[i]
            last[slot] = old_last[i]
            for k in range(counts.shape[1]):
                counts[slot, k] = old_counts[i, k]


@njit(cache=True, nogil=True)
def _histogram(keys, counts, highest):  # type: ignore[no-untyped-def]
    """Return how many n-grams have each total count, up to `highest`, which takes all above."""
    out = np.zeros(highest + 1, dtype=np.int64)
    for i in range(keys.size):
        if keys[i] != np.uint64(0):
            total = 0
            for k in range(counts.shape[1]):
                total += counts[i, k]
            out[min(total, highest)] += 1
    return out


@dataclass(frozen=True)
class Counts:
    """N-grams with their document frequencies.

    Attributes:
        hashes: (n,) uint64, ascending.
        by_class: (n, classes) int64, rows of each class that hold the n-gram.
        pruned_below: Sum of the thresholds of all prunings: a count may be short by as much.
    """

    hashes: NDArray[np.uint64]
    by_class: NDArray[np.int64]
    pruned_below: int

    @property
    def df(self) -> NDArray[np.int64]:
        """(n,) int64, rows that hold the n-gram."""
        return np.asarray(self.by_class.sum(axis=1))


class DocumentFrequencies:
    """Counts, block by block, in how many rows of each class an n-gram occurs.

    The table doubles until `memory` would be passed; from then on, when it is full, the rarest
    n-grams are dropped (lossy counting, Manku and Motwani 2002): first those seen once, then
    twice, and so on until it is half empty. A dropped n-gram that comes again starts from zero,
    so a count is never too high, and too low by at most `Counts.pruned_below`.

    Args:
        classes: Columns of counts.
        memory: Bytes that the table may take, growing included.
    """

    def __init__(self, classes: int, memory: int) -> None:
        self._classes, self._memory = classes, memory
        self._most = self._limit()
        self._rows = 0
        self._used = 0
        self.pruned_below = 0
        self._allocate(min(self._most, 1 << 14))

    def _allocate(self, slots: int) -> None:
        self._keys = np.zeros(slots, dtype=np.uint64)
        self._last = np.zeros(slots, dtype=np.int64)
        self._counts = np.zeros((slots, self._classes), dtype=np.uint32)

    def _limit(self) -> int:
        slot = 8 + 8 + 4 * self._classes
        # While it grows, the old table (half the size) is there too.
        return 1 << max(10, int(self._memory / (1.5 * slot)).bit_length() - 1)

    def widen(self, classes: int) -> None:
        """Make room for labels up to `classes`, as they turn up."""
        if classes > self._classes:
            more = ((0, 0), (0, classes - self._classes))
            self._counts, self._classes = np.pad(self._counts, more), classes
            self._most = self._limit()

    def merge_classes(self) -> None:
        """Count all classes as one from now on."""
        self._counts, self._classes = self._counts.sum(axis=1, keepdims=True, dtype=np.uint32), 1
        self._most = self._limit()

    def add(
        self,
        hashes: NDArray[np.uint64],
        ends: NDArray[np.int64],
        labels: NDArray[np.int32],
        kept: NDArray[np.bool_],
    ) -> None:
        """Count the n-grams of a block's rows.

        Args:
            hashes: From `hash_ngrams`; so is `ends`.
            ends: (rows + 1,).
            labels: (rows,) class of each row.
            kept: (rows,) False for rows to be passed over.
        """
        row = 0
        while row < len(labels):
            row, self._used = _count(
                hashes, ends, labels, kept, row, self._rows,
                self._keys, self._last, self._counts, self._used, int(_FULL * self._keys.size),
            )  # fmt: skip
            if self._used > _FULL * self._keys.size:
                self._make_room()
        self._rows += len(labels)

    def _make_room(self) -> None:
        keys, last, counts = self._keys, self._last, self._counts
        if 2 * keys.size <= self._most:
            self._allocate(2 * keys.size)
        else:
            keys, last, counts = self._prune(keys, last, counts)
            self._keys[:], self._last[:], self._counts[:] = 0, 0, 0
        _insert(keys, last, counts, self._keys, self._last, self._counts)
        self._used = int(np.count_nonzero(self._keys))

    def _prune(
        self, keys: NDArray[np.uint64], last: NDArray[np.int64], counts: NDArray[np.uint32]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32]]:
        histogram = _histogram(keys, counts, 1 << 16)
        left = self._used - np.cumsum(histogram)
        threshold = int(np.argmax(left <= _EASED * keys.size))
        self.pruned_below += threshold
        survives = counts.sum(axis=1) > threshold
        return keys[survives], last[survives], counts[survives]

    def result(self, min_df: int = 1) -> Counts:
        """Return the n-grams that at least `min_df` rows hold, and let go of the table."""
        kept = (self._keys != 0) & (self._counts.sum(axis=1) >= min_df)
        hashes, by_class = self._keys[kept], self._counts[kept].astype(np.int64)
        self._allocate(1)
        order = np.argsort(hashes)
        return Counts(hashes[order], by_class[order], self.pruned_below)
