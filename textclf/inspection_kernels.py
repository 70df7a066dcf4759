"""Compiled kernels that look at texts without holding the GIL: words, hashes, signs of trouble."""

from __future__ import annotations

import numpy as np

from textclf.compiled import njit
from textclf.corpus.layout import COLUMN_BREAK
from textclf.ngrams.hashing import FNV_OFFSET, FNV_PRIME, MIX_1, MIX_2
from textclf.ngrams.unicode import ALONE, SPACE

_PRIME, _OFFSET = np.uint64(FNV_PRIME), np.uint64(FNV_OFFSET)
_MIX_1, _MIX_2, _SHIFT = np.uint64(MIX_1), np.uint64(MIX_2), np.uint64(33)
_BREAK = ord(COLUMN_BREAK)  # which is ours, and no trouble

# What is the matter with a text, as bits.
EMPTY = 1  # nothing but white space
REPLACED = 2  # holds U+FFFD
GARBLED = 4  # UTF-8 that was read as Latin-1 or Windows-1252, such as 'Ã©' for 'é'
CONTROL = 8  # holds a control character other than tab and ends of lines

# What the table of texts holds instead of the label of a text that has several.
SEVERAL = -2
EXAMPLES = 5


@njit(nogil=True)
def _garbled(text, i, end):  # type: ignore[no-untyped-def]
    """Return whether two characters of text read in a wrong encoding begin at byte i."""
    if i + 3 >= end:
        return False
    a, b, c, d = text[i], text[i + 1], text[i + 2], text[i + 3]
    if a != 0xC3:
        return False
    if c == 0xC2 and 0x80 <= d <= 0xBF:
        # 'Ã' before U+0080-00BF, 'Â' before U+00A0-00BF, 'Ð' and 'Ñ' (Cyrillic), 'ð' U+009F
        return (
            b == 0x83
            or (b == 0x82 and d >= 0xA0)
            or b == 0x90
            or b == 0x91
            or (b == 0xB0 and d == 0x9F)
        )
    if b == 0xA2 and c == 0xE2:  # 'â' before U+20AC: the euro sign
        return i + 4 < end and d == 0x82 and text[i + 4] == 0xAC
    return b == 0xB0 and c == 0xC5 and d == 0xB8  # 'ð' before 'Ÿ'


@njit(nogil=True)
def _control(text, i):  # type: ignore[no-untyped-def]
    byte = text[i]
    if byte < 0x20 or byte == 0x7F:
        return byte != 9 and byte != 10 and byte != 13 and byte != _BREAK
    return byte == 0xC2 and text[i + 1] < 0xA0 and text[i + 1] != 0x85


@njit(nogil=True)
def _trouble(text, i, end):  # type: ignore[no-untyped-def]
    """Return what is the matter with the character at byte i, which is not plain ASCII."""
    byte = text[i]
    if byte == 0xEF and text[i + 1] == 0xBF and text[i + 2] == 0xBD:
        return REPLACED
    if byte == 0xC3 and _garbled(text, i, end):
        return GARBLED
    return CONTROL if _control(text, i) else 0


@njit(nogil=True)
def _code(text, i):  # type: ignore[no-untyped-def]
    """Return the code point at byte i of valid UTF-8, not ASCII, and the index after it."""
    b = np.int64(text[i])
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


