"""Parquet files, a batch of rows at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from textclf.corpus.block import TextBlock
from textclf.corpus.columns import choose_columns
from textclf.corpus.layout import CorpusFormat, Layout
from textclf.corpus.rows import Assembler, Row, too_long
from textclf.corpus.streams import Stream, is_single_pass
from textclf.corpus.text_lines import record_row
from textclf.errors import DataError

_ROWS = 4096  # rows read at once
_BUFFER = 1 << 20


def parquet_layout(path: str, stream: Stream, fmt: CorpusFormat, like: Layout | None) -> Layout:
    """Tell which columns of a Parquet file are the label and the text.

    Raises:
        DataError: If it cannot be read or has no such columns.
    """
    if like is not None:
        return like
    with _opened(path, stream) as file:
        names = tuple(file.schema_arrow.names)
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
    used = [*layout.texts, *(place for _, place in layout.extras)]
    used += [] if layout.label is None else [layout.label]
    names = list(dict.fromkeys(layout.header[place] for place in used))
    number = 0
    with _opened(path, stream) as file:
        absent = [name for name in names if name not in file.schema_arrow.names]
        if absent:
            raise DataError(
                f"there is no column {absent[0]!r}",
                where=stream.name,
                remedy=f"the columns are {', '.join(file.schema_arrow.names[:20])}",
            )
        for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
            rows = []
            for values in batch.to_pylist():
                number += 1
                rows.append(_row(values, layout, number, max_row))
            block = assembler.block(rows)
            if len(block):
                yield block
    while stream.read(_BUFFER):  # for the hash of its bytes
        pass


def _row(values: dict[str, Any], layout: Layout, number: int, max_row: int) -> Row:
    row = record_row(values.__getitem__, layout, number, repr(values).encode()[:1024], object())
    if len(row.text) > max_row:
        row.problem = too_long(max_row)
    return row


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
