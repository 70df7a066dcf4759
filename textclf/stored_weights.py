"""Weights kept on disk while training goes on: in memory they would be one more copy."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from textclf.checkpoints import Blocks

_KIND = np.dtype(np.float32)
_VALUES = 1 << 20  # read at once


class StoredWeights:
    """Float32 arrays in a file without a name, which goes with the object.

    Args:
        shapes: Of the arrays.
        folder: Where there is room for them; by default the system's for temporary files.

    Attributes:
        kept: Whether there are any.

    Raises:
        OSError: If there can be no such file.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], folder: Path | None = None) -> None:
        self._shapes, self.kept = shapes, False
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the object
        finalize(self, self._file.close)

    def keep(self, arrays: Iterable[Iterable[NDArray[np.float32]]]) -> None:
        """Keep arrays, each given in blocks of rows, in place of those from before.

        Raises:
            OSError: If they cannot be written.
        """
        self._file.seek(0)
        self.kept = False
        for blocks in arrays:
            for block in blocks:
                self._file.write(np.ascontiguousarray(block, _KIND).data)
        self._file.flush()
        self.kept = True

    def blocks(self) -> list[Blocks]:
        """Return the arrays, which are read block by block."""
        ends = accumulate(map(math.prod, self._shapes), initial=0)
        return [
            Blocks(shape, _KIND, partial(self._read, start, math.prod(shape)))
            for start, shape in zip(ends, self._shapes, strict=False)
        ]

    def read_into(self, arrays: Iterable[NDArray[np.float32]]) -> None:
        """Put the arrays in the place of others of their shapes."""
        self._file.seek(0)
        for array in arrays:
            self._file.readinto(array.reshape(-1).data)

    def _read(self, start: int, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield values from `start` on."""
        for at in range(start, start + size, _VALUES):
            found = np.empty(min(_VALUES, start + size - at), _KIND)
            self._file.seek(at * _KIND.itemsize)
            self._file.readinto(found.data)
            yield found