@njit(cache=True, nogil=True)
def survey_rows(text, offsets, pages, properties):  # type: ignore[no-untyped-def]
    """Look at every text once.

    A word is what stands between white space; a character of a script that is written without
    spaces is a word of its own.

    Args:
        text: uint8, the rows' UTF-8 one after the other.
        offsets: (rows + 1,) int64.
        pages: See `CharacterTables`.
        properties: See `CharacterTables`.

    Returns:
        (hashes of the whole texts uint64, words int64, trouble uint8), (rows,) each.
    """
    rows = offsets.size - 1
    hashes = np.empty(rows, dtype=np.uint64)
    words = np.empty(rows, dtype=np.int64)
    trouble = np.empty(rows, dtype=np.uint8)
    for row in range(rows):
        i, end = offsets[row], offsets[row + 1]
        value = _OFFSET
        for k in range(i, end):
            value = (value ^ np.uint64(text[k])) * _PRIME
        count, inside, flags = 0, False, 0
        while i < end:
            byte = text[i]
            if byte < 0x80:
                if 0x20 < byte < 0x7F:
                    count += not inside
                    inside = True
                else:
                    if _control(text, i):
                        flags |= CONTROL
                    space = properties[0, byte] & SPACE
                    count += not inside and not space
                    inside = not space
                i += 1
                continue
            flags |= _trouble(text, i, end)
            code, i = _code(text, i)
            bits = properties[pages[code >> 8], code & 255]
            if bits & SPACE:
                inside = False
            elif bits & ALONE:
                count += 1
                inside = False
            else:
                count += not inside
                inside = True
        value ^= value >> _SHIFT
        value *= _MIX_1
        value ^= value >> _SHIFT
        value *= _MIX_2
        hashes[row] = value ^ (value >> _SHIFT)
        words[row] = count
        trouble[row] = flags | EMPTY if count == 0 else flags
    return hashes, words, trouble


@njit(nogil=True)
def _find(keys, counts, key):  # type: ignore[no-untyped-def]
    """Return the slot of a key, or the free one where it belongs."""
    mask = np.uint64(keys.size - 1)
    slot = key & mask
    while counts[np.int64(slot)] and keys[np.int64(slot)] != key:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@njit(cache=True, nogil=True)
def add_texts(hashes, labels, places, start, room, table, examples):  # type: ignore[no-untyped-def]
    """Add texts to a table until there is no room for a new one.

    Args:
        hashes: (n,) uint64.
        labels: (n,) int32.
        places: (n,) int64: where each text stands.
        start: The first one to add.
        room: Most new texts.
        table: (keys uint64, counts int32, labels int32, first places int64), of a power of two
            slots; a slot whose count is 0 is free.
        examples: (2, EXAMPLES, 2) int64, -1 where free: the places of texts that occur twice, with
            the same label and with different ones.

    Returns:
        (texts looked at up to now, new texts added).
    """
    keys, counts, firsts, origins = table
    added = 0
    for i in range(start, hashes.size):
        slot = _find(keys, counts, hashes[i])
        if counts[slot] == 0:
            if added == room:
                return i, added
            keys[slot] = hashes[i]
            firsts[slot] = labels[i]
            origins[slot] = places[i]
            added += 1
        else:
            differs = firsts[slot] != labels[i]
            kind = 1 if differs else 0
            if firsts[slot] != SEVERAL:
                for e in range(EXAMPLES):
                    if examples[kind, e, 0] < 0:
                        examples[kind, e, 0] = origins[slot]
                        examples[kind, e, 1] = places[i]
                        break
            if differs:
                firsts[slot] = SEVERAL
        if counts[slot] < 0x7FFFFFFF:
            counts[slot] += 1
    return hashes.size, added


@njit(cache=True, nogil=True)
def put_texts(entries, table):  # type: ignore[no-untyped-def]
    """Put entries that differ from one another into an empty table; both as in `add_texts`."""
    keys, counts, firsts, origins = table
    for i in range(entries[0].size):
        slot = _find(keys, counts, entries[0][i])
        keys[slot] = entries[0][i]
        counts[slot] = entries[1][i]
        firsts[slot] = entries[2][i]
        origins[slot] = entries[3][i]


@njit(cache=True, nogil=True)
def find_texts(hashes, labels, table):  # type: ignore[no-untyped-def]
    """Return for each text where it stands first, or -1, and whether its label differs there."""
    keys, counts, firsts, origins = table
    places = np.full(hashes.size, -1, dtype=np.int64)
    differs = np.zeros(hashes.size, dtype=np.bool_)
    for i in range(hashes.size):
        slot = _find(keys, counts, hashes[i])
        if counts[slot]:
            places[i] = origins[slot]
            differs[i] = firsts[slot] != labels[i]
    return places, differs
