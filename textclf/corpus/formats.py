"""The formats: how a file of each is laid out, and its blocks."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

from textclf.corpus.block import TextBlock
from textclf.corpus.csv_plain import records
from textclf.corpus.detect import EXTENSIONS, csv_layout, extension, tell_format
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import ALL_COLUMNS, CorpusFormat, Layout
from textclf.corpus.rows import MAX_ROW, UNCLOSED, Assembler, Row, cells_problem, cells_row
from textclf.corpus.streams import HEAD, PARQUET, Stream
from textclf.corpus.text_lines import json_layout, line_blocks
from textclf.errors import DataError, UsageError


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
        like: Layout of the corpus's first file; the others have the same format.

    Raises:
        DataError: If it cannot be told.
        UsageError: If the format has no labels, or no columns, and they are asked for.
    """
    # One line is enough where the format is said: whoever types a line wants its answer.
    head = stream.head(line=fmt.format in ("lines", "fasttext", "jsonl"))
    if fmt.format is None and head.lstrip().startswith(b"{"):
        head = stream.head_with_line(MAX_ROW)  # to tell whether it is JSON
    kind = like.format if like is not None else tell_format(path, head, fmt)
    if like is not None and fmt.format is None and extension(path) in EXTENSIONS:
        other = tell_format(path, head, fmt)
        if other != kind and {other, kind} != {"csv", "tsv"}:
            raise DataError(
                f"its format is {other}, that of the first file {kind}",
                where=stream.name,
                remedy="name files of one format, or give --format",
            )
    if kind == "parquet":
        from textclf.corpus.parquet import parquet_layout

        return parquet_layout(path, stream, fmt, like)
    if head.startswith(PARQUET):
        raise DataError(
            "is a Parquet file", where=stream.name, remedy="give --format parquet, or that alone"
        )
    if kind in ("csv", "tsv"):
        return csv_layout(stream, kind, fmt, labels, like)
    if kind == "jsonl":
        return json_layout(stream, fmt, like)
    extra = fmt.extra_columns != ALL_COLUMNS and fmt.extra_columns
    if extra or fmt.text_columns or fmt.label_column is not None:
        raise UsageError(
            f"the format {kind} has no columns", where=stream.name, remedy="do not name columns"
        )
    if kind == "lines" and fmt.has_labels:
        raise UsageError(
            "plain lines have no labels", where=stream.name, remedy="give another --format"
        )
    return Layout(kind, label=0 if fmt.has_labels else None, encoding=stream.encoding)


def read_blocks(
    path: str, stream: Stream, assembler: Assembler, block_bytes: int, max_row: int
) -> Iterator[TextBlock]:
    """Yield the good rows of an open file as blocks.

    Args:
        path: The file.
        stream: The same, opened.
        assembler: Codes labels and takes bad rows; it knows the layout.
        block_bytes: Bytes read at once.
        max_row: Most bytes of a row.

    Raises:
        DataError: If it cannot be read, or more rows are bad than are tolerated.
    """
    kind = assembler.layout.format
    if kind == "parquet":
        from textclf.corpus.parquet import parquet_blocks

        return parquet_blocks(path, stream, assembler, max_row)
    if kind not in ("csv", "tsv"):
        return line_blocks(stream, assembler, block_bytes, max_row)
    if worth_python(stream):
        return small_csv_blocks(stream, assembler, max_row)
    from textclf.corpus.csv_fast import CsvReader

    return CsvReader(stream, assembler, block_bytes, max_row).blocks()


def worth_python(stream: Stream) -> bool:
    """Return whether a file is so small that it is read before numba could be imported."""
    return len(stream.head()) < HEAD and "numba" not in sys.modules


def small_csv_blocks(stream: Stream, assembler: Assembler, max_row: int) -> Iterator[TextBlock]:
    """Yield the good rows of a small CSV or TSV file, in one block.

    Raises:
        DataError: If more rows are bad than are tolerated.
    """
    layout, rows = assembler.layout, []
    data = b"".join(iter(lambda: stream.read(HEAD), b""))
    try:
        for number, record in enumerate(records(data, layout.delimiter, layout.quotes), start=1):
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
