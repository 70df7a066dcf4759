"""Compiled kernels for the parts of words that count beside them.

These are their runs of characters, as in fastText (Bojanowski et al. 2017, Enriching Word Vectors
with Subword Information). Up to 2 characters of `owl` are `*o*`, `o*`, `*ow*`, `ow*`, `*w*`,
`*wl*`, `*wl`, `*l*`, `*l`: each wherever it is, and once more if it begins or ends the word. A word
of one character has none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.ngrams.cutting import mix
from textclf.ngrams.hashing import FNV_OFFSET, FNV_PRIME, SUBWORD_BIT

_PRIME, _OFFSET = np.uint64(FNV_PRIME), np.uint64(FNV_OFFSET)
STAR = np.uint64(ord("*"))
STARRED = np.uint64((FNV_OFFSET ^ ord("*")) * FNV_PRIME & (1 << 64) - 1)

# Set in the hashes of parts of words, and cleared in all others beside them.
SUBWORD = np.uint64(SUBWORD_BIT)

# How a run is written: with a star behind, before, or both (bits).
AT_START, AT_END = 1, 2
ANYWHERE = AT_START | AT_END


def is_subword(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return (n,) True for n-grams that are parts of words, where such are counted."""
    return np.asarray((hashes & SUBWORD) != 0)


@njit(nogil=True)
def most_subwords(units, used, longest):  # type: ignore[no-untyped-def]
    """Return how many parts the first `used` units may have: a byte begins `longest`, and two."""
    return (longest + 2) * np.int64(units[used - 1, 2]) if longest else np.int64(0)


@njit(nogil=True)
def _character_end(buffer, byte, end):  # type: ignore[no-untyped-def]
    byte += 1
    while byte < end and buffer[byte] & 0xC0 == 0x80:
        byte += 1
    return byte


@njit(nogil=True)
def hash_subwords(units, i, buffer, longest, out, total):  # type: ignore[no-untyped-def]
    """Append the hashes of the parts of unit i to `out` and return the new total."""
    start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
    if _character_end(buffer, start, end) == end:
        return total
    first = start
    while first < end:
        inside, prefix, byte = STARRED, _OFFSET, first
        for _ in range(longest):
            if byte == end:
                break
            after = _character_end(buffer, byte, end)
            while byte < after:
                inside = (inside ^ np.uint64(buffer[byte])) * _PRIME
                prefix = (prefix ^ np.uint64(buffer[byte])) * _PRIME
                byte += 1
            out[total] = mix((inside ^ STAR) * _PRIME) | SUBWORD
            total += 1
            if first == start and byte < end:
                out[total] = mix((prefix ^ STAR) * _PRIME) | SUBWORD
                total += 1
            elif first > start and byte == end:
                out[total] = mix(inside) | SUBWORD
                total += 1
        first = _character_end(buffer, first, end)
    return total


@njit(nogil=True)
def subword_spans(units, i, buffer, longest, spans, total):  # type: ignore[no-untyped-def]
    """Write (first byte, byte after the last, how it is written) of each part of unit i, in order.

    Returns the new total.
    """
    start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
    if _character_end(buffer, start, end) == end:
        return total
    first = start
    while first < end:
        byte = first
        for _ in range(longest):
            if byte == end:
                break
            byte = _character_end(buffer, byte, end)
            kind = AT_START * (byte < end) + AT_END * (first > start)
            spans[total, 0], spans[total, 1], spans[total, 2] = first, byte, ANYWHERE
            total += 1
            if 0 < kind < ANYWHERE:
                spans[total, 0], spans[total, 1], spans[total, 2] = first, byte, kind
                total += 1
        first = _character_end(buffer, first, end)
    return total
