"""CSV of any size: byte blocks through the kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textclf.corpus import csv_kernels as kernels
from textclf.corpus.block import TextBlock
from textclf.corpus.rows import UNCLOSED, Assembler, cells_problem, too_long
from textclf.corpus.streams import Stream

Bytes = NDArray[np.uint8]
Places = NDArray[np.int32]

_SHOWN = 1024  # bytes of a row that is too long that are kept to be shown


@dataclass(slots=True)
class _Skipped:
    """A row that is too long, while its end is not found: its start, number and first line."""

    raw: bytes
    number: int
    line: int


class _Workspace:
    """Arrays that the splitting kernel fills, kept from block to block."""

    def __init__(self) -> None:
        self.size = -1

    def fit(self, size: int) -> None:
        """Make room for so many bytes."""
        if size <= self.size:
            return
        self.size = size = size + size // 8  # the rows carried over make sizes vary
        self.out = np.empty(size, dtype=np.uint8)
        self.ends, self.row_cells, self.row_starts, self.row_ends = (
            np.empty(size + 2, dtype=np.int32) for _ in range(4)
        )


class CsvReader:
    """Reads a stream of CSV as blocks; rows are split exactly as `csv.reader` splits them.

    Args:
        stream: The file.
        assembler: Codes labels and takes bad rows.
        block_bytes: Bytes read at once.
        max_row: Most bytes of a row; memory stays bounded while a longer one is skipped.
    """

    def __init__(
        self, stream: Stream, assembler: Assembler, block_bytes: int, max_row: int
    ) -> None:
        self.stream, self.assembler, self.layout = stream, assembler, assembler.layout
        self.block_bytes, self.max_row = block_bytes, max_row
        self._space = _Workspace()
        self._number, self._line = 1, 1  # of the row, and of its line, that comes next
        self._skipped: _Skipped | None = None

    def blocks(self) -> Iterator[TextBlock]:
        """Yield the good rows.

        Raises:
            DataError: If more rows are bad than are tolerated.
        """
        quote = kernels.QUOTE if self.layout.quotes else kernels.NO_QUOTE
        carry, state, final, counted_cr = b"", kernels.START_RECORD, False, False
        while not final:
            chunk = self.stream.read(self.block_bytes)
            final = not chunk
            data = np.frombuffer(carry + chunk, dtype=np.uint8)
            if counted_cr and data.size and data[0] == 10:
                self._line -= 1  # counted with its carriage return
            self._space.fit(data.size)
            space = self._space
            rows, state, start = kernels.split(
                data, ord(self.layout.delimiter), quote, state, final, space.out, space.ends,
                space.row_cells, space.row_starts, space.row_ends,
            )  # fmt: skip
            unclosed = final and state == kernels.IN_QUOTES
            complete = final or state <= kernels.AFTER_CR
            end = data.size if complete else int(start)
            block = self._block(data[:end], int(rows), unclosed)
            if block is not None and len(block):
                yield block
            carry, counted_cr = b"", bool(data.size and data[-1] == 13)
            if complete:
                continue
            if self._skipped is None and data.size - end <= self.max_row:
                carry, state = data[end:].tobytes(), kernels.START_RECORD
            elif self._skipped is None:
                head = data[end : end + _SHOWN].tobytes()
                self._skipped = _Skipped(head, self._number, self._line)
            if carry:
                counted_cr = False
            else:
                self._line += _line_ends(data[end:])

    def _block(self, data: Bytes, rows: int, unclosed: bool) -> TextBlock | None:
        """Return the good rows among the first ones of the workspace."""
        first = 0
        if self._skipped is not None and rows:
            skipped, self._skipped = self._skipped, None
            problem = UNCLOSED if unclosed and rows == 1 else too_long(self.max_row)
            if skipped.number > 1 or self.layout.header is None:
                self.assembler.reject(skipped.number, skipped.line, problem, skipped.raw)
            first, self._number = 1, self._number + 1
        if self._number == 1 and rows and self.layout.header is not None:
            first, self._number = 1, 2
        block = self._rows(data, first, rows, unclosed) if first < rows else None
        self._number += max(0, rows - first)
        self._line += _line_ends(data)
        return block

    def _rows(self, data: Bytes, first: int, rows: int, unclosed: bool) -> TextBlock:
        space, layout = self._space, self.layout
        firsts = space.row_cells[first:rows]
        bad = np.diff(space.row_cells[first : rows + 1]) != layout.width
        starts, ends = space.row_starts[first:rows], space.row_ends[first:rows]
        bad |= ends - starts > self.max_row
        bad[-1] |= unclosed
        self._mark_undecodable(data, starts, bad)
        if layout.quotes_guessed:
            bad[_of_several_lines(data, starts, ends)] = True
        problems: dict[int, tuple[str, str]] = {}
        for r in np.flatnonzero(bad).tolist():
            raw = data[starts[r] : ends[r]].tobytes()
            problem = cells_problem(self._cells(first + r), raw, layout, self.max_row)
            if unclosed and r == rows - first - 1:
                problem = UNCLOSED
            if problem is None:  # invalid bytes between rows, or a cell of several lines
                bad[r] = False
            else:
                problems[r] = problem
        codes = None
        if layout.label is not None:
            codes = self._codes(firsts, bad, problems)
        for r, problem in sorted(problems.items()):
            raw = data[starts[r] : ends[r]][:_SHOWN].tobytes()
            line = self._line + _line_ends(data[: starts[r]])
            self.assembler.reject(self._number + r, line, problem, raw)
        return self._gather(np.flatnonzero(~bad), firsts, codes)

    def _mark_undecodable(self, data: Bytes, starts: Places, bad: NDArray[np.bool_]) -> None:
        """Mark the rows that hold a NUL or bytes that are not UTF-8."""
        if data.size and data.min() == 0:
            nul = np.flatnonzero(data == 0)
            nul = nul[nul >= starts[0]]
            bad[np.searchsorted(starts, nul, side="right") - 1] = True
        at = int(kernels.first_invalid(data, int(starts[0])))
        while at < data.size:
            r = int(np.searchsorted(starts, at, side="right")) - 1
            bad[r] = True
            after = int(starts[r + 1]) if r + 1 < len(starts) else data.size
            at = int(kernels.first_invalid(data, after))

    def _cells(self, row: int) -> list[bytes]:
        space = self._space
        cells = range(int(space.row_cells[row]), int(space.row_cells[row + 1]))
        return [self._cell(cell) for cell in cells]

    def _cell(self, cell: int) -> bytes:
        start = int(self._space.ends[cell - 1]) if cell else 0
        return self._space.out[start : self._space.ends[cell]].tobytes()

    def _codes(
        self, firsts: Places, bad: NDArray[np.bool_], problems: dict[int, tuple[str, str]]
    ) -> NDArray[np.int32]:
        """Return (rows,) codes of the labels; rows whose label cannot be used become bad."""
        good = np.flatnonzero(~bad)
        cells = firsts[good] + np.int32(self.layout.label or 0)
        table = np.full(1 << (2 * len(cells)).bit_length(), -1, dtype=np.int32)
        places, distinct = np.empty_like(cells), np.empty_like(cells)
        space = self._space
        count = kernels.group_cells(space.out, space.ends, cells, table, places, distinct)
        known = np.empty(count, dtype=np.int32)
        for k in range(count):
            cell, layout = int(distinct[k]), self.layout
            text = self._cell(cell - (layout.label or 0) + layout.texts[0])
            known[k], problem = self.assembler.code(self._cell(cell).decode("utf-8"), text)
            if problem is not None:
                for r in good[places == k].tolist():
                    problems[r] = problem
                    bad[r] = True
        codes = np.empty(len(bad), dtype=np.int32)
        codes[good] = known[places]
        return codes

    def _gather(
        self, good: NDArray[np.intp], firsts: Places, codes: NDArray[np.int32] | None
    ) -> TextBlock:
        space, layout = self._space, self.layout
        cells = firsts[good]
        places = np.array(layout.texts, dtype=np.int64)
        offsets = np.empty(len(cells) + 1, dtype=np.int64)
        room = int(
            sum((self._sizes(cells + np.int32(place))).sum() + len(cells) for place in places)
        )
        text = np.empty(room, dtype=np.uint8)
        used = kernels.join_cells(space.out, space.ends, cells, places, text, offsets)
        extra = {
            name: [self._cell(int(cell) + place).decode("utf-8") for cell in cells]
            for name, place in layout.extras
        }
        rows = good.astype(np.int64) + self._number
        self.assembler.log.rows += len(rows)
        own = None if codes is None else codes[good]
        return TextBlock(text[:used], offsets, own, rows, self.assembler.source, extra)

    def _sizes(self, cells: Places) -> NDArray[np.int64]:
        """Return the bytes of each of these cells."""
        ends = self._space.ends
        begins = np.where(cells > 0, ends[np.maximum(cells - 1, 0)], 0)
        return (ends[cells] - begins).astype(np.int64)


def _of_several_lines(data: Bytes, starts: Places, ends: Places) -> NDArray[np.intp]:
    """Return which rows have the end of a line within."""
    breaks = np.flatnonzero((data == 10) | (data == 13))
    breaks = breaks[breaks >= starts[0]]
    rows = np.searchsorted(starts, breaks, side="right") - 1
    return np.unique(rows[breaks < ends[rows]])


def _line_ends(data: Bytes) -> int:
    """Return the number of ends of lines: LF, CR LF or CR."""
    feeds = int(np.count_nonzero(data == 10))
    if not np.count_nonzero(data == 13):
        return feeds
    raw = data.tobytes()
    return feeds + raw.count(b"\r") - raw.count(b"\r\n")
