"""Tells the format, the delimiter, the header and the columns of a file from its first bytes."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import get_args

from textclf.corpus.columns import (
    choose_columns,
    has_usual_name,
    looks_like_header,
    names_one_of,
    same_columns,
)
from textclf.corpus.compression import SUFFIXES
from textclf.corpus.csv_plain import Record, records
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import CorpusFormat, Format, Layout
from textclf.corpus.rows import MAX_ROW
from textclf.corpus.streams import HEAD, PARQUET, Stream
from textclf.errors import DataError

EXTENSIONS: dict[str, Format] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".jsonlines": "jsonl", ".parquet": "parquet", ".pq": "parquet", ".ft": "fasttext",
    ".fasttext": "fasttext",
}  # fmt: skip
_COMPRESSED = (*SUFFIXES, ".zstd", ".lzma", ".gzip")
_DELIMITERS = (",", "\t", ";", "|")
_FASTTEXT = b"__label__"
_ARRAY = re.compile(rb"\[\s*\{\s*\"")


def extension(path: str) -> str:
    """Return the extension of a file without its compression's, such as `.csv`."""
    suffixes = [suffix.lower() for suffix in PurePath(path).suffixes]
    while suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def tell_format(path: str, head: bytes, fmt: CorpusFormat) -> Format:
    """Return the format of a file by its extension, if it has a usual one, else by its contents.

    A JSON object as the first line means JSON lines, also under the extension of a table. Without a
    usual extension `__label__` means fastText; anything else is CSV if rows have labels, and plain
    lines if not.

    Raises:
        DataError: If it is JSON, but not an object a line.
    """
    if fmt.format is not None:
        assert fmt.format in get_args(Format)
        return fmt.format
    if head.startswith(PARQUET):
        return "parquet"
    known = EXTENSIONS.get(extension(path))
    first = head.lstrip()
    if known in ("csv", "tsv") and first.startswith(b"{") and _is_object(first.split(b"\n", 1)[0]):
        return "jsonl"  # under a wrong name: no row of a table is one object
    if known is not None and known != "parquet":
        return known
    if _ARRAY.match(first):
        raise DataError(
            "is one JSON array",
            where=path,
            remedy="write an object a line, such as jq -c '.[]' does",
        )
    if first.startswith(b"{") and _is_object(first.split(b"\n", 1)[0]):
        return "jsonl"
    if extension(path) == ".json" and first.startswith((b"{", b"[")):
        raise DataError(
            "is JSON, but not an object a line", where=path, remedy="write an object a line"
        )
    if first.startswith(_FASTTEXT):
        return "fasttext"
    columns = fmt.delimiter or fmt.header is not None or fmt.text_columns or fmt.label_column
    return "csv" if fmt.has_labels or columns else "lines"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def csv_layout(
    stream: Stream,
    kind: Format,
    fmt: CorpusFormat,
    labels: LabelMap | None,
    like: Layout | None = None,
) -> Layout:
    """Tell the layout of a CSV or TSV file.

    Args:
        stream: The file, at its start.
        kind: `csv` or `tsv`.
        fmt: What the user said.
        labels: Labels known before this corpus was read, if any.
        like: Layout of the corpus's first file, which a later file is laid out like.

    Raises:
        DataError: If the file is empty or has no such columns.
    """
    where, head = stream.name, stream.head()
    if b"\n" not in head:
        head = stream.head_with_line(MAX_ROW)  # of very many columns
    if re.match(rb"(?i)sep=.?\r?\n", head):
        raise DataError(
            "the first line only tells Excel the delimiter",
            where=f"{where}, row 1",
            remedy="remove that line",
        )
    delimiter = fmt.delimiter or (like.delimiter if like else "\t" if kind == "tsv" else "")
    delimiter = delimiter or _sniff(head, where)
    quotes = fmt.quotes
    if quotes is None:
        quotes = like.quotes if like else delimiter != "\t" or not _literal_quotes(head, where)
    rows = _first_rows(head, delimiter, where, quotes)
    if not rows:
        raise DataError("the file is empty", where=where, remedy="give a file with rows")
    cells = [[cell.decode("utf-8", "replace") for cell in row.cells] for row in rows]
    if like is not None:
        return _layout_like(like, cells, fmt, where, stream.encoding)
    has_header = looks_like_header(cells, fmt, labels) if fmt.header is None else fmt.header
    header = tuple(name.strip() for name in cells[0]) if has_header else None
    width = len(header) if header is not None else _usual_width(cells)
    label, texts, extras = choose_columns(where, width, header, fmt)
    guessed = quotes and fmt.quotes is None and delimiter == "\t"
    return Layout(
        kind, delimiter, header, width, label, texts, extras, stream.encoding, quotes, guessed
    )


def _layout_like(
    like: Layout, cells: list[list[str]], fmt: CorpusFormat, where: str, encoding: str
) -> Layout:
    """Return the layout of a later file: columns by name if it names them, else by place.

    Raises:
        DataError: If it names some columns and not all, other ones, or all though the first file
            names none.
    """
    names = tuple(name.strip() for name in cells[0])
    if like.header is not None:
        if fmt.header or names_one_of(names, [like.header[place] for place in like.used]):
            return replace(same_columns(like, names, where), encoding=encoding)
        if fmt.header is None and has_usual_name(names) and looks_like_header(cells, fmt):
            wanted = ", ".join(repr(like.header[place]) for place in like.used)
            raise DataError(
                f"its first row looks like a header ({', '.join(names[:5])}), without the first "
                f"file's {wanted}",
                where=where,
                remedy="name its columns as there, or give --no-header for a first row of data",
            )
    elif fmt.header is None and has_usual_name(names) and looks_like_header(cells, fmt):
        raise DataError(
            f"its first row looks like a header ({', '.join(names[:5])}), and the first file has "
            "none",
            where=where,
            remedy="remove it, or give --no-header if it is a row like the others",
        )
    return replace(like, header=None, encoding=encoding)


def _first_rows(head: bytes, delimiter: str, where: str, quotes: bool = True) -> list[Record]:
    """Return the records at the start of a file; the last may be cut off and is left out."""
    usual = csv.field_size_limit(MAX_ROW)
    try:
        rows = list(records(head, delimiter, quotes))
    except csv.Error as error:
        raise DataError(
            f"a cell is too long ({error})", where=where, remedy="look for a quote not closed"
        ) from error
    finally:
        csv.field_size_limit(usual)
    if len(head) >= HEAD and len(rows) > 1:
        rows.pop()
    return rows


def _literal_quotes(head: bytes, where: str) -> bool:
    """Return whether quotes in a TSV are part of the texts, as many programs write them.

    They are if a cell begins with a quote that nothing closes in its line, though each line has
    as many cells as the others: a cell that goes on in the next line would leave it with fewer.
    """
    rows = _first_rows(head, "\t", where, quotes=False)
    if len({len(row.cells) for row in rows}) != 1 or len(rows[0].cells) < 2:
        return False
    return any(cell.startswith(b'"') and cell.count(b'"') % 2 for row in rows for cell in row.cells)


def _sniff(head: bytes, where: str) -> str:
    """Return the delimiter that splits most rows into the same number of columns, two or more."""
    best, best_share = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = _first_rows(head, delimiter, where)
        widths = Counter(len(row.cells) for row in rows)
        share = max((n for width, n in widths.items() if width > 1), default=0) / max(1, len(rows))
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _usual_width(cells: Sequence[Sequence[str]]) -> int:
    """Return the most frequent number of columns; among equals the one that comes first."""
    return Counter(len(row) for row in cells).most_common(1)[0][0]
