"""Rows parsed in Python become blocks; what makes a row bad is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.corpus.bad_rows import RejectLog
from textclf.corpus.block import TextBlock
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import COLUMN_BREAK, Layout

MAX_ROW = 16 << 20  # bytes
_MARK = "\ufeff"  # the byte order mark of a file that was put behind another


@dataclass(slots=True)
class Row:
    """A record of a file.

    Attributes:
        number: Number of the row in its file, from 1.
        line: Number of its first line.
        raw: Its bytes as they stand in the file, or what returns them; the first few are enough.
        label: Its label.
        text: Its text, UTF-8.
        extra: Cells passed through: strings, or what JSON has of values.
        problem: Why it cannot be used, and what to do about it.
    """

    number: int
    line: int
    raw: bytes | Callable[[], bytes]
    label: str = ""
    text: bytes = b""
    extra: Sequence[Any] = ()
    problem: tuple[str, str] | None = None


class Assembler:
    """Builds blocks from rows, and rejects those that are bad.

    Args:
        source: Name of the file.
        layout: How it is laid out.
        labels: Codes the labels.
        log: Takes the bad rows.
    """

    def __init__(self, source: str, layout: Layout, labels: LabelMap, log: RejectLog) -> None:
        self.source, self.layout, self.labels, self.log = source, layout, labels, log
        self.has_labels = layout.label is not None

    def block(self, rows: Sequence[Row]) -> TextBlock:
        """Return the good rows as a block; it may have none.

        Raises:
            DataError: If more rows are bad than are tolerated.
        """
        good: list[Row] = []
        codes: list[int] = []
        for row in rows:
            problem = row.problem
            if problem is None and self.has_labels:
                code, problem = self.code(row.label, row.text)
                codes.append(code)
            if problem is None:
                good.append(row)
                continue
            if row.problem is None:
                codes.pop()
            raw = row.raw if isinstance(row.raw, bytes) else row.raw()
            self.reject(row.number, row.line, problem, raw)
        extra = {
            name: [row.extra[i] for row in good] for i, (name, _) in enumerate(self.layout.extras)
        }
        self.log.rows += len(good)
        return TextBlock.from_bytes(
            [row.text for row in good],
            np.array(codes, dtype=np.int32) if self.has_labels else None,
            np.array([row.number for row in good], dtype=np.int64),
            self.source,
            extra,
        )

    def code(self, label: str, text: bytes) -> tuple[int, tuple[str, str] | None]:
        """Return the label's code, or why it cannot be used.

        Args:
            label: The label.
            text: The text of a row that has it, UTF-8.
        """
        label = label.strip().removeprefix(_MARK)
        if not label:
            return -1, ("the label is blank", "fill it in, or choose another --label-column")
        code = int(self.labels.encode((label,))[0])
        if code < 0:
            shown = label if len(label) <= 60 else label[:57] + "..."
            alike = self.labels.alike(label)
            remedy = f"write it {alike!r}, as in training" if alike else self.labels.remedy
            if (found := text.decode("utf-8", "replace").strip()) in self.labels:
                remedy = f"the row's text is the label {found!r}: swap the columns"
            return -1, (f"the label {shown!r} was never seen in training", remedy)
        return code, None

    def reject(self, number: int, line: int, problem: tuple[str, str], raw: bytes) -> None:
        """Count a bad row.

        Raises:
            DataError: If it is not tolerated.
        """
        self.log.add(self.source, number, line, *problem, raw)


def too_long(limit: int) -> tuple[str, str]:
    """Return the problem of a row above the limit on its bytes."""
    shown = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return f"the row is longer than {shown}", "look for a quote that is never closed, or split it"


UNCLOSED = (
    "a quote is opened and never closed",
    "close it, and write a quote inside a quoted cell twice, or give --no-quotes",
)


def cells_problem(
    cells: Sequence[bytes], data: bytes, layout: Layout, max_row: int
) -> tuple[str, str] | None:
    """Return why a row of cells cannot be used, and what to do about it; None for a good row."""
    if len(data) > max_row:
        return too_long(max_row)
    if problem := nul_problem(data):
        return problem
    if layout.quotes_guessed and (problem := merged_problem(data, layout)):
        return problem
    if len(cells) != layout.width:
        one = "column" if len(cells) == 1 else "columns"
        few, many = "add the missing cells", "quote cells that hold the delimiter"
        return (
            f"the row has {len(cells)} {one} and not {layout.width}",
            f"{few if len(cells) < layout.width else many}, or give another --delimiter",
        )
    return encoding_problem(data, layout.encoding)


def merged_problem(data: bytes, layout: Layout) -> tuple[str, str] | None:
    """Return the problem of a row that quotes have made of several, or None.

    Each of its lines has as many cells as a row: a cell that goes on in the next line would leave
    it with fewer.
    """
    delimiter = layout.delimiter.encode()
    lines = [line for line in data.splitlines() if line]
    if len(lines) < 2 or any(line.count(delimiter) != layout.width - 1 for line in lines):
        return None
    return (
        f"a quote makes one row of {len(lines)} lines, each of which has the cells of a row",
        "give --no-quotes if quotes are part of the texts, else --quotes",
    )


def nul_problem(data: bytes) -> tuple[str, str] | None:
    """Return the problem of bytes that hold a NUL, or None."""
    if b"\0" not in data:
        return None
    return (
        "there is a NUL byte",
        "remove it, or give the --encoding if the file is no UTF-8",
    )


def encoding_problem(data: bytes, encoding: str) -> tuple[str, str] | None:
    """Return why bytes are not text, or None."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if encoding not in ("utf-8", "utf8"):
            return (f"the row is not valid {encoding}", "give another --encoding")
        return (
            f"the row is not valid UTF-8 (byte 0x{data[error.start]:02x})",
            "convert the file, or give its --encoding, such as cp1252",
        )
    return None


def cells_row(cells: Sequence[bytes], number: int, line: int, raw: bytes, layout: Layout) -> Row:
    """Return the row of cells that have no problem."""
    label = "" if layout.label is None else cells[layout.label].decode("utf-8")
    text = COLUMN_BREAK.encode().join([cells[place] for place in layout.texts])
    extra = [cells[place].decode("utf-8") for _, place in layout.extras]
    return Row(number, line, raw, label, text, extra)
