"""Compiled kernels over text: normalize, tokenize and hash n-grams, without holding the GIL.

`reference.py` says the same in plain Python; tests hold the two equal.
"""

from __future__ import annotations

import numpy as np

from textclf.compiled import njit
from textclf.ngrams.hashing import (
    COMBINE,
    FNV_OFFSET,
    FNV_PRIME,
    MIX_1,
    MIX_2,
    PREFIX,
    SUFFIX,
)
from textclf.ngrams.unicode import (
    ALONE,
    CASED,
    FINAL_SIGMA,
    IGNORABLE,
    MARK,
    SEQUENCE,
    SIGMA,
    SMALL_SIGMA,
    SPACE,
    WORD,
)

_PRIME, _OFFSET = np.uint64(FNV_PRIME), np.uint64(FNV_OFFSET)
_MIX_1, _MIX_2, _COMBINE = np.uint64(MIX_1), np.uint64(MIX_2), np.uint64(COMBINE)
_SHIFT = np.uint64(33)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_STAR = np.uint64(ord("*"))

# Analyzers and ways to cut words, as the kernels number them.
ANALYZERS = {"word": 0, "char": 1, "char_wb": 2}
TOKENS = {"words+punctuation": 0, "words": 1}


@njit(nogil=True)
def _mix(value):  # type: ignore[no-untyped-def]
    value ^= value >> _SHIFT
    value *= _MIX_1
    value ^= value >> _SHIFT
    value *= _MIX_2
    value ^= value >> _SHIFT
    return value if value != _ZERO else _ONE


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
def _encode(code, out, at):  # type: ignore[no-untyped-def]
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
def _normalize(text, i, end, out, pages, properties, mapping, sequences, final_sigma):  # type: ignore[no-untyped-def]
    """Write text[i:end] normalized, as code points, into `out` (int32); return their number."""
    n = 0
    after_cased = False
    while i < end:
        byte = text[i]
        if byte < 0x80:  # page 0 is ASCII's; the short way, as most text is ASCII
            i += 1
            target = np.int64(mapping[0, byte])
            out[n] = target if target >= 0 else byte
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
        if target < 0:
            out[n] = code
            n += 1
        elif target < SEQUENCE:
            out[n] = target
            n += 1
        else:
            start = target - SEQUENCE
            for k in range(sequences[start]):
                out[n] = sequences[start + 1 + k]
                n += 1
    return n


@njit(nogil=True)
def _word_units(codes, n, tokens, pages, properties, units, buffer):  # type: ignore[no-untyped-def]
    """Cut code points into words; write their bytes joined by spaces into `buffer`.

    Row u of `units` (uint64) is (hash, first byte, byte after the last, 1 if it is a character of
    a script without spaces) of word u.
    """
    used, at, i = 0, 0, 0
    guide = tokens == 1
    inside = np.uint8(WORD) if guide else np.uint8(WORD | MARK)
    while i < n:
        code = codes[i]
        bits = properties[pages[code >> 8], code & 255]
        i += 1
        if bits & SPACE or (guide and not bits & WORD):
            continue
        start, first = at, i
        alone = not guide and bits & ALONE
        at = _encode(code, buffer, at)
        value = _OFFSET
        for byte in range(start, at):
            value = (value ^ np.uint64(buffer[byte])) * _PRIME
        if guide or (bits & inside and not alone):
            while i < n:
                code = codes[i]
                if code < 0x80:
                    if not properties[0, code] & inside:
                        break
                    buffer[at] = code
                    at += 1
                    value = (value ^ np.uint64(code)) * _PRIME
                else:
                    bits = properties[pages[code >> 8], code & 255]
                    if not bits & inside or (bits & ALONE and not guide):
                        break
                    byte = at
                    at = _encode(code, buffer, at)
                    while byte < at:
                        value = (value ^ np.uint64(buffer[byte])) * _PRIME
                        byte += 1
                i += 1
        if guide and i == first:
            at = start
            continue
        units[used, 0] = _mix(value)
        units[used, 1] = start
        units[used, 2] = at
        units[used, 3] = _ONE if alone else _ZERO
        used += 1
        buffer[at] = 32
        at += 1
    return used


@njit(nogil=True)
def _put_char(code, units, used, buffer):  # type: ignore[no-untyped-def]
    at = np.int64(units[used - 1, 2]) if used else 0
    after = _encode(code, buffer, at)
    value = _OFFSET
    for byte in range(at, after):
        value = (value ^ np.uint64(buffer[byte])) * _PRIME
    units[used, 0] = _mix(value)
    units[used, 1] = at
    units[used, 2] = after
    units[used, 3] = _ZERO
    return used + 1


