"""Compiled kernels that decode UTF-8, normalize it by tables, and encode it again."""

from __future__ import annotations

import numpy as np

from textclf.compiled import njit
from textclf.ngrams.unicode import (
    CASED,
    FINAL_SIGMA,
    IGNORABLE,
    SEQUENCE,
    SIGMA,
    SMALL_SIGMA,
)


@njit(nogil=True)
def _decode(text, i):  # type: ignore[no-untyped-def]
    """Return the code point at byte i of valid UTF-8, and the index after it."""
    b = np.int64(text[i])
    if b < 0x80:
        return b, i + 1
    if b < 0xE0:
        return ((b & 0x1F) << 6) | (text[i + 1] & 0x3F), i + 2
    if b < 0xF0:
        return ((b & 0x0F) << 12) | ((text[i + 1] & 0x3F) << 6) | (text[i + 2] & 0x3F), i + 3
    return (
        ((b & 0x07) << 18)
        | ((text[i + 1] & 0x3F) << 12)
        | ((text[i + 2] & 0x3F) << 6)
        | (text[i + 3] & 0x3F)
    ), i + 4


@njit(nogil=True)
def encode(code, out, at):  # type: ignore[no-untyped-def]
    """Write a code point as UTF-8 and return the index after it."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | (code >> 6)
        out[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | (code >> 12)
        out[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    out[at] = 0xF0 | (code >> 18)
    out[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


@njit(nogil=True)
def _sigma(text, i, end, after_cased, pages, properties):  # type: ignore[no-untyped-def]
    """Return how a capital sigma that ends at byte i is lower-cased."""
    if after_cased:
        while i < end:
            code, i = _decode(text, i)
            bits = properties[pages[code >> 8], code & 255]
            if bits & CASED:
                return SMALL_SIGMA
            if not bits & IGNORABLE:
                break
        return FINAL_SIGMA
    return SMALL_SIGMA


@njit(nogil=True)
def normalize(text, i, end, out, ends, pages, properties, mapping, sequences, final_sigma):  # type: ignore[no-untyped-def]
    """Write text[i:end] normalized, as code points, into `out` (int32); return their number.

    ends[n] (int64) is the byte after the character that code point n was made of.
    """
    n = 0
    after_cased = np.bool_(False)
    while i < end:
        byte = text[i]
        if byte < 0x80:  # page 0 is ASCII's; the short way, as most text is ASCII
            i += 1
            target = np.int64(mapping[0, byte])
            out[n], ends[n] = target if target >= 0 else byte, i
            n += 1
            if not properties[0, byte] & IGNORABLE:
                after_cased = (properties[0, byte] & CASED) != 0
            continue
        code, i = _decode(text, i)
        page, cell = pages[code >> 8], code & 255
        target = np.int64(mapping[page, cell])
        if final_sigma:
            if code == SIGMA:
                target = np.int64(_sigma(text, i, end, after_cased, pages, properties))
            bits = properties[page, cell]
            if not bits & IGNORABLE:
                after_cased = (bits & CASED) != 0
        if target < SEQUENCE:
            out[n], ends[n] = code if target < 0 else target, i
            n += 1
        else:
            start = target - SEQUENCE
            for k in range(sequences[start]):
                out[n], ends[n] = sequences[start + 1 + k], i
                n += 1
    return n
