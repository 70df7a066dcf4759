"""Compiled kernels that hash the n-grams of text, and find their texts, without holding the GIL.

`reference.py` says the same in plain Python; tests hold the two equal.
"""

from __future__ import annotations

import numpy as np

from textclf.compiled import njit
from textclf.ngrams.cutting import AFTER_GAP, ALONE_UNIT, ASCII_UNIT, BOUNDARY_UNIT, cut_row, mix
from textclf.ngrams.hashing import COMBINE, FNV_OFFSET, FNV_PRIME, GAP, PREFIX, SUFFIX, hash_word
from textclf.ngrams.subwords import (
    AT_END,
    AT_START,
    STAR,
    STARRED,
    SUBWORD,
    hash_subwords,
    most_subwords,
    subword_spans,
)

_PRIME, _OFFSET = np.uint64(FNV_PRIME), np.uint64(FNV_OFFSET)
_COMBINE = np.uint64(COMBINE)
_GAP, _GAP_HASH = np.frombuffer(GAP.encode(), dtype=np.uint8), np.uint64(hash_word(GAP))
_BLANK = np.uint8(ord(" "))
_AROUND_GAP = 4  # n-grams with what stands for a space, at most
# Kinds of n-grams beside those of `subwords`: taken from the text, as it is written, and with what
# stands for a space before it or behind.
_IN_TEXT, _AFTER_GAP, _BEFORE_GAP = 4, 8, 16


@njit(nogil=True)
def _least(ways, length):  # type: ignore[no-untyped-def]
    """Return the shortest n-gram in a segment, and whether the segment counts only as a whole.

    A padded word shorter than `min_n` counts once, whole, as in scikit-learn.
    """
    short = ways.analyzer == 2 and length < ways.min_n
    return (length if short else ways.min_n), short


@njit(nogil=True)
def _run(units, i, stop, ways):  # type: ignore[no-untyped-def]
    """Return how many units the longest n-gram has from a unit on that stands alone."""
    run = 1
    while run < min(ways.unspaced_max_n, stop - i) and units[i + run, 3] & ALONE_UNIT:
        run += 1
    return max(run, min(ways.max_n, stop - i))


@njit(nogil=True)
def _affixes(units, i, buffer, ways):  # type: ignore[no-untyped-def]
    """Return (byte after the prefix, first byte of the suffix) of unit i, -1 for none."""
    start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
    if not ways.affixes or end - start <= SUFFIX + 1:
        return np.int64(-1), np.int64(-1)
    if units[i, 3] == ASCII_UNIT:
        return (start + PREFIX if end - start > PREFIX else np.int64(-1)), end - SUFFIX
    prefix, characters = np.int64(-1), 0
    for byte in range(start, end):
        if buffer[byte] & 0xC0 != 0x80:
            if characters == PREFIX:
                prefix = np.int64(byte)
            characters += 1
    if characters <= SUFFIX + 1:
        return prefix, np.int64(-1)
    suffix, left = end, SUFFIX
    while left:
        suffix -= 1
        left -= buffer[suffix] & 0xC0 != 0x80
    return prefix, suffix


@njit(nogil=True)
def _hash_affixes(units, i, buffer, ways, out, total):  # type: ignore[no-untyped-def]
    prefix, suffix = _affixes(units, i, buffer, ways)
    if prefix >= 0:
        value = _OFFSET
        for byte in range(units[i, 1], prefix):
            value = (value ^ np.uint64(buffer[byte])) * _PRIME
        out[total] = mix((value ^ STAR) * _PRIME)
        total += 1
    if suffix >= 0:
        value = STARRED
        for byte in range(suffix, units[i, 2]):
            value = (value ^ np.uint64(buffer[byte])) * _PRIME
        out[total] = mix(value)
        total += 1
    return total


@njit(nogil=True)
def _around_gap(units, i, first, stop):  # type: ignore[no-untyped-def]
    """Return how many units, one or two, n-grams have before and after the space before unit i."""
    joined = i - 1 > first and units[i - 1, 3] == ALONE_UNIT
    before = np.int64(2 if joined and units[i - 2, 3] & ALONE_UNIT else 1)
    return before, np.int64(2 if i + 1 < stop and units[i + 1, 3] == ALONE_UNIT else 1)