@njit(nogil=True)
def _char_units(codes, n, padded, pages, properties, units, segments, buffer):  # type: ignore[no-untyped-def]
    """Cut code points into characters; return (units, segments) in number.

    Not padded: one segment, in which a run of two and more white-space characters is one space.
    Padded: a segment a word, with a space on either side.
    """
    used, cut, i = 0, 0, 0
    while i < n:
        code = codes[i]
        space = properties[pages[code >> 8], code & 255] & SPACE
        i += 1
        if space and padded:
            continue
        if space:
            run = i
            while i < n and properties[pages[codes[i] >> 8], codes[i] & 255] & SPACE:
                i += 1
            used = _put_char(32 if i > run else code, units, used, buffer)
            continue
        if padded:
            used = _put_char(32, units, used, buffer)
        used = _put_char(code, units, used, buffer)
        if padded:
            while i < n and not properties[pages[codes[i] >> 8], codes[i] & 255] & SPACE:
                used = _put_char(codes[i], units, used, buffer)
                i += 1
            used = _put_char(32, units, used, buffer)
            segments[cut] = used
            cut += 1
    if not padded:
        segments[0] = used
        cut = 1
    return used, cut


@njit(nogil=True)
def _cut_row(row, text, offsets, ways, tables, work):  # type: ignore[no-untyped-def]
    """Cut row `row` into units; return (units, segments) in number. `work` has room for it."""
    pages, properties, mapping, sequences = tables
    codes, units, segments, buffer = work
    analyzer, tokens, final_sigma = ways[0], ways[1], ways[4]
    n = _normalize(
        text, offsets[row], offsets[row + 1], codes,
        pages, properties, mapping, sequences, final_sigma != 0,
    )  # fmt: skip
    if analyzer == 0:
        used = _word_units(codes, n, tokens, pages, properties, units, buffer)
        segments[0] = used
        return used, 1
    return _char_units(codes, n, analyzer == 2, pages, properties, units, segments, buffer)


@njit(nogil=True)
def _workspace(longest):  # type: ignore[no-untyped-def]
    """Allocate (codes, units, segments, buffer) for rows of up to `longest` bytes.

    At most 18 code points come of three bytes (U+FDFA), and padding at most triples them;
    memory that stays untouched costs nothing.
    """
    codes = 6 * longest + 16
    return (
        np.empty(codes, dtype=np.int32),
        np.empty((3 * codes, 4), dtype=np.uint64),
        np.empty(codes, dtype=np.int64),
        np.empty(6 * codes, dtype=np.uint8),
    )


@njit(nogil=True)
def _longest(offsets):  # type: ignore[no-untyped-def]
    longest = np.int64(0)
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    return longest


@njit(nogil=True)
def _least(ways, length):  # type: ignore[no-untyped-def]
    """Return the shortest n-gram in a segment, and whether the segment counts only as a whole.

    A padded word shorter than `min_n` counts once, whole, as in scikit-learn.
    """
    short = ways[0] == 2 and length < ways[2]
    return (length if short else ways[2]), short


@njit(nogil=True)
def _length(units, i, stop, ways):  # type: ignore[no-untyped-def]
    """Return how many units the longest n-gram from unit i has."""
    length = min(ways[3], stop - i)
    if ways[5] > ways[3]:
        run = 0
        while run < min(ways[5], stop - i) and units[i + run, 3]:
            run += 1
        length = max(length, run)
    return length


@njit(nogil=True)
def _affixes(units, i, buffer, ways):  # type: ignore[no-untyped-def]
    """Return (byte after the prefix, first byte of the suffix) of unit i, -1 for none."""
    start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
    if not ways[6] or end - start <= SUFFIX + 1:
        return np.int64(-1), np.int64(-1)
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
def _hash_row(units, segments, cuts, buffer, ways, out, total):  # type: ignore[no-untyped-def]
    """Append the hashes of one row's n-grams to `out` and return the new total."""
    first = 0
    for cut in range(cuts):
        stop = segments[cut]
        least, short = _least(ways, stop - first)
        for i in range(first, first + 1 if short else stop):
            value = units[i, 0]
            if least <= 1:
                out[total] = value
                total += 1
            for k in range(1, _length(units, i, stop, ways)):
                value = _mix(value * _COMBINE + units[i + k, 0])
                if k + 1 >= least:
                    out[total] = value
                    total += 1
            prefix, suffix = _affixes(units, i, buffer, ways)
            if prefix >= 0:
                value = _OFFSET
                for byte in range(units[i, 1], prefix):
                    value = (value ^ np.uint64(buffer[byte])) * _PRIME
                out[total] = _mix((value ^ _STAR) * _PRIME)
                total += 1
            if suffix >= 0:
                value = (_OFFSET ^ _STAR) * _PRIME
                for byte in range(suffix, units[i, 2]):
                    value = (value ^ np.uint64(buffer[byte])) * _PRIME
                out[total] = _mix(value)
                total += 1
        first = stop
    return total


