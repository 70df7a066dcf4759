"""Formats of one row a line: JSON lines, fastText, plain lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from textclf.corpus.block import TextBlock, encode_text
from textclf.corpus.columns import choose_columns
from textclf.corpus.layout import COLUMN_BREAK, CorpusFormat, Layout
from textclf.corpus.rows import MAX_ROW, Assembler, Row, encoding_problem, nul_problem, too_long
from textclf.corpus.streams import Stream
from textclf.errors import DataError

_SHOWN = 1024  # bytes kept of a line that is too long
_FASTTEXT_SPACE = re.compile(r"[ \t\v\f]+")
LABEL_PREFIX = "__label__"


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
        parse = partial(_json_row, layout=layout)
    elif layout.format == "fasttext":
        parse = partial(_fasttext_row, layout=layout)
    else:
        parse = partial(_plain_row, layout=layout)
    number = 0
    for lines in _lines(stream, block_bytes, max_row):
        rows = []
        for line, data, whole in lines:
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
    names = tuple(keys)
    label, texts, extras = choose_columns(stream.name, len(names), names, fmt)
    return Layout("jsonl", "", names, len(names), label, texts, extras, stream.encoding)


def scalar_text(value: Any) -> str | None:
    """Return a value as text: nothing for null, None for what is not one value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, tuple, dict, set)):
        return None
    return str(value)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is there and cannot be had.

    Attributes:
        kind: What it is, such as `timestamp[ms]`.
    """

    kind: str


def record_row(
    get: Callable[[int], Any], layout: Layout, number: int, raw: bytes, missing: Any
) -> Row:
    """Return the row of a record whose values have names.

    Args:
        get: Returns a value by the place of its name, or `missing`.
        layout: Which names are the label and the text.
        number: Number of the row.
        raw: What to show of it.
        missing: What `get` returns for a name that is not there.
    """
    assert layout.header is not None
    places = [place for _, place in layout.extras]
    places += [*layout.texts] if layout.label is None else [*layout.texts, layout.label]
    cells: list[str] = []
    for place in places:
        name, value = layout.header[place], get(place)
        if value is missing and len(cells) < len(layout.extras):
            value = None
        if value is missing:
            return Row(number, number, raw, problem=(f"there is no {name!r}", "add it"))
        if isinstance(value, Unreadable):
            what = f"{name!r} is a {value.kind} that cannot be read"
            return Row(number, number, raw, problem=(what, "correct it, or store it as text"))
        text = scalar_text(value)
        if text is None:
            what = f"{name!r} is not one value but a {type(value).__name__}"
            return Row(number, number, raw, problem=(what, "write a string or a number"))
        cells.append(text)
    n = len(layout.extras)
    body = encode_text(COLUMN_BREAK.join(cells[n : n + len(layout.texts)]))
    label = "" if layout.label is None else encode_text(cells[-1]).decode("utf-8")
    return Row(number, number, raw, label, body, cells[:n])


def _loads(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


_MISSING = object()


def _json_row(data: bytes, line: int, *, layout: Layout) -> Row | None:
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


_Line = tuple[int, bytes, bool]  # number, bytes without its end, whether it is whole


def _lines(stream: Stream, block_bytes: int, max_row: int) -> Iterator[Sequence[_Line]]:
    """Yield the lines of a stream, a block at a time; of a line too long the start alone."""
    number, carry, skipping = 1, b"", False
    start = b""  # of the line that is being skipped
    while True:
        chunk = stream.read(block_bytes)
        data = carry + chunk
        cut = _last_end(data) if chunk else len(data)
        whole, carry = data[:cut], data[cut:]
        lines: list[_Line] = []
        for content in whole.splitlines():
            if skipping:
                lines.append((number, start, False))
                skipping = False
            else:
                fits = len(content) <= max_row
                lines.append((number, content if fits else content[:_SHOWN], fits))
            number += 1
        if not chunk and skipping:
            lines.append((number, start, False))
        if lines:
            yield lines
        if not chunk:
            return
        if skipping or len(carry) > max_row:
            start = start if skipping else carry[:_SHOWN]
            # A carriage return at the end is kept: it may belong to a line feed.
            skipping, carry = True, carry[-1:] if carry.endswith(b"\r") else b""


def _last_end(data: bytes) -> int:
    """Return the place after the last line that ends for sure."""
    feed = data.rfind(b"\n") + 1
    return feed or data.rfind(b"\r", 0, max(0, len(data) - 1)) + 1
