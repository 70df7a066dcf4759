"""Kernels from hashed n-grams to tf-idf rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit

_ONE, _KNOWN = np.uint64(1), 64  # counts whose logarithm is known beforehand
_WORD, _SHIFT, _LAST = 64, np.uint64(58), np.uint64(63)
# Its 64 runs of six bits are all different: times a power of two, the first six tell which one.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, dtype=np.int64)
for _i in range(64):
    _PLACES[(int(_DE_BRUIJN) << _i & (1 << 64) - 1) >> 58] = _i


@njit(cache=True, nogil=True)
def build_lookup(hashes, ranks):  # type: ignore[no-untyped-def]
    """Return a (slots, 2) uint64 open-addressing table of hashes and their ranks."""
    size = 16
    while size < 2 * hashes.size:
        size *= 2
    slots = np.zeros((size, 2), dtype=np.uint64)
    for i in range(hashes.size):
        slot = np.int64(hashes[i] & np.uint64(size - 1))
        while slots[slot, 0] != np.uint64(0):
            slot = (slot + 1) & (size - 1)
        slots[slot, 0] = hashes[i]
        slots[slot, 1] = np.uint64(ranks[i])
    return slots


@njit(cache=True, nogil=True)
def build_filter(hashes):  # type: ignore[no-untyped-def]
    """Return bits that are set where a hash's highest bits say, at most one in eight of them.

    Most n-grams that are not in the table are told by it, which a core's cache holds.
    """
    size, shift = 64, np.uint64(64 - 6)
    while size < 8 * hashes.size:
        size, shift = size * 2, shift - _ONE
    bits = np.zeros(size // _WORD, dtype=np.uint64)
    for i in range(hashes.size):
        _mark(bits, np.int64(hashes[i] >> shift))
    return bits, shift


@njit(nogil=True)
def _mark(bits, at):  # type: ignore[no-untyped-def]
    bits[at // _WORD] |= _ONE << (np.uint64(at) & _LAST)


@njit(nogil=True)
def _is_marked(bits, at):  # type: ignore[no-untyped-def]
    return bits[at >> np.uint64(6)] >> (at & _LAST) & _ONE


@njit(nogil=True)
def _first(word):  # type: ignore[no-untyped-def]
    """Return the place of the lowest bit that is set."""
    return _PLACES[((word & (~word + _ONE)) * _DE_BRUIJN) >> _SHIFT]


@njit(nogil=True)
def _write_row(values, scale, bits, summary, indices, data, at):  # type: ignore[no-untyped-def]
    """Write the values of marked columns, in ascending order, and unmark them; return the end.

    Index and value number `at` are at indices[2 * at] and data[2 * at + 1].
    """
    for high in range(summary.size):
        while summary[high]:
            low = high * _WORD + _first(summary[high])
            summary[high] &= summary[high] - _ONE
            word = bits[low]
            bits[low] = np.uint64(0)
            while word:
                column = low * _WORD + _first(word)
                word &= word - _ONE
                indices[2 * at] = column
                data[2 * at + 1] = values[column] * scale
                at += 1
    return at


@njit(cache=True, nogil=True)
def weigh(hashes, ends, slots, known, idf, sublinear, l2, named):  # type: ignore[no-untyped-def]
    """Turn hashed n-grams into tf-idf rows.

    Args:
        hashes: From `hash_ngrams`, and overwritten; so is `ends`.
        ends: (rows + 1,).
        slots: From `build_lookup`. A rank is a column, or beyond: that only counts in the norm.
        known: From `build_filter`.
        idf: (n,) float64, by rank.
        sublinear: Whether tf becomes 1 + ln(tf).
        l2: Whether rows are scaled to unit length.
        named: (columns,) bool; the first sighting of a column that is not named is reported.

    Returns:
        (indptr (rows + 1,) int64, indices int32, data float32, sightings (m, 3) int64): indices
        ascend in a row; a sighting is (column, row, place among the row's n-grams).
    """
    rows, n_columns = ends.size - 1, named.size
    filtered, shift = known
    mask = np.uint64(slots.shape[0] - 1)
    indptr = np.zeros(rows + 1, dtype=np.int64)
    # A row takes no more room than its n-grams did, which have been read by then.
    indices, data = hashes.view(np.int32), hashes.view(np.float32)
    counts = np.zeros(idf.size, dtype=np.int32)
    values = np.empty(n_columns, dtype=np.float32)
    touched = np.empty(idf.size, dtype=np.int32)
    bits = np.zeros(n_columns // _WORD + 1, dtype=np.uint64)
    summary = np.zeros(bits.size // _WORD + 1, dtype=np.uint64)
    factors = np.arange(_KNOWN).astype(np.float64)
    if sublinear:
        for tf in range(1, _KNOWN):
            factors[tf] = 1.0 + math.log(float(tf))
    candidates = np.empty(np.max(np.diff(ends)) if rows else 0, dtype=np.int64)
    seen = named.copy()
    sightings = np.empty((n_columns - np.sum(named), 3), dtype=np.int64)
    at, sighted = 0, 0
    for row in range(rows):
        n, m = 0, np.int64(0)
        for i in range(ends[row], ends[row + 1]):
            candidates[m] = i  # without a branch, which could not be foretold
            m += np.int64(_is_marked(filtered, hashes[i] >> shift))
        for c in range(m):
            i = candidates[c]
            key = hashes[i]
            slot = np.int64(key & mask)
            while slots[slot, 0] != np.uint64(0) and slots[slot, 0] != key:
                slot = np.int64(np.uint64(slot + 1) & mask)
            if slots[slot, 0] == np.uint64(0):
                continue
            rank = np.int64(slots[slot, 1])
            if counts[rank] == 0:
                touched[n] = rank
                n += 1
                if rank < n_columns and not seen[rank]:
                    seen[rank] = True
                    sightings[sighted, 0] = rank
                    sightings[sighted, 1] = row
                    sightings[sighted, 2] = i - ends[row]
                    sighted += 1
            counts[rank] += 1
        squares = 0.0
        for i in range(n):
            rank = np.int64(touched[i])
            tf = counts[rank]
            counts[rank] = 0
            if tf < _KNOWN:
                value = factors[tf] * idf[rank]
            else:
                value = (1.0 + math.log(float(tf)) if sublinear else float(tf)) * idf[rank]
            squares += value * value
            if rank < n_columns:
                values[rank] = value
                _mark(bits, rank)
                _mark(summary, rank // _WORD)
        scale = 1.0 / math.sqrt(squares) if l2 and squares > 0.0 else 1.0
        at = _write_row(values, scale, bits, summary, indices, data, at)
        indptr[row + 1] = at
    columns, values = indices[: 2 * at : 2].copy(), data[1 : 2 * at : 2].copy()
    return indptr, columns, values, sightings[:sighted].copy()


@njit(cache=True, nogil=True)
def accumulate(indptr, indices, data, labels, kept, sums, squares):  # type: ignore[no-untyped-def]
    """Add each column's weights to sums[column, class] and their squares to squares[column]."""
    for row in range(labels.size):
        if kept[row]:
            for i in range(indptr[row], indptr[row + 1]):
                value = np.float64(data[i])
                sums[indices[i], labels[row]] += value
                squares[indices[i]] += value * value


def inverse_document_frequency(
    df: NDArray[np.int64], rows: int, smooth: bool
) -> NDArray[np.float64]:
    """Return ln((rows + s) / (df + s)) + 1 with s = 1 if smooth else 0, as scikit-learn does."""
    s = int(smooth)
    return np.asarray(np.log((rows + s) / (df + s)) + 1.0)
