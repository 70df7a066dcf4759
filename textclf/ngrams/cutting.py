"""Compiled kernels that cut normalized text into words or characters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.corpus.layout import COLUMN_BREAK
from textclf.ngrams.hashing import END, FNV_OFFSET, FNV_PRIME, MIX_1, MIX_2, PREFIX, START
from textclf.ngrams.normalizing import encode, normalize
from textclf.ngrams.unicode import ALONE, MARK, SPACE, WORD, CharacterTables

_PRIME, _OFFSET = np.uint64(FNV_PRIME), np.uint64(FNV_OFFSET)
_MIX_1, _MIX_2 = np.uint64(MIX_1), np.uint64(MIX_2)
_SHIFT = np.uint64(33)
_ZERO, _ONE = np.uint64(0), np.uint64(1)

# Analyzers and ways to cut words, as the kernels number them.
ANALYZERS = {"word": 0, "char": 1, "char_wb": 2}
TOKENS = {"words+punctuation": 0, "words": 1}

# Kinds of units that are treated in a way of their own. One that stands alone, as characters of a
# script without spaces do, may be told to come after a space (a bit).
ALONE_UNIT, ASCII_UNIT, BOUNDARY_UNIT = np.uint64(1), np.uint64(2), np.uint64(4)
AFTER_GAP = np.uint64(8)
_START = np.frombuffer(START.encode(), dtype=np.uint8)
_END = np.frombuffer(END.encode(), dtype=np.uint8)
# Counts begin with it: numba would compile a kernel twice for one that begins with a literal 0.
_NONE = np.int64(0)
_BREAK, _BLANK = np.uint8(ord(COLUMN_BREAK)), np.int32(ord(" "))

# What a byte of ASCII becomes, in one number: nothing, or its code with one of two bits.
_NOTHING, _CODE = np.uint16(0), np.uint16(0x7F)
_INSIDE, _ALONE = np.uint16(0x80), np.uint16(0x100)


class Ways(NamedTuple):
    """How kernels cut text into units, and which n-grams they make of them; see `NgramSettings`.

    Attributes:
        analyzer: By `ANALYZERS`.
        tokens: By `TOKENS`.
        min_n: Units of the shortest n-gram.
        max_n: Units of the longest one.
        final_sigma: Whether a sigma that ends a word is lower-cased to one of its own.
        unspaced_max_n: Units of the longest one in scripts without spaces.
        affixes: Whether beginnings and ends of words count.
        boundaries: Whether beginnings and ends of texts do.
        as_written: Whether words that normalizing changes count as they stand, too.
        subwords: Characters of the longest part of a word that counts; 0: none.
        gaps: Whether spaces count in scripts without.
    """

    analyzer: int
    tokens: int
    min_n: int
    max_n: int
    final_sigma: int
    unspaced_max_n: int
    affixes: int
    boundaries: int
    as_written: int
    subwords: int
    gaps: int


@njit(nogil=True)
def mix(value):  # type: ignore[no-untyped-def]
    value ^= value >> _SHIFT
    value *= _MIX_1
    value ^= value >> _SHIFT
    value *= _MIX_2
    value ^= value >> _SHIFT
    return value if value != _ZERO else _ONE


@njit(nogil=True)
def _put_boundary(name, units, used, buffer, at):  # type: ignore[no-untyped-def]
    """Put a unit that is no word; return (units, first byte after it) in number."""
    start, value = at, _OFFSET
    for byte in name:
        buffer[at] = byte
        at += 1
        value = (value ^ np.uint64(byte)) * _PRIME
    units[used, 0] = mix(value)
    units[used, 1] = start
    units[used, 2] = at
    units[used, 3] = BOUNDARY_UNIT
    units[used, 5] = _ZERO
    buffer[at] = 32
    return used + 1, at + 1


@njit(nogil=True)
def _word_units(text, origin, codes, ends, n, ways, pages, properties, units, used, buffer, at):  # type: ignore[no-untyped-def]
    """Cut code points, made of text[origin:], into words; write their bytes into `buffer`.

    Return (units, first byte after them) in number: those there were, `used` and `at`, and more.
    Row u of `units` (uint64) is (hash, first byte, byte after the last, kind) of word u, and from 5
    on (hash as it is written or 0, first byte in the text, byte after the last) of what it was made
    of; of kind `ALONE_UNIT` is a character of a script without spaces.
    """
    i, begun, spaced = 0, used, False
    guide = ways.tokens == 1
    inside = np.uint8(WORD) if guide else np.uint8(WORD | MARK)
    while i < n:
        code = codes[i]
        bits = properties[pages[code >> 8], code & 255]
        i += 1
        if bits & SPACE or (guide and not bits & WORD):
            spaced = True
            continue
        start, first = at, i
        alone = not guide and bits & ALONE
        at = encode(code, buffer, at)
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
                    at = encode(code, buffer, at)
                    while byte < at:
                        value = (value ^ np.uint64(buffer[byte])) * _PRIME
                        byte += 1
                i += 1
        if guide and i == first:
            at = start
            continue
        units[used, 0] = mix(value)
        units[used, 1] = start
        units[used, 2] = at
        units[used, 3] = ALONE_UNIT if alone else _ZERO
        if alone and spaced and used > begun and units[used - 1, 3] & ALONE_UNIT:
            units[used, 3] = ALONE_UNIT | AFTER_GAP
        spaced = False
        units[used, 5] = _ZERO
        if ways.as_written:
            start = ends[first - 2] if first > 1 else origin
            _note_written(text, start, ends[i - 1], value, units, used)
        used += 1
        buffer[at] = 32
        at += 1
    return used, at


@njit(nogil=True)
def _note_written(text, start, end, normalized, units, u):  # type: ignore[no-untyped-def]
    """Note the hash of text[start:end] in unit u, unless it is `normalized`, that of the word."""
    value = _OFFSET
    for byte in range(start, end):
        value = (value ^ np.uint64(text[byte])) * _PRIME
    # Of several words made of one character, the first is written as that is.
    if value != normalized and start < end:
        units[u, 5], units[u, 6], units[u, 7] = mix(value), start, end


@njit(nogil=True)
def _put_char(code, units, used, buffer):  # type: ignore[no-untyped-def]
    at = np.int64(units[used - 1, 2]) if used else 0
    after = encode(code, buffer, at)
    value = _OFFSET
    for byte in range(at, after):
        value = (value ^ np.uint64(buffer[byte])) * _PRIME
    units[used, 0] = mix(value)
    units[used, 1] = at
    units[used, 2] = after
    units[used, 3] = _ZERO
    units[used, 5] = _ZERO
    return used + 1


@njit(nogil=True)
def _char_units(codes, n, padded, pages, properties, units, segments, buffer):  # type: ignore[no-untyped-def]
    """Cut code points into characters; return (units, segments) in number.

    Not padded: one segment, in which a run of two and more white-space characters is one space.
    Padded: a segment a word, with a space on either side.
    """
    used, cut, i = _NONE, _NONE, 0
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
            used = _put_char(_BLANK if i > run else code, units, used, buffer)
            continue
        if padded:
            used = _put_char(_BLANK, units, used, buffer)
        used = _put_char(code, units, used, buffer)
        if padded:
            while i < n and not properties[pages[codes[i] >> 8], codes[i] & 255] & SPACE:
                used = _put_char(codes[i], units, used, buffer)
                i += 1
            used = _put_char(_BLANK, units, used, buffer)
            segments[cut] = used
            cut += 1
    if not padded:
        segments[0] = used
        cut += 1
    return used, cut


@njit(nogil=True)
def _is_ascii(text, i, end):  # type: ignore[no-untyped-def]
    seen = np.uint8(0)
    for k in range(i, end):
        seen |= text[k]
    return seen < 0x80


@njit(nogil=True, forceinline=True)
def _ascii_units(text, i, end, ways, folds, units, used, buffer, at):  # type: ignore[no-untyped-def]
    """Do as `normalize` and `_word_units` do, for text[i:end] that is ASCII.

    units[u, 4] is the hash of the first letters that a longer word's prefix has, not yet mixed.
    """
    guide, as_written = ways.tokens == 1, ways.as_written != 0
    while i < end:
        fold = folds[text[i]]
        i += 1
        if fold == _NOTHING:
            continue
        start, first, prefix = at, i - 1, _ZERO
        buffer[at] = fold & _CODE
        value = (_OFFSET ^ np.uint64(fold & _CODE)) * _PRIME
        written = (_OFFSET ^ np.uint64(text[first])) * _PRIME
        at += 1
        if fold & _INSIDE:
            while i < end:
                fold = folds[text[i]]
                if not fold & _INSIDE:
                    break
                buffer[at] = fold & _CODE
                value = (value ^ np.uint64(fold & _CODE)) * _PRIME
                written = (written ^ np.uint64(text[i])) * _PRIME
                at += 1
                i += 1
                if at == start + PREFIX:
                    prefix = value
            # The white space after a word, so that the next one begins where it is looked for.
            i += np.int64(fold == _NOTHING)
            if guide and at == start + 1:
                at = start
                continue
        units[used, 0] = mix(value)
        units[used, 1] = start
        units[used, 2] = at
        units[used, 3] = ASCII_UNIT
        units[used, 4] = prefix
        units[used, 5] = mix(written) if as_written and written != value else _ZERO
        units[used, 6] = first
        units[used, 7] = first + at - start
        used += 1
        buffer[at] = 32
        at += 1
    return used, at


@njit(nogil=True, forceinline=True)
def _cut_words(text, i, end, ways, tables, work):  # type: ignore[no-untyped-def]
    """Cut text[i:end] into words; return (units, segments) in number.

    With boundaries, the text of each column is a segment between two of them.
    """
    pages, properties, mapping, sequences, folds = tables
    codes, ends, units, segments, buffer = work
    final_sigma, boundaries = ways.final_sigma, ways.boundaries
    used, at, cuts = _NONE, _NONE, _NONE
    while i < end:
        stop = end
        if boundaries:
            stop = i
            while stop < end and text[stop] != _BREAK:
                stop += 1
        first, begun = used, at
        if boundaries:
            used, at = _put_boundary(_START, units, used, buffer, at)
        before = used
        if _is_ascii(text, i, stop):
            used, at = _ascii_units(text, i, stop, ways, folds, units, used, buffer, at)
        else:
            n = normalize(
                text, i, stop, codes, ends,
                pages, properties, mapping, sequences, final_sigma != 0,
            )  # fmt: skip
            used, at = _word_units(
                text, i, codes, ends, n, ways, pages, properties, units, used, buffer, at
            )
        if used == before:
            used, at = first, begun
        else:
            if boundaries:
                used, at = _put_boundary(_END, units, used, buffer, at)
            segments[cuts] = used
            cuts += 1
        i = stop + 1
    return used, cuts


@njit(nogil=True, forceinline=True)
def cut_row(row, text, offsets, ways, tables, work):  # type: ignore[no-untyped-def]
    """Cut row `row` into units; return (units, segments) in number. `work` has room for it."""
    pages, properties, mapping, sequences, _ = tables
    codes, ends, units, segments, buffer = work
    analyzer, final_sigma = ways.analyzer, ways.final_sigma
    if analyzer == 0:
        return _cut_words(text, offsets[row], offsets[row + 1], ways, tables, work)
    n = normalize(
        text, offsets[row], offsets[row + 1], codes, ends,
        pages, properties, mapping, sequences, final_sigma != 0,
    )  # fmt: skip
    return _char_units(codes, n, analyzer == 2, pages, properties, units, segments, buffer)


def fold_ascii(ways: Ways, tables: CharacterTables) -> NDArray[np.uint16]:
    """Return (128,) what ASCII becomes, and whether inside of words or alone."""
    guide = ways.tokens == TOKENS["words"]
    mapping = tables.mapping[0, :128]
    codes = np.where(mapping < 0, np.arange(128), mapping)
    bits = tables.properties[0, codes]
    inside = (bits & (WORD if guide else WORD | MARK)) != 0
    alone = ~inside & ((bits & SPACE) == 0) & (not guide)
    kinds = np.where(inside, codes | _INSIDE, np.where(alone, codes | _ALONE, _NOTHING))
    return kinds.astype(np.uint16)


def workspace(offsets: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    """Allocate what `cut_row` needs for any of the rows: (codes, ends, units, segments, buffer).

    At most 18 code points come of three bytes (U+FDFA), and padding at most triples them;
    memory that stays untouched costs nothing.
    """
    codes = 6 * int(np.diff(offsets).max(initial=0)) + 16
    return (
        np.empty(codes, dtype=np.int32),
        np.empty(codes, dtype=np.int64),
        np.empty((3 * codes, 8), dtype=np.uint64),
        np.empty(codes, dtype=np.int64),
        np.empty(6 * codes, dtype=np.uint8),
    )
