"""Keeps blocks that can be produced only once on disk, so that they can be read again."""

from __future__ import annotations

import json
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from textclf.corpus.block import TextBlock
from textclf.errors import OutputError

_HEADER = struct.Struct("<qqqq")  # rows, bytes of text, whether labelled, bytes of JSON


class Spool:
    """Blocks that are written to a temporary file when first drawn, and read from it afterwards.

    A pass that was left early is no loss: the next one reads what was written and goes on. The
    file has no name and vanishes with the spool.

    Args:
        source: Yields the blocks, once.
        folder: Where the file is.
    """

    def __init__(self, source: Iterator[TextBlock], folder: Path) -> None:
        self._source, self._folder = source, folder
        self._file: IO[bytes] | None = None
        self._written, self._complete = 0, False
        self._error: Exception | None = None
        self._lock = threading.Lock()

    def blocks(self) -> Iterator[TextBlock]:
        """Yield the blocks from the first on; may be called again, also while a pass is on.

        Raises:
            OutputError: If the file cannot be written.
            Exception: What the source raised, in every pass that comes so far.
        """
        place = 0
        while True:
            with self._lock:
                if place < self._written:
                    block, place = self._read(place)
                elif self._complete:
                    return
                else:
                    drawn = self._draw()
                    if drawn is None:
                        self._complete = True
                        return
                    block, place = drawn, self._append(drawn)
            yield block

    def _draw(self) -> TextBlock | None:
        if self._error is not None:
            raise self._error
        try:
            return next(self._source, None)
        except Exception as error:
            self._error = error  # a generator that failed would look as if it had ended
            raise

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, block: TextBlock) -> int:
        """Write a block; return the place after it."""
        names = json.dumps([block.source, block.extra]).encode("ascii")
        labelled = block.labels is not None
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(  # noqa: SIM115 - lives as long as the spool
                    dir=self._folder, prefix="textclf-spool-"
                )
            self._file.seek(self._written)
            self._file.write(_HEADER.pack(len(block), len(block.text), labelled, len(names)))
            for part in (block.text, block.offsets, block.rows, block.labels):
                if part is not None:
                    self._file.write(part.tobytes())
            self._file.write(names)
            self._file.flush()
            self._written = self._file.tell()
        except OSError as error:
            raise OutputError(
                f"the input cannot be kept there ({error.strerror})",
                where=str(self._folder),
                remedy="make room, or write the input to a file and name that",
            ) from error
        return self._written

    def _read(self, place: int) -> tuple[TextBlock, int]:
        """Return the block at a place, and the place after it."""
        assert self._file is not None
        self._file.seek(place)
        rows, size, labelled, names = _HEADER.unpack(self._file.read(_HEADER.size))
        text = np.frombuffer(bytearray(self._file.read(size)), dtype=np.uint8)
        offsets = np.frombuffer(bytearray(self._file.read(8 * (rows + 1))), dtype=np.int64)
        numbers = np.frombuffer(bytearray(self._file.read(8 * rows)), dtype=np.int64)
        labels = None
        if labelled:
            labels = np.frombuffer(bytearray(self._file.read(4 * rows)), dtype=np.int32)
        source, extra = json.loads(self._file.read(names))
        return TextBlock(text, offsets, labels, numbers, source, extra), self._file.tell()
