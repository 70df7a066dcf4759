"""Kernels from hashed n-grams to tf-idf rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit


@njit(nogil=True)
def _sort_row(columns, values, start, end):  # type: ignore[no-untyped-def]
    """Comb sort of one row by column: rows are short, and it compiles fast."""
    gap = end - start
    swapped = True
    while gap > 1 or swapped:
        gap = max(1, gap * 10 // 13)
        swapped = False
        for i in range(start, end - gap):
            if columns[i] > columns[i + gap]:
                columns[i], columns[i + gap] = columns[i + gap], columns[i]
                values[i], values[i + gap] = values[i + gap], values[i]
                swapped = True


@njit(cache=True, nogil=True)
def build_lookup(hashes):  # type: ignore[no-untyped-def]
    """Return (keys, entries), an open-addressing table from each hash to its place."""
    size = 16
    while size < 2 * hashes.size:
        size *= 2
    keys = np.zeros(size, dtype=np.uint64)
    entries = np.zeros(size, dtype=np.int32)
    for i in range(hashes.size):
        slot = np.int64(hashes[i] & np.uint64(size - 1))
        while keys[slot] != np.uint64(0):
            slot = (slot + 1) & (size - 1)
        keys[slot] = hashes[i]
        entries[slot] = i
    return keys, entries


@njit(cache=True, nogil=True)
def weigh(hashes, ends, keys, entries, columns, idf, sublinear, l2, named):  # type: ignore[no-untyped-def]
    """Turn hashed n-grams into tf-idf rows.

    Args:
        hashes: From `hash_ngrams`; so is `ends`.
        ends: (rows + 1,).
        keys: From `build_lookup`; so is `entries`.
        entries: See there.
        columns: (n,) int32, the column of each n-gram; -1: it only counts in the norm.
        idf: (n,) float64.
        sublinear: Whether tf becomes 1 + ln(tf).
        l2: Whether rows are scaled to unit length.
        named: (columns,) bool; the first sighting of a column that is not named is reported.

    Returns:
        (indptr (rows + 1,) int64, indices int32, data float32, sightings (m, 3) int64): indices
        ascend in a row; a sighting is (column, row, place among the row's n-grams).
    """
    rows = ends.size - 1
    mask = keys.size - 1
    indptr = np.zeros(rows + 1, dtype=np.int64)
    indices = np.empty(ends[-1], dtype=np.int32)
    data = np.empty(ends[-1], dtype=np.float32)
    counts = np.zeros(columns.size, dtype=np.int32)
    touched = np.empty(columns.size, dtype=np.int32)
    seen = named.copy()
    sightings = np.empty((named.size - np.sum(named), 3), dtype=np.int64)
    at, sighted = 0, 0
    for row in range(rows):
        n = 0
        for i in range(ends[row], ends[row + 1]):
            key = hashes[i]
            slot = np.int64(key & np.uint64(mask))
            while keys[slot] != np.uint64(0) and keys[slot] != key:
                slot = (slot + 1) & mask
            if keys[slot] == np.uint64(0):
                continue
            entry = entries[slot]
            if counts[entry] == 0:
                touched[n] = entry
                n += 1
                column = columns[entry]
                if column >= 0 and not seen[column]:
                    seen[column] = True
                    sightings[sighted, 0] = column
                    sightings[sighted, 1] = row
                    sightings[sighted, 2] = i - ends[row]
                    sighted += 1
            counts[entry] += 1
        start, squares = at, 0.0
        for i in range(n):
            entry = touched[i]
            tf = float(counts[entry])
            counts[entry] = 0
            value = (1.0 + math.log(tf) if sublinear else tf) * idf[entry]
            squares += value * value
            if columns[entry] >= 0:
                indices[at] = columns[entry]
                data[at] = value
                at += 1
        if l2 and squares > 0.0:
            scale = 1.0 / math.sqrt(squares)
            for i in range(start, at):
                data[i] *= scale
        _sort_row(indices, data, start, at)
        indptr[row + 1] = at
    return indptr, indices[:at].copy(), data[:at].copy(), sightings[:sighted].copy()


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