@njit(nogil=True)
def _hash_gap(units, i, first, stop, others, out, total):  # type: ignore[no-untyped-def]
    before, after = _around_gap(units, i, first, stop)
    value = _GAP_HASH
    for k in range(after):
        value = mix(value * _COMBINE + units[i + k, 0])
        out[total] = value & others
        total += 1
    for k in range(before):
        value = units[i - 1 - k, 0]
        for unit in range(i - k, i):
            value = mix(value * _COMBINE + units[unit, 0])
        out[total] = mix(value * _COMBINE + _GAP_HASH) & others
        total += 1
    return total


@njit(nogil=True, forceinline=True)
def _hash_row(units, segments, cuts, buffer, ways, out, total):  # type: ignore[no-untyped-def]
    """Append the hashes of one row's n-grams to `out` and return the new total."""
    first = 0
    others = ~SUBWORD if ways.subwords else ~np.uint64(0)
    for cut in range(cuts):
        stop = segments[cut]
        least, short = _least(ways, stop - first)
        for i in range(first, first + 1 if short else stop):
            value = units[i, 0]
            if least <= 1 and units[i, 3] != BOUNDARY_UNIT:
                out[total] = value & others
                total += 1
            length = min(ways.max_n, stop - i)
            if units[i, 3] & ALONE_UNIT:
                length = _run(units, i, stop, ways)
            for k in range(1, length):
                value = mix(value * _COMBINE + units[i + k, 0])
                if k + 1 >= least:
                    out[total] = value & others
                    total += 1
            if units[i, 3] & AFTER_GAP and ways.gaps:
                total = _hash_gap(units, i, first, stop, others, out, total)
            if ways.subwords:
                if units[i, 3] != BOUNDARY_UNIT:
                    total = hash_subwords(units, i, buffer, ways.subwords, out, total)
            elif ways.affixes and units[i, 3] == ASCII_UNIT:
                # Without a branch: how long a word is cannot be foretold.
                start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
                letters = end - start
                out[total] = mix((units[i, 4] ^ STAR) * _PRIME)
                total += np.int64(letters > PREFIX)
                value = STARRED
                for byte in range(end - SUFFIX if end > SUFFIX else start, end):
                    value = (value ^ np.uint64(buffer[byte])) * _PRIME
                out[total] = mix(value)
                total += np.int64(letters > SUFFIX + 1)
            elif ways.affixes:
                total = _hash_affixes(units, i, buffer, ways, out, total)
            out[total] = units[i, 5] & others
            total += np.int64(units[i, 5] != np.uint64(0))
        first = stop
    return total


@njit(nogil=True)
def _most(units, used, cuts, ways):  # type: ignore[no-untyped-def]
    """Return how many n-grams a row may have."""
    subwords = most_subwords(units, used, ways.subwords) if used else 0
    gaps = np.int64(0)
    for i in range(used if ways.gaps else 0):
        gaps += np.int64(units[i, 3] == ALONE_UNIT | AFTER_GAP)
    longest = max(ways.max_n, ways.unspaced_max_n)
    return used * (longest - ways.min_n + 4) + cuts + subwords + _AROUND_GAP * gaps


@njit(cache=True, nogil=True)
def hash_ngrams(text, offsets, ways, tables, work, room):  # type: ignore[no-untyped-def]
    """Hash every n-gram of every row, in reading order, shortest first.

    Args:
        text: uint8, the rows' UTF-8 one after the other.
        offsets: (rows + 1,) int64.
        ways: Which n-grams.
        tables: (pages, properties, mapping, sequences) of `CharacterTables`, and `fold_ascii`.
        work: From `workspace`.
        room: uint64, for the hashes; if it is too small, a larger one takes its place.

    Returns:
        (room, ends (rows + 1,) int64): row r's hashes are room[ends[r]:ends[r + 1]].
    """
    rows = offsets.size - 1
    ends = np.zeros(rows + 1, dtype=np.int64)
    _, _, units, segments, buffer = work
    total = np.int64(0)
    for row in range(rows):
        used, cuts = cut_row(row, text, offsets, ways, tables, work)
        need = total + _most(units, used, cuts, ways)
        if need > room.size:
            grown = np.empty(2 * need, dtype=np.uint64)
            for i in range(total):
                grown[i] = room[i]
            room = grown
        total = _hash_row(units, segments, cuts, buffer, ways, room, total)
        ends[row + 1] = total
    return room, ends


