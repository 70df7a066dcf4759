"""Kernels that split CSV as `csv.reader` does (double quotes or none, not strict)."""

from __future__ import annotations

import numpy as np

from textclf.compiled import njit
from textclf.corpus.layout import COLUMN_BREAK

_BREAK = np.uint8(ord(COLUMN_BREAK))

# States, those of CPython's _csv.c. AFTER_CR takes in the line feed of a CR LF.
START_RECORD, AFTER_CR, START_FIELD, IN_FIELD, IN_QUOTES, QUOTE_IN_QUOTES = range(6)
QUOTE, NO_QUOTE = 34, -1
_LF, _CR = 10, 13


@njit(cache=True, nogil=True)
def split(data, delimiter, quote, state, final, out, ends, row_cells, row_starts, row_ends):  # type: ignore[no-untyped-def]
    """Split bytes into cells and rows.

    Cell c is `out[ends[c - 1]:ends[c]]`, the first starting at 0; row r has the cells
    `row_cells[r]` to `row_cells[r + 1]` and is `data[row_starts[r]:row_ends[r]]`.

    Args:
        data: uint8 bytes of the file.
        delimiter: What separates cells.
        quote: What opens and closes a quoted cell; NO_QUOTE: nothing does.
        state: State before the first byte.
        final: Whether the end of the data ends the last row.
        out: uint8, as long as the data at least.
        ends: int32, one longer than the data at least; so are the other three.
        row_cells: int32.
        row_starts: int32.
        row_ends: int32.

    Returns:
        (rows, state after the last byte, start of the row that is not complete).
    """
    n = data.size
    i, o, cells, rows, start = 0, 0, 0, 0, 0
    row_cells[0] = 0
    while i < n:
        c = data[i]
        if state == IN_QUOTES:
            while c != quote:
                out[o] = c
                o += 1
                i += 1
                if i == n:
                    break
                c = data[i]
            if i < n:
                state = QUOTE_IN_QUOTES
                i += 1
            continue
        if state == IN_FIELD:
            while c != delimiter and c != _LF and c != _CR:
                out[o] = c
                o += 1
                i += 1
                if i == n:
                    break
                c = data[i]
            if i == n:
                break
        elif state == AFTER_CR:
            state = START_RECORD
            if c == _LF:
                i += 1
                continue
        if state == START_RECORD:
            if c in (_LF, _CR):
                state = AFTER_CR if c == _CR else START_RECORD
                i += 1
                continue
            start = i
            state = START_FIELD
        if c in (_LF, _CR):
            ends[cells] = o
            cells += 1
            row_starts[rows] = start
            row_ends[rows] = i
            rows += 1
            row_cells[rows] = cells
            state = AFTER_CR if c == _CR else START_RECORD
        elif c == quote and state == START_FIELD:
            state = IN_QUOTES
        elif c == quote and state == QUOTE_IN_QUOTES:
            out[o] = c
            o += 1
            state = IN_QUOTES
        elif c == delimiter:
            ends[cells] = o
            cells += 1
            state = START_FIELD
        else:
            out[o] = c
            o += 1
            state = IN_FIELD
        i += 1
    if final and state > AFTER_CR:
        ends[cells] = o
        row_starts[rows] = start
        row_ends[rows] = n
        rows += 1
        row_cells[rows] = cells + 1
    return rows, state, start


@njit(cache=True, nogil=True)
def first_invalid(data, i):  # type: ignore[no-untyped-def]
    """Return the place of the first byte from i on that is not UTF-8, or the size."""
    n = data.size
    while i < n:
        c = data[i]
        if c < 0x80:
            i += 1
            continue
        low, high = 0x80, 0xBF
        if c < 0xC2:
            return i
        if c < 0xE0:
            more = 1
        elif c < 0xF0:
            more = 2
            if c == 0xE0:
                low = 0xA0
            elif c == 0xED:
                high = 0x9F
        elif c < 0xF5:
            more = 3
            if c == 0xF0:
                low = 0x90
            elif c == 0xF4:
                high = 0x8F
        else:
            return i
        if i + more >= n or data[i + 1] < low or data[i + 1] > high:
            return i
        for k in range(2, more + 1):
            if data[i + k] < 0x80 or data[i + k] > 0xBF:
                return i
        i += more + 1
    return n


@njit(cache=True, nogil=True)
def join_cells(out, ends, firsts, places, text, offsets):  # type: ignore[no-untyped-def]
    """Copy the text cells of rows, joined by `COLUMN_BREAK`.

    Args:
        out: uint8 bytes of all cells.
        ends: int32 end of each cell in them.
        firsts: int32 first cell of each row.
        places: int64 cells of a row that are copied.
        text: uint8 result, as long as the result at least.
        offsets: (rows + 1,) int64 result, the start of each row's text.

    Returns:
        Bytes written.
    """
    o = 0
    for r in range(firsts.size):
        offsets[r] = o
        for k in range(places.size):
            if k > 0:
                text[o] = _BREAK
                o += 1
            cell = firsts[r] + places[k]
            start = ends[cell - 1] if cell > 0 else 0
            for i in range(start, ends[cell]):
                text[o] = out[i]
                o += 1
    offsets[firsts.size] = o
    return o


@njit(cache=True, nogil=True)
def group_cells(out, ends, cells, table, codes, distinct):  # type: ignore[no-untyped-def]
    """Number the distinct cells among some, in order of appearance.

    Args:
        out: uint8 bytes of all cells.
        ends: int32 end of each cell in them.
        cells: int32 cells to look at.
        table: int32 filled with -1; its size is a power of two above the number of cells.
        codes: (cells,) int32 result, the number of each.
        distinct: (cells,) int32 result, the first cell of each number.

    Returns:
        How many are distinct.
    """
    count = 0
    for r in range(cells.size):
        cell = cells[r]
        start = ends[cell - 1] if cell > 0 else 0
        size = ends[cell] - start
        value = 0
        for i in range(start, start + size):
            value = (value * 31 + out[i]) & 0x7FFFFFFF
        slot = (value ^ (value >> 15)) & (table.size - 1)
        while table[slot] >= 0:
            other = distinct[table[slot]]
            begin = ends[other - 1] if other > 0 else 0
            same = ends[other] - begin == size
            for i in range(size):
                if not same:
                    break
                same = out[begin + i] == out[start + i]
            if same:
                break
            slot = (slot + 1) & (table.size - 1)
        if table[slot] < 0:
            table[slot] = count
            distinct[count] = cell
            count += 1
        codes[r] = table[slot]
    return count
