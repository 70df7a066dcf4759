"""Formats of one row a line: JSON lines, fastText, plain lines."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from textclf.corpus.block import TextBlock
from textclf.corpus.columns import choose_columns, names_one_of
from textclf.corpus.layout import ALL_COLUMNS, CorpusFormat, Layout
from textclf.corpus.records import record_row
from textclf.corpus.rows import MAX_ROW, Assembler, Row, encoding_problem, nul_problem, too_long
from textclf.corpus.streams import Stream
from textclf.errors import DataError

log = logging.getLogger(__name__)

_LINE_FEED = 10
_SHOWN = 1024  # bytes kept of a line that is too long
_FASTTEXT_SPACE = re.compile(r"[ \t\v\f]+")
LABEL_PREFIX = "__label__"


class _Piece(NamedTuple):
    """Lines of a file that follow each other.

    Attributes:
        data: The lines, whole ones, but for the first if it is too long.
        begun: The start of that; else empty.
    """

    data: bytes
    begun: bytes = b""


def line_blocks(
    stream: Stream, assembler: Assembler, block_bytes: int, max_row: int
) -> Iterator[TextBlock]:
    """Yield the good rows of a file that has a row a line.

    Raises:
        DataError: If more rows are bad than are tolerated.
    """
    layout = assembler.layout
    parse: Callable[[bytes, int], Row | None]
    if layout.format == "jsonl":
        parse = partial(_json_row, layout=layout, unknown=_UnknownKeys(stream.name, layout))
    elif layout.format == "fasttext":
        parse = partial(_fasttext_row, layout=layout)
    else:
        parse = partial(_plain_row, layout=layout)
    number = line = 0
    for piece in _pieces(stream, block_bytes, max_row):
        if layout.format == "lines":
            plain = _plain_block(piece, line, assembler, max_row)
            if plain is not None:
                number, line = number + len(plain), line + len(plain)
                yield plain
                continue
        rows = []
        for data, whole in _lines(piece, max_row):
            line += 1
            if not whole:
                row: Row | None = Row(0, 0, data, problem=too_long(max_row))
            else:
                problem = nul_problem(data) or encoding_problem(data, layout.encoding)
                row = Row(0, 0, data, problem=problem) if problem else parse(data, line)
            if row is None:  # a blank line is no row
                continue
            number += 1
            row.number, row.line = number, line
            rows.append(row)
        block = assembler.block(rows)
        if len(block):
            yield block


def json_layout(stream: Stream, fmt: CorpusFormat, like: Layout | None) -> Layout:
    """Tell which keys of JSON lines are the label and the text.

    Raises:
        DataError: If the file is empty, or there are no such keys.
    """
    if like is not None:
        return like
    keys: dict[str, None] = {}
    stream.head(line=fmt.format == "jsonl")
    head = stream.head_with_line(MAX_ROW)
    for line in head.splitlines()[:100]:
        value = _loads(line)
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
    if not head.strip():
        raise DataError("the file is empty", where=stream.name, remedy="give a file with rows")
    if not keys:
        raise DataError(
            "its first lines are not JSON objects",
            where=stream.name,
            remedy='write one object a line, such as {"label": "a", "text": "b"}',
        )
    if fmt.extra_columns != ALL_COLUMNS:
        for column in fmt.extra_columns:
            if isinstance(column, str) and not names_one_of([*keys], [column]):
                log.warning("%s: no row so far has %r", stream.name, column)
                keys[column] = None
    names = tuple(keys)
    label, texts, extras = choose_columns(stream.name, len(names), names, fmt)
    return Layout("jsonl", "", names, len(names), label, texts, extras, stream.encoding)


def _loads(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


_MISSING = object()


class _UnknownKeys:
    """Tells once of a key that the first rows have not, where all are to be passed through."""

    def __init__(self, where: str, layout: Layout) -> None:
        names = layout.header or ()
        self._where, self._known = where, set(names)
        self._wanted = len(layout.extras) == len(names) > 0

    def look(self, keys: Iterable[str], line: int) -> None:
        if self._wanted and (unknown := [key for key in keys if key not in self._known]):
            self._wanted = False
            log.warning(
                "%s, row %d: %r is not passed through: the first rows have no such key; name it",
                self._where, line, unknown[0],
            )  # fmt: skip


def _json_row(data: bytes, line: int, *, layout: Layout, unknown: _UnknownKeys) -> Row | None:
    if not data.strip():
        return None
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        what = f"the line is not JSON ({str(error)[:100]})"
        return Row(line, line, data, problem=(what, "write one object a line"))
    if not isinstance(value, dict):
        problem = ("the line is not a JSON object", "write one object a line")
        return Row(line, line, data, problem=problem)
    unknown.look(value, line)
    names = layout.header or ()
    return record_row(lambda p: value.get(names[p], _MISSING), layout, line, data, _MISSING)


def _fasttext_row(data: bytes, line: int, *, layout: Layout) -> Row | None:
    text = data.decode("utf-8").strip(" \t\v\f")
    if not text:
        return None
    labels: list[str] = []
    while text.startswith(LABEL_PREFIX):
        word, *rest = _FASTTEXT_SPACE.split(text, maxsplit=1)
        labels.append(word.removeprefix(LABEL_PREFIX))
        text = rest[0] if rest else ""
    problem = None
    if layout.label is not None and len(labels) != 1:
        what = f"the row has {len(labels)} labels" if labels else "the row has no label"
        problem = (what, f"begin each line with one {LABEL_PREFIX}NAME")
    label = labels[0] if labels else ""
    return Row(line, line, data, label, text.encode("utf-8"), problem=problem)


def _plain_row(data: bytes, line: int, *, layout: Layout) -> Row | None:
    return Row(line, line, data, text=data)


def _plain_block(
    piece: _Piece, before: int, assembler: Assembler, max_row: int
) -> TextBlock | None:
    """Return the block of plain lines that are all good; None if each needs a look of its own.

    Args:
        piece: The lines.
        before: Lines of the file before them.
        assembler: Counts the rows.
        max_row: Most bytes of a row.
    """
    data = piece.data
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if piece.begun or b"\r" in data or nul_problem(data):
        return None
    if encoding_problem(data, assembler.layout.encoding):
        return None
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(text == _LINE_FEED)
    if not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    offsets = np.zeros(len(ends) + 1, dtype=np.int64)
    offsets[1:] = ends - np.arange(len(ends))  # without the line feeds
    if np.diff(offsets).max() > max_row:
        return None
    rows = np.arange(before + 1, before + 1 + len(ends), dtype=np.int64)
    assembler.log.rows += len(rows)
    return TextBlock(text[text != _LINE_FEED], offsets, None, rows, assembler.source)


def _lines(piece: _Piece, max_row: int) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its end, and whether it is whole: of one too long only the start."""
    lines = piece.data.splitlines()
    if piece.begun:
        yield piece.begun, False
    for line in lines[1:] if piece.begun else lines:
        fits = len(line) <= max_row
        yield (line if fits else line[:_SHOWN]), fits


def _pieces(stream: Stream, block_bytes: int, max_row: int) -> Iterator[_Piece]:
    """Yield a stream's lines, a block at a time; of a line too long only its start and its end."""
    carry, begun = b"", b""
    while True:
        chunk = stream.read(block_bytes)
        data = carry + chunk
        cut = _last_end(data) if chunk else len(data)
        whole, carry = data[:cut], data[cut:]
        if whole or (begun and not chunk):
            yield _Piece(whole, begun)
            begun = b""
        if not chunk:
            return
        if begun or len(carry.removesuffix(b"\r")) > max_row:
            begun = begun or carry[:_SHOWN]
            # A carriage return at the end is kept: it may belong to a line feed.
            carry = carry[-1:] if carry.endswith(b"\r") else b""


def _last_end(data: bytes) -> int:
    """Return the place after the last line that ends for sure."""
    return max(data.rfind(b"\n"), data.rfind(b"\r", 0, max(0, len(data) - 1))) + 1
