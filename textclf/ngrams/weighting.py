"""Kernels from hashed n-grams to tf-idf rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit

_ONE = np.uint64(1)
_WORD, _SHIFT, _LAST = 64, np.uint64(58), np.uint64(63)
# Its 64 runs of six bits are all different: times a power of two, the first six tell which one.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, dtype=np.int64)
for _i in range(64):
    _PLACES[(int(_DE_BRUIJN) << _i & (1 << 64) - 1) >> 58] = _i


class Lookup(NamedTuple):
    """An open-addressing table: a slot is a hash, its rank, and its idf, in one line of the cache.

    Attributes:
        hashes: (slots, 2) uint64, the hash at [slot, 0], 0 where there is none.
        ranks: (slots, 4) int32, the same memory, the rank at [slot, 2].
        idf: (slots, 4) float32, the same memory, the inverse document frequency at [slot, 3].
    """

    hashes: NDArray[np.uint64]
    ranks: NDArray[np.int32]
    idf: NDArray[np.float32]


def build_lookup(
    hashes: NDArray[np.uint64], ranks: NDArray[np.int32], idf: NDArray[np.float32]
) -> Lookup:
    """Return a table of (n,) hashes that differ, with the rank and the idf of each."""
    size = 16
    while size < 2 * len(hashes):
        size *= 2
    # By numpy, which asks the system for large pages.
    slots = np.zeros((size, 2), np.uint64)
    lookup = Lookup(slots, slots.view(np.int32), slots.view(np.float32))
    _fill(hashes, ranks, idf, lookup)
    return lookup


@njit(cache=True, nogil=True)
def _fill(hashes, ranks, idf, lookup):  # type: ignore[no-untyped-def]
    slots, slot_ranks, slot_idf = lookup
    mask = slots.shape[0] - 1
    for i in range(hashes.size):
        slot = np.int64(hashes[i]) & mask
        while slots[slot, 0] != np.uint64(0):
            slot = (slot + 1) & mask
        slots[slot, 0] = hashes[i]
        slot_ranks[slot, 2], slot_idf[slot, 3] = ranks[i], idf[i]


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
def _write_row(places, values, scale, bits, summary, indices, data, at):  # type: ignore[no-untyped-def]
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
                data[2 * at + 1] = values[places[column]] * scale
                places[column] = 0
                at += 1
    return at


@njit(nogil=True)
def _find(hashes, first, stop, lookup, known, found, slots):  # type: ignore[no-untyped-def]
    """Write which of a row's n-grams the table holds, and where; return how many."""
    keys, filtered, shift = lookup[0], known[0], known[1]
    mask = keys.shape[0] - 1
    n, m = np.int64(0), np.int64(0)
    for i in range(first, stop):
        found[m] = i  # without a branch, which could not be foretold; so below
        m += np.int64(_is_marked(filtered, hashes[i] >> shift))
    for c in range(m):
        key = hashes[found[c]]
        slot = np.int64(key) & mask
        while keys[slot, 0] != key and keys[slot, 0] != np.uint64(0):
            slot = (slot + 1) & mask
        found[n], slots[n] = found[c], slot
        n += np.int64(keys[slot, 0] == key)
    return n


@njit(nogil=True)
def _set_values(n, tf, idf, factors, sublinear, values):  # type: ignore[no-untyped-def]
    """Write tf times idf of a row's n distinct n-grams, from 1 on; return the sum of squares."""
    squares = 0.0
    for i in range(1, n + 1):
        if tf[i] < factors.size:
            value = factors[tf[i]] * idf[i]
        else:
            value = (1.0 + math.log(float(tf[i])) if sublinear else float(tf[i])) * idf[i]
        squares += value * value
        values[i] = value
    return squares


@njit(cache=True, nogil=True)
def weigh(hashes, ends, indices, data, lookup, known, ranks, factors, sublinear, l2, named):  # type: ignore[no-untyped-def]
    """Turn hashed n-grams into tf-idf rows.

    Args:
        hashes: From `hash_ngrams`, and overwritten; so is `ends`.
        ends: (rows + 1,).
        indices: int32 view of `hashes`.
        data: float32 view of `hashes`.
        lookup: From `build_lookup`. A rank is a column, or beyond: that only counts in the norm.
        known: From `build_filter`.
        ranks: How many there are.
        factors: (k,) float64, what each tf below k becomes.
        sublinear: Whether that is 1 + ln(tf).
        l2: Whether rows are scaled to unit length.
        named: (columns,) bool; the first sighting of a column that is not named is reported.

    Returns:
        (indptr (rows + 1,) int64, indices int32, data float32, sightings (m, 3) int64): indices
        ascend in a row; a sighting is (column, row, place among the row's n-grams).
    """
    rows, n_columns, longest = ends.size - 1, named.size, np.int64(0)
    for row in range(rows):
        longest = max(longest, ends[row + 1] - ends[row])
    seen, unnamed = np.empty(n_columns, dtype=np.bool_), 0
    for column in range(n_columns):
        seen[column] = named[column]
        unnamed += not named[column]
    sightings = np.empty((unnamed, 3), dtype=np.int64)
    indptr = np.zeros(rows + 1, dtype=np.int64)
    # The table holds them: `found` says which n-grams of the row, and `slots` where.
    found, slots = np.empty(longest, dtype=np.int64), np.empty(longest, dtype=np.int64)
    # The row's distinct ones, in order of appearance, from 1 on; each rank's place among them.
    distinct, tf = np.empty(longest + 1, dtype=np.int64), np.empty(longest + 1, dtype=np.int64)
    idf, values = np.empty(longest + 1, dtype=np.float32), np.empty(longest + 1, dtype=np.float32)
    places = np.zeros(ranks, dtype=np.int32)
    bits = np.zeros(n_columns // _WORD + 1, dtype=np.uint64)
    summary = np.zeros(bits.size // _WORD + 1, dtype=np.uint64)
    at, sighted = np.int64(0), 0
    for row in range(rows):
        n = 0
        for c in range(_find(hashes, ends[row], ends[row + 1], lookup, known, found, slots)):
            rank = np.int64(lookup[1][slots[c], 2])
            place = places[rank]
            if place:
                tf[place] += 1
                continue
            n += 1
            places[rank] = n
            distinct[n], tf[n], idf[n] = rank, 1, lookup[2][slots[c], 3]
            if rank < n_columns and not seen[rank]:
                seen[rank] = True
                sightings[sighted, 0] = rank
                sightings[sighted, 1] = row
                sightings[sighted, 2] = found[c] - ends[row]
                sighted += 1
        squares = _set_values(n, tf, idf, factors, sublinear, values)
        scale = 1.0 / math.sqrt(squares) if l2 and squares > 0.0 else 1.0
        for i in range(1, n + 1):
            rank = distinct[i]
            if rank < n_columns:
                _mark(bits, rank)
                _mark(summary, rank // _WORD)
            else:
                places[rank] = 0
        # In the room of the hashes: a row takes no more than its n-grams did, which have been read.
        at = _write_row(places, values, scale, bits, summary, indices, data, at)
        indptr[row + 1] = at
    columns, weights = np.empty(at, dtype=np.int32), np.empty(at, dtype=np.float32)
    for i in range(at):
        columns[i], weights[i] = indices[2 * i], data[2 * i + 1]
    return indptr, columns, weights, sightings[:sighted]


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
