"""The texts of a matrix' columns, put down as rows are met that hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 13  # columns: an object each is alive


class NgramTexts:
    """UTF-8 of n-grams in one buffer: an object each would take four times the memory.

    Args:
        columns: How many there are; those that are never named have an empty text.
    """

    def __init__(self, columns: int) -> None:
        self._text = bytearray()
        self._starts = np.zeros(columns, np.int64)
        self._lengths = np.zeros(columns, np.int64)

    def add(
        self, columns: NDArray[np.int64], text: NDArray[np.uint8], ends: NDArray[np.int64]
    ) -> None:
        """Name columns, as `Hasher.texts` tells: column `columns[i]` by n-gram i."""
        self._starts[columns] = len(self._text) + ends[:-1]
        self._lengths[columns] = np.diff(ends)
        self._text += text.tobytes()

    def ends(self) -> NDArray[np.int64]:
        """Return (columns + 1,): column i's text is from ends[i] to ends[i + 1] in `in_order`."""
        return np.concatenate(([0], np.cumsum(self._lengths)))

    def in_order(self) -> NDArray[np.uint8]:
        """Return the texts of all columns, one after the other."""
        whole, found = bytes(self._text), bytearray()
        for first in range(0, len(self._starts), _AT_ONCE):
            starts = self._starts[first : first + _AT_ONCE]
            ends = starts + self._lengths[first : first + _AT_ONCE]
            pairs = zip(starts.tolist(), ends.tolist(), strict=True)
            found += b"".join([whole[start:end] for start, end in pairs])
        return np.frombuffer(found, np.uint8)
