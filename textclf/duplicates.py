"""Finds texts that occur more than once, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textclf.inspection_kernels import EXAMPLES, SEVERAL, add_texts, find_texts, put_texts

# Distinct texts that are counted exactly. Their table takes 100 MB, and 190 MB while it grows.
MAX_TEXTS = 7 * (1 << 22) // 8

_FIRST_SLOTS = 1 << 12
_TABLE = tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a table of texts knows.

    Attributes:
        duplicates: Rows whose text stands in an earlier row.
        contradictory_texts: Texts that occur with different labels.
        contradictory_rows: Their rows.
        sampled: Share of the distinct texts that was looked at; 1.0 means that figures are exact.
    """

    duplicates: int
    contradictory_texts: int
    contradictory_rows: int
    sampled: float


class TextTable:
    """Counts texts by the 64-bit hash of each.

    When more than `max_texts` distinct ones are there, it forgets those in the upper half of the
    hashes, and takes no more of them: what is left is a uniform sample of the distinct texts, with
    all the rows of each. It depends on the texts alone, not on their order.

    Args:
        max_texts: Distinct texts that are kept; 24 bytes a slot, and at most 7 of 8 slots are used.
    """

    def __init__(self, max_texts: int = MAX_TEXTS) -> None:
        self.max_texts = max_texts
        self.level = 0  # texts whose hash begins with so many zero bits are kept
        self.texts = 0
        self.examples = np.full((2, EXAMPLES, 2), -1, dtype=np.int64)
        self._table = _empty(_FIRST_SLOTS)

    def add(
        self, hashes: NDArray[np.uint64], labels: NDArray[np.int32], places: NDArray[np.int64]
    ) -> None:
        """Count texts.

        Args:
            hashes: (n,) their hashes.
            labels: (n,) their labels.
            places: (n,) where they stand.
        """
        done = 0
        while done < len(hashes):
            kept = hashes[done:] <= self._limit
            if not kept.all():
                hashes, labels = hashes[done:][kept], labels[done:][kept]
                places, done = places[done:][kept], 0
            room = min(self.max_texts, len(self._table[0]) * 7 // 8) - self.texts
            done, added = add_texts(hashes, labels, places, done, room, self._table, self.examples)
            self.texts += added
            if done < len(hashes):
                self._make_room()

    def find(
        self, hashes: NDArray[np.uint64], labels: NDArray[np.int32]
    ) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.bool_]]:
        """Look texts up.

        Returns:
            (which of them were found, where each of these stands first, whether its label or one
            of its labels differs there).
        """
        inside = np.flatnonzero(hashes <= self._limit)
        places, differs = find_texts(hashes[inside], labels[inside], self._table)
        found = places >= 0
        return inside[found], places[found], differs[found]

    @property
    def scale(self) -> int:
        """How many texts one that was looked at stands for."""
        return 1 << self.level

    def counts(self) -> Counts:
        """Return the figures, scaled up if only a sample was looked at."""
        _, counts, labels, _ = self._table
        several = (labels == SEVERAL) & (counts > 0)
        return Counts(
            (int(counts.sum(dtype=np.int64)) - self.texts) * self.scale,
            int(np.count_nonzero(several)) * self.scale,
            int(counts[several].sum(dtype=np.int64)) * self.scale,
            1 / self.scale,
        )

    @property
    def _limit(self) -> np.uint64:
        return np.uint64((1 << (64 - self.level)) - 1)

    def _make_room(self) -> None:
        slots = len(self._table[0])
        if self.texts >= self.max_texts:
            self.level += 1
        else:
            slots *= 2
        kept = (self._table[1] > 0) & (self._table[0] <= self._limit)
        entries = tuple(column[kept] for column in self._table)
        self._table = _empty(0)  # gives its memory back before more is taken
        self._table = _empty(slots)
        put_texts(entries, self._table)
        self.texts = len(entries[0])


def _empty(slots: int) -> _TABLE:
    return (
        np.empty(slots, dtype=np.uint64),
        np.zeros(slots, dtype=np.int32),
        np.empty(slots, dtype=np.int32),
        np.empty(slots, dtype=np.int64),
    )
