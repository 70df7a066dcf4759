"""A block of texts: consecutive rows of a corpus in a few flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Consecutive rows of a corpus, laid out as Arrow lays out strings.

    Attributes:
        text: uint8, all texts joined: text i is `text[offsets[i]:offsets[i + 1]]`, valid UTF-8;
            between those of several columns is a `layout.COLUMN_BREAK`.
        offsets: (rows + 1,) int64.
        labels: (rows,) int32 codes into the label map, or None if the corpus has no labels.
        rows: (rows,) int64 number of each row in its file, from 1; a header is row 1.
        source: Name of the file, for messages.
        extra: Other columns that were asked for, by name: strings, or what JSON has of values.
    """

    text: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int32] | None
    rows: NDArray[np.int64]
    source: str = ""
    extra: dict[str, list[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def texts(self) -> list[str]:
        """Return the texts as strings."""
        data, ends = self.text.tobytes(), self.offsets.tolist()
        return [data[a:b].decode("utf-8") for a, b in pairwise(ends)]

    def pieces(self, most: int) -> Iterator[TextBlock]:
        """Yield the rows in parts of at most `most` bytes of text, or of one row that has more."""
        first = 0
        while first < len(self):
            start = self.offsets[first]
            fitting = int(np.searchsorted(self.offsets, start + most, side="right")) - 1
            last = max(fitting, first + 1)
            yield self.part(first, last)
            first = last

    def parts(self, most: int) -> Iterator[TextBlock]:
        """Yield the rows in parts of at most `most` rows; itself, if it has no more."""
        if len(self) <= most:
            yield self
            return
        for first in range(0, len(self), most):
            yield self.part(first, min(first + most, len(self)))

    def part(self, first: int, last: int) -> TextBlock:
        """Return the rows from `first` on, before `last`, counted from 0."""
        start = self.offsets[first]
        return TextBlock(
            self.text[start : self.offsets[last]],
            self.offsets[first : last + 1] - start,
            None if self.labels is None else self.labels[first:last],
            self.rows[first:last],
            self.source,
            {name: values[first:last] for name, values in self.extra.items()},
        )

    @classmethod
    def from_texts(
        cls, texts: Sequence[str], labels: Sequence[int] | NDArray[np.int32] | None = None
    ) -> TextBlock:
        """Build a block from strings; lone surrogates become replacement characters.

        Args:
            texts: One text a row.
            labels: Codes of the labels, one a row.
        """
        encoded = [encode_text(text) for text in texts]
        codes = None if labels is None else np.asarray(labels, dtype=np.int32)
        return cls.from_bytes(encoded, codes, np.arange(1, len(encoded) + 1, dtype=np.int64))

    @classmethod
    def from_bytes(
        cls,
        texts: Sequence[bytes],
        labels: NDArray[np.int32] | None,
        rows: NDArray[np.int64],
        source: str = "",
        extra: dict[str, list[Any]] | None = None,
    ) -> TextBlock:
        """Build a block from texts that are valid UTF-8 already."""
        offsets = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        # A copy, so that every block's text is writable: one type for the kernels to compile for.
        text = np.frombuffer(b"".join(texts), dtype=np.uint8).copy()
        return cls(text, offsets, labels, rows, source, extra or {})


def encode_text(text: str) -> bytes:
    """Return the text as valid UTF-8; lone surrogates become replacement characters."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")
