"""Parquet files, a batch of rows at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from textclf.corpus.block import TextBlock
from textclf.corpus.columns import choose_columns, same_columns
from textclf.corpus.layout import CorpusFormat, Layout
from textclf.corpus.records import Unreadable, record_row
from textclf.corpus.rows import Assembler, Row, too_long
from textclf.corpus.streams import Stream, is_single_pass
from textclf.errors import DataError

_ROWS, _BYTES = 4096, 2 << 20  # read at once
_BUFFER = 1 << 20


def parquet_layout(path: str, stream: Stream, fmt: CorpusFormat, like: Layout | None) -> Layout:
    """Tell which columns of a Parquet file are the label and the text.

    Raises:
        DataError: If it cannot be read or has no such columns.
    """
    with _opened(path, stream) as file:
        names = tuple(file.schema_arrow.names)
    if like is not None:
        return same_columns(like, names, stream.name)
    label, texts, extras = choose_columns(stream.name, len(names), names, fmt)
    return Layout("parquet", "", names, len(names), label, texts, extras)


def parquet_blocks(
    path: str, stream: Stream, assembler: Assembler, max_row: int
) -> Iterator[TextBlock]:
    """Yield the good rows of a Parquet file.

    Raises:
        DataError: If it is damaged, or more rows are bad than are tolerated.
    """
    layout = assembler.layout
    assert layout.header is not None
    names = list(dict.fromkeys(layout.header[place] for place in layout.used))
    number = 0
    with _opened(path, stream) as file:
        for batch in _batches(file, names):
            columns = {
                place: _values(_column(batch, layout.header, place)) for place in layout.used
            }
            rows = []
            for cells in zip(*columns.values(), strict=True):
                number += 1
                values = dict(zip(columns, cells, strict=True))
                rows.append(_row(values, layout, number, max_row))
            block = assembler.block(rows)
            if len(block):
                yield block
    while stream.read(_BUFFER):  # for the hash of its bytes
        pass


def _batches(file: pq.ParquetFile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows a few at a time, fewer of long texts."""
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    longest = max((g.total_byte_size // g.num_rows for g in groups if g.num_rows), default=0)
    size = max(1, min(_ROWS, _BYTES // max(1, longest)))
    for batch in file.iter_batches(batch_size=size, columns=names, use_threads=False):
        # In the file, texts that recur take less than they do here.
        rows = max(1, _BYTES * batch.num_rows // max(1, batch.nbytes))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def _column(batch: pa.RecordBatch, header: Sequence[str], place: int) -> pa.Array:
    """Return a column of the file; a batch has all that have the name of one, in their order."""
    name = header[place]
    same = [i for i, other in enumerate(batch.schema.names) if other == name]
    return batch.column(same[header[:place].count(name)])


def _values(column: pa.Array) -> list[Any]:
    """Return a column's values; what Python has no value for, such as a far year, is Unreadable."""
    try:
        return list(column.to_pylist())
    except (ArithmeticError, LookupError, ValueError):  # an unknown time zone is a KeyError
        return [_value(scalar) for scalar in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except (ArithmeticError, LookupError, ValueError):  # an unknown time zone is a KeyError
        return Unreadable(str(scalar.type))


def _row(values: dict[int, Any], layout: Layout, number: int, max_row: int) -> Row:
    row = record_row(values.__getitem__, layout, number, partial(_shown, values, layout), object())
    if len(row.text) > max_row:
        row.problem = too_long(max_row)
    return row


def _shown(values: dict[int, Any], layout: Layout) -> bytes:
    """Return how a row is shown where it is bad: to write each out took half of the time."""
    assert layout.header is not None
    named = [(layout.header[place], value) for place, value in values.items()]
    return repr(named).encode()[:1024]


@contextmanager
def _opened(path: str, stream: Stream) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; what cannot be sought in is copied to a temporary file first."""
    source: Any
    if stream.compression or is_single_pass(path):
        if stream.copy is None:
            stream.copy = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the stream
            while data := stream.read(_BUFFER):
                stream.copy.write(data)
        stream.copy.seek(0)
        source = stream.copy
    else:  # by its bytes: Arrow takes no name that is not UTF-8
        source = pa.OSFile(os.fsencode(path))
    try:
        # Without prefetching, memory holds pages and not whole row groups.
        with pq.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        what = f"cannot be read as Parquet ({str(error)[:200]})"
        raise DataError(what, where=stream.name, remedy="write or copy it again") from error
