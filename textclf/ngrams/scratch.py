"""Large arrays that are used again: the system clears the pages of new ones, which takes time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST = 64 << 20  # bytes of an array that is kept; a block of text that needs more is rare


class Scratch:
    """Arrays of uint64 that are not in use at the moment; safe to share by threads."""

    def __init__(self) -> None:
        self._free: list[NDArray[np.uint64]] = []

    def take(self, size: int) -> NDArray[np.uint64]:
        """Return an array of at least so many numbers, whatever they are."""
        try:
            array = self._free.pop()
        except IndexError:
            return np.empty(size, np.uint64)
        return array if array.size >= size else np.empty(size, np.uint64)

    def give_back(self, array: NDArray[np.uint64]) -> None:
        """Take back an array that is no longer used."""
        if array.nbytes <= _MOST:
            self._free.append(array)
