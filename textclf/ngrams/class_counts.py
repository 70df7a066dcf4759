"""How many rows of each class hold an n-gram, of so many classes that an n-gram has few of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.ngrams.selection import Floats

_SLOTS = 1 << 20  # that are worked on at once


class ClassCounts:
    """Rows of each class for each n-gram, zeros left out.

    An n-gram of df rows has at most df classes, so as many slots. Together they take no more than
    the rows hold n-grams, however many classes there are.

    Args:
        most: (n,) classes that each n-gram may have: one or more.
    """

    def __init__(self, most: NDArray[np.int64]) -> None:
        self._starts = np.concatenate(([0], np.cumsum(most)))
        self._classes = np.full(int(self._starts[-1]), -1, np.int32)
        self._rows = np.zeros(len(self._classes), np.uint32)

    def add(
        self,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        labels: NDArray[np.int32],
        kept: NDArray[np.bool_],
    ) -> None:
        """Count rows.

        Args:
            indptr: (rows + 1,) where a row begins in indices.
            indices: The n-grams of the rows, each once a row.
            labels: (rows,) classes.
            kept: (rows,) whether a row counts.
        """
        _add(indptr, indices, labels, kept, self._starts, self._classes, self._rows)

    def chi2(self, rows_by_class: NDArray[np.int64]) -> Floats:
        """Return (n,) statistics, as `selection.chi2`."""
        share, found = rows_by_class / rows_by_class.sum(), np.empty(len(self._starts) - 1)
        for part, classes, rows, first in self._parts():
            # Sum of (rows - expected)² / expected, of which the classes without rows have expected.
            terms = np.divide(rows**2, share[classes], out=np.zeros(len(rows)), where=rows > 0)
            df = np.add.reduceat(rows, first)
            found[part] = np.add.reduceat(terms, first) / np.maximum(df, 1) - df
        return found

    def log_count_spread(self, rows_by_class: NDArray[np.int64]) -> Floats:
        """Return (n,) deviations, as `selection.log_count_spread`."""
        counted = int(np.count_nonzero(rows_by_class))
        share = rows_by_class / rows_by_class.sum()
        # The logarithm of what is in a class without the n-gram; of a class without rows it is
        # multiplied by 0 wherever it is used.
        smooth = np.where(rows_by_class > 0, counted * share, 1.0)
        nothing = np.log(smooth / (rows_by_class + 1.0))
        mean, square = share @ nothing, share @ nothing**2
        found = np.empty(len(self._starts) - 1)
        for part, classes, rows, first in self._parts():
            inside = np.log((rows + smooth[classes]) / (rows_by_class[classes] + 1.0))
            weighed = share[classes]
            means = mean + np.add.reduceat(weighed * (inside - nothing[classes]), first)
            more = weighed * (inside**2 - nothing[classes] ** 2)
            variance = square + np.add.reduceat(more, first) - means**2
            found[part] = np.sqrt(np.maximum(variance, 0.0))
        return found

    def _parts(
        self,
    ) -> Iterator[tuple[slice, NDArray[np.int32], Floats, NDArray[np.int64]]]:
        """Yield some n-grams, the classes and rows of their slots, and where those of each begin.

        Slots that are empty have class 0 and no rows.
        """
        starts, n = self._starts, len(self._starts) - 1
        at = 0
        while at < n:
            end = max(at + 1, int(np.searchsorted(starts, starts[at] + _SLOTS, "right")) - 1)
            slots = slice(starts[at], starts[end])
            rows = self._rows[slots].astype(np.float64)
            yield (
                slice(at, end),
                np.maximum(self._classes[slots], 0),
                rows,
                starts[at:end] - starts[at],
            )
            at = end


@njit(cache=True, nogil=True)
def _add(indptr, indices, labels, kept, starts, classes, rows):  # type: ignore[no-untyped-def]
    """Find the slot of each n-gram and class: the first that is empty or the class's own."""
    for row in range(labels.size):
        if kept[row]:
            for i in range(indptr[row], indptr[row + 1]):
                start = starts[indices[i]]
                slots = starts[indices[i] + 1] - start
                slot = labels[row] % slots
                for _ in range(slots):
                    if classes[start + slot] < 0:
                        classes[start + slot] = labels[row]
                    if classes[start + slot] == labels[row]:
                        rows[start + slot] += 1
                        break
                    slot = slot + 1 if slot + 1 < slots else 0