@njit(nogil=True)
def _spans(units, segments, cuts, buffer, ways, spans):  # type: ignore[no-untyped-def]
    """Write where each n-gram is to `spans`, in the order of `_hash_row`.

    (first byte, byte after the last, its kind: `AT_START`, `AT_END`, both, `_IN_TEXT`, or 0).
    """
    total, first = 0, 0
    for cut in range(cuts):
        stop = segments[cut]
        least, short = _least(ways, stop - first)
        for i in range(first, first + 1 if short else stop):
            start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
            shortest = max(least, 2) if units[i, 3] == BOUNDARY_UNIT else least
            length = min(ways.max_n, stop - i)
            if units[i, 3] & ALONE_UNIT:
                length = _run(units, i, stop, ways)
            for k in range(shortest - 1, length):
                spans[total, 0], spans[total, 1], spans[total, 2] = start, units[i + k, 2], 0
                total += 1
            if units[i, 3] & AFTER_GAP and ways.gaps:
                before, after = _around_gap(units, i, first, stop)
                for k in range(after):
                    spans[total, 0], spans[total, 1] = start, units[i + k, 2]
                    spans[total, 2] = _AFTER_GAP
                    total += 1
                for k in range(before):
                    spans[total, 0], spans[total, 1] = units[i - 1 - k, 1], units[i - 1, 2]
                    spans[total, 2] = _BEFORE_GAP
                    total += 1
            prefix, suffix = np.int64(-1), np.int64(-1)
            if not ways.subwords:
                prefix, suffix = _affixes(units, i, buffer, ways)
            elif units[i, 3] != BOUNDARY_UNIT:
                total = subword_spans(units, i, buffer, ways.subwords, spans, total)
            if prefix >= 0:
                spans[total, 0], spans[total, 1], spans[total, 2] = start, prefix, AT_START
                total += 1
            if suffix >= 0:
                spans[total, 0], spans[total, 1], spans[total, 2] = suffix, end, AT_END
                total += 1
            if units[i, 5] != np.uint64(0):
                spans[total, 0], spans[total, 1] = units[i, 6], units[i, 7]
                spans[total, 2] = _IN_TEXT
                total += 1
        first = stop


@njit(cache=True, nogil=True)
def ngram_texts(rows, places, text, offsets, ways, tables, work):  # type: ignore[no-untyped-def]
    """Return the text of chosen n-grams: place `places[i]` among those of row `rows[i]`.

    Args:
        rows: (n,) int64, ascending.
        places: (n,) int64.
        text: See `hash_ngrams`; so are the rest.

    Returns:
        (UTF-8 uint8, ends (n + 1,) int64).
    """
    ends = np.zeros(rows.size + 1, dtype=np.int64)
    out = np.empty(16 * rows.size + 64, dtype=np.uint8)
    _, _, units, segments, buffer = work
    spans = np.empty((0, 3), dtype=np.int64)
    for i in range(rows.size):
        if i == 0 or rows[i] != rows[i - 1]:
            used, cuts = cut_row(rows[i], text, offsets, ways, tables, work)
            need = _most(units, used, cuts, ways)
            if need > spans.shape[0]:
                spans = np.empty((2 * need, 3), dtype=np.int64)
            _spans(units, segments, cuts, buffer, ways, spans)
        a, b, kind = spans[places[i], 0], spans[places[i], 1], spans[places[i], 2]
        at = ends[i]
        if at + b - a + 8 > out.size:
            grown = np.empty(2 * (out.size + b - a + 8), dtype=np.uint8)
            for byte in range(at):
                grown[byte] = out[byte]
            out = grown
        if kind & AT_END:
            out[at] = STAR
            at += 1
        if kind == _AFTER_GAP:
            for byte in _GAP:
                out[at] = byte
                at += 1
            out[at] = _BLANK
            at += 1
        for byte in range(a, b):
            out[at] = text[byte] if kind == _IN_TEXT else buffer[byte]
            at += 1
        if kind & AT_START:
            out[at] = STAR
            at += 1
        if kind == _BEFORE_GAP:
            out[at] = _BLANK
            at += 1
            for byte in _GAP:
                out[at] = byte
                at += 1
        ends[i + 1] = at
    return out[: ends[-1]], ends


@njit(cache=True, nogil=True)
def hash_rows(text, offsets, seed):  # type: ignore[no-untyped-def]
    """Hash each row's length and first 512 bytes: (rows,) uint64, for splitting by content."""
    rows = offsets.size - 1
    out = np.empty(rows, dtype=np.uint64)
    for row in range(rows):
        start, end = offsets[row], offsets[row + 1]
        value = mix(np.uint64(seed) * _COMBINE + np.uint64(end - start))
        for i in range(start, min(end, start + 512)):
            value = (value ^ np.uint64(text[i])) * _PRIME
        out[row] = mix(value)
    return out