@njit(nogil=True)
def _most(used, cuts, ways):  # type: ignore[no-untyped-def]
    """Return how many n-grams a row may have."""
    return used * (max(ways[3], ways[5]) - ways[2] + 3) + cuts


@njit(cache=True, nogil=True)
def hash_ngrams(text, offsets, ways, tables):  # type: ignore[no-untyped-def]
    """Hash every n-gram of every row, in reading order, shortest first.

    Args:
        text: uint8, the rows' UTF-8 one after the other.
        offsets: (rows + 1,) int64.
        ways: (analyzer, tokens, min_n, max_n, final_sigma, unspaced_max_n, affixes), int64 each.
        tables: (pages, properties, mapping, sequences) of `CharacterTables`.

    Returns:
        (hashes uint64, ends (rows + 1,) int64): row r's are hashes[ends[r]:ends[r + 1]].
    """
    rows = offsets.size - 1
    ends = np.zeros(rows + 1, dtype=np.int64)
    work = _workspace(_longest(offsets))
    _, units, segments, buffer = work
    hashes = np.empty(max(64, text.size // 2), dtype=np.uint64)
    total = 0
    for row in range(rows):
        used, cuts = _cut_row(row, text, offsets, ways, tables, work)
        need = total + _most(used, cuts, ways)
        if need > hashes.size:
            grown = np.empty(2 * need, dtype=np.uint64)
            grown[:total] = hashes[:total]
            hashes = grown
        total = _hash_row(units, segments, cuts, buffer, ways, hashes, total)
        ends[row + 1] = total
    return hashes[:total], ends


@njit(nogil=True)
def _spans(units, segments, cuts, buffer, ways, spans):  # type: ignore[no-untyped-def]
    """Write where each n-gram is to `spans`, in the order of `_hash_row`.

    (first byte, byte after the last, 0 or for a prefix 1 or for a suffix 2).
    """
    total, first = 0, 0
    for cut in range(cuts):
        stop = segments[cut]
        least, short = _least(ways, stop - first)
        for i in range(first, first + 1 if short else stop):
            start, end = np.int64(units[i, 1]), np.int64(units[i, 2])
            for k in range(least - 1, _length(units, i, stop, ways)):
                spans[total, 0], spans[total, 1], spans[total, 2] = start, units[i + k, 2], 0
                total += 1
            prefix, suffix = _affixes(units, i, buffer, ways)
            if prefix >= 0:
                spans[total, 0], spans[total, 1], spans[total, 2] = start, prefix, 1
                total += 1
            if suffix >= 0:
                spans[total, 0], spans[total, 1], spans[total, 2] = suffix, end, 2
                total += 1
        first = stop


@njit(cache=True, nogil=True)
def ngram_texts(rows, places, text, offsets, ways, tables):  # type: ignore[no-untyped-def]
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
    work = _workspace(_longest(offsets))
    _, units, segments, buffer = work
    spans = np.empty((0, 3), dtype=np.int64)
    for i in range(rows.size):
        if i == 0 or rows[i] != rows[i - 1]:
            used, cuts = _cut_row(rows[i], text, offsets, ways, tables, work)
            need = _most(used, cuts, ways)
            if need > spans.shape[0]:
                spans = np.empty((2 * need, 3), dtype=np.int64)
            _spans(units, segments, cuts, buffer, ways, spans)
        a, b, affix = spans[places[i]]
        at = ends[i]
        if at + b - a + 1 > out.size:
            grown = np.empty(2 * (out.size + b - a + 1), dtype=np.uint8)
            grown[:at] = out[:at]
            out = grown
        if affix == 2:
            out[at] = _STAR
            at += 1
        out[at : at + b - a] = buffer[a:b]
        at += b - a
        if affix == 1:
            out[at] = _STAR
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
        value = _mix(np.uint64(seed) * _COMBINE + np.uint64(end - start))
        for i in range(start, min(end, start + 512)):
            value = (value ^ np.uint64(text[i])) * _PRIME
        out[row] = _mix(value)
    return out
