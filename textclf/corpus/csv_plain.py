"""CSV by the standard library: for small files and for finding out how a file is laid out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class Record:
    """A record of a CSV file.

    Attributes:
        cells: Its cells, bytes as in the file without quotes.
        raw: Its bytes in the file, without the end of the line.
        line: Number of its first line, from 1.
        unclosed: Whether a quote was still open at the end of the file.
    """

    cells: list[bytes]
    raw: bytes
    line: int
    unclosed: bool = False


def records(data: bytes, delimiter: str, quotes: bool = True) -> Iterator[Record]:
    """Yield the records of a whole file, as `csv.reader` splits them; blank lines are none.

    Args:
        data: Its bytes.
        delimiter: What separates cells.
        quotes: Whether cells may be quoted.

    Bytes travel as Latin-1 characters, so that nothing needs to be valid text.

    Raises:
        csv.Error: If a cell is above `csv.field_size_limit()`.
    """
    lines = list(io.StringIO(data.decode("latin-1"), newline=""))
    count = len(lines)
    # One more line: a quote that is open at the end takes it in.
    reader = csv.reader(
        [*lines, "\n"] if quotes else lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
    )
    before = 0
    for cells in reader:
        first, before = before, reader.line_num
        if not cells:
            continue
        if before > count:
            cells[-1] = cells[-1].removesuffix("\n")
        raw = "".join(lines[first:before]).removesuffix("\n").removesuffix("\r")
        yield Record(
            [cell.encode("latin-1") for cell in cells],
            raw.encode("latin-1"),
            first + 1,
            before > count,
        )
