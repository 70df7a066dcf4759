"""The formats: how each is laid out, and its blocks."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

from textclf.corpus.block import TextBlock
from textclf.corpus.csv_plain import records
from textclf.corpus.detect import csv_layout, tell_format
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import CorpusFormat, Layout
from textclf.corpus.rows import UNCLOSED, Assembler, Row, cells_problem, cells_row
from textclf.corpus.streams import HEAD, Stream
from textclf.errors import DataError


def layout_of(
    path: str,
    stream: Stream,
    fmt: CorpusFormat,
    labels: LabelMap | None,
    like: Layout | None = None,
) -> Layout:
    """Tell how an open file is laid out.

    Args:
        path: Its path.
        stream: The file, at its start.
        fmt: What the user said.
        labels: Labels known before the corpus was read, if any.
        like: Layout of the corpus's first file.

    Raises:
        DataError: If it cannot be told.
    """
    kind = tell_format(path, stream.head(), fmt)
    return csv_layout(stream, kind, fmt, labels, like)


def read_blocks(
    stream: Stream, assembler: Assembler, block_bytes: int, max_row: int
) -> Iterator[TextBlock]:
    """Yield the good rows of an open file as blocks.

    Raises:
        DataError: If more rows are bad than are tolerated.
    """
    # Small files are read in Python: importing numba takes longer than they do.
    if len(stream.head()) < HEAD and "numba" not in sys.modules:
        return _small_csv(stream, assembler, max_row)
    from textclf.corpus.csv_fast import CsvReader

    return CsvReader(stream, assembler, block_bytes, max_row).blocks()


def _small_csv(stream: Stream, assembler: Assembler, max_row: int) -> Iterator[TextBlock]:
    layout, rows = assembler.layout, []
    data = b"".join(iter(lambda: stream.read(HEAD), b""))
    try:
        for number, record in enumerate(records(data, layout.delimiter), start=1):
            if number == 1 and layout.header is not None:
                continue
            problem = cells_problem(record.cells, record.raw, layout, max_row)
            if record.unclosed:
                problem = UNCLOSED
            if problem is not None:
                rows.append(Row(number, record.line, record.raw, problem=problem))
            else:
                rows.append(cells_row(record.cells, number, record.line, record.raw, layout))
    except csv.Error as error:
        raise DataError(str(error), where=stream.name, remedy="correct the file") from error
    block = assembler.block(rows)
    if len(block):
        yield block
