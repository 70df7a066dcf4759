"""The kernels' tokenizer in plain Python: for a few texts, before numba is worth its import."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from textclf.corpus.layout import COLUMN_BREAK
from textclf.ngrams.hashing import (
    ALL_BITS,
    COMBINE,
    END,
    GAP,
    PREFIX,
    START,
    SUBWORD_BIT,
    SUFFIX,
    hash_word,
    mix,
)
from textclf.ngrams.unicode import (
    ALONE,
    CASED,
    FINAL_SIGMA,
    IGNORABLE,
    MARK,
    SIGMA,
    SMALL_SIGMA,
    SPACE,
    WORD,
    CharacterTables,
    load_tables,
)
from textclf.settings import NgramSettings

_COLUMN = re.compile(f"[^{COLUMN_BREAK}]+")
_ASCII_TOKENS = {
    "words+punctuation": re.compile(r"\w+|[^\w\s]", re.ASCII),
    "words": re.compile(r"\w\w+", re.ASCII),
}
# ASCII's separators 0x1c-0x1f are white space to str, not to re.ASCII.
_ASCII_SEPARATORS = dict.fromkeys(range(28, 32), " ")


def _lower_sigma(text: str, place: int, tables: CharacterTables) -> int:
    def first_visible(part: Iterator[str]) -> int:
        bits = (tables.property_of(ord(c)) for c in part)
        return next((b for b in bits if not b & IGNORABLE), 0)

    before = first_visible(reversed(text[:place]))
    after = (tables.property_of(ord(c)) for c in text[place + 1 :])
    ahead = next((b for b in after if b & CASED or not b & IGNORABLE), 0)
    return FINAL_SIGMA if before & CASED and not ahead & CASED else SMALL_SIGMA


class Unit(NamedTuple):
    """A word or character as n-grams have it.

    Attributes:
        text: What it is.
        start: Where that of which it was made is in the text.
        end: Where that ends; at `start` for what has no place there.
        written: What is there, if the word counts as that too; else nothing.
    """

    text: str
    start: int = 0
    end: int = 0
    written: str = ""


def _normalize(text: str, settings: NgramSettings) -> tuple[str, Sequence[int]]:
    """Lower-case the text and strip its accents, as the settings say.

    Returns:
        The new text, and for each of its characters where the one that it was made of ends.
    """
    if text.isascii():
        return text.lower() if settings.lowercase else text, range(1, len(text) + 1)
    tables = load_tables(settings.lowercase, settings.strip_accents)
    codes: list[int] = []
    ends: list[int] = []
    for place, char in enumerate(text):
        if char == chr(SIGMA) and tables.final_sigma:
            codes.append(_lower_sigma(text, place, tables))
        else:
            codes += tables.mapped(ord(char))
        ends += [place + 1] * (len(codes) - len(ends))
    return "".join(map(chr, codes)), ends


def _units(
    text: str, offset: int, settings: NgramSettings, cut: Callable[[str], Iterable[tuple[int, int]]]
) -> list[Unit]:
    """Cut text[offset:] of a longer one into units, where `cut` says once it is normalized."""
    changed, ends = _normalize(text, settings)
    units: list[Unit] = []
    for first, stop in cut(changed):
        start, end = ends[first - 1] if first else 0, ends[stop - 1]
        units.append(Unit(changed[first:stop], offset + start, offset + end))
    return units


def _words(text: str, offset: int, settings: NgramSettings) -> list[Unit]:
    """Return the words (and punctuation) of a column of text that begins at `offset`."""
    units = _units(text, offset, settings, lambda changed: _spans_of_words(changed, settings))
    if not settings.as_written:
        return units
    written = (text[unit.start - offset : unit.end - offset] for unit in units)
    return [
        unit._replace(written=as_is) if as_is != unit.text else unit
        for unit, as_is in zip(units, written, strict=True)
    ]


def _spans_of_words(text: str, settings: NgramSettings) -> Iterator[tuple[int, int]]:
    """Yield where each word of a normalized text begins and ends."""
    if text.isascii():
        for found in _ASCII_TOKENS[settings.tokens].finditer(text.translate(_ASCII_SEPARATORS)):
            yield found.span()
        return
    tables = load_tables(settings.lowercase, settings.strip_accents)
    guide = settings.tokens == "words"
    start = 0
    for place, char in enumerate(text + " "):
        bits = tables.property_of(ord(char))
        if bits & WORD if guide else bits & (WORD | MARK) and not bits & ALONE:
            continue
        if place > start + guide:
            yield start, place
        start = place + 1
        if not guide and not bits & SPACE:
            yield place, start


def segments(text: str, settings: NgramSettings) -> list[list[Unit]]:
    """Return runs of units (words or characters) that n-grams do not cross."""
    if settings.analyzer == "word" and settings.boundaries:
        columns = (_words(c[0], c.start(), settings) for c in _COLUMN.finditer(text))
        return [[Unit(START), *words, Unit(END)] for words in columns if words]
    if settings.analyzer == "word":
        return [_words(text, 0, settings)]
    tables = load_tables(settings.lowercase, settings.strip_accents)
    chars = _units(text, 0, settings, lambda changed: ((i, i + 1) for i in range(len(changed))))
    joined: list[Unit] = []
    words: list[list[Unit]] = []
    for space, run in itertools.groupby(chars, lambda c: tables.property_of(ord(c.text)) & SPACE):
        found = list(run)
        if not space:
            words.append([Unit(" "), *found, Unit(" ")])
        elif len(found) > 1:
            found = [Unit(" ", found[0].start, found[-1].end)]
        joined += found
    return words if settings.analyzer == "char_wb" else [joined]


def grams(units: Sequence[Unit], settings: NgramSettings) -> Iterator[tuple[str, int, int, int]]:
    """Yield the n-grams of a run of units, in reading order, shortest first.

    Args:
        units: A run of `segments`.
        settings: How text becomes features.

    Yields:
        (text, 64-bit hash, its first unit, the unit after its last).
    """
    words = settings.analyzer == "word"
    subwords = settings.subwords if words else 0
    others = ALL_BITS ^ SUBWORD_BIT if subwords > 0 else ALL_BITS
    joint = " " if words else ""
    texts = [unit.text for unit in units]
    hashes = [hash_word(text) for text in texts]
    short = settings.analyzer == "char_wb" and len(units) < settings.min_n
    least = len(units) if short else settings.min_n
    for i in range(1 if short else len(units)):
        value = 0
        longest = min(settings.max_n, len(units) - i)
        if words:
            run = itertools.takewhile(_stands_alone, texts[i : i + settings.unspaced_max_n])
            longest = max(longest, sum(1 for _ in run) if settings.tokens != "words" else 0)
        for k in range(longest):
            value = _joined(value, hashes[i + k]) if k else hashes[i]
            if k + 1 >= least and not (words and k == 0 and texts[i] in (START, END)):
                yield joint.join(texts[i : i + k + 1]), value & others, i, i + k + 1
        if words and settings.gaps and _after_gap(units, i):
            for text, first, stop in _around_gap(units, i):
                value = functools.reduce(_joined, map(hash_word, text.split(" ")))
                yield text, value & others, first, stop
        word = texts[i]
        if subwords > 0:
            for subword in _subwords(word, subwords) if word not in (START, END) else ():
                yield subword, hash_word(subword) | SUBWORD_BIT, i, i + 1
        elif words and settings.affixes:
            if len(word) > PREFIX:
                yield f"{word[:PREFIX]}*", hash_word(f"{word[:PREFIX]}*"), i, i + 1
            if len(word) > SUFFIX + 1:
                yield f"*{word[-SUFFIX:]}", hash_word(f"*{word[-SUFFIX:]}"), i, i + 1
        if units[i].written:
            yield units[i].written, hash_word(units[i].written) & others, i, i + 1


def _joined(value: int, more: int) -> int:
    """Return the hash of an n-gram with one word more."""
    return mix((value * COMBINE + more) & ALL_BITS)


def _after_gap(units: Sequence[Unit], i: int) -> bool:
    """Return whether a unit and the one before it stand alone, and there is a space between."""
    if not 0 < i < len(units) or units[i].start <= units[i - 1].end:
        return False
    return _stands_alone(units[i - 1].text) and _stands_alone(units[i].text)


def _around_gap(units: Sequence[Unit], i: int) -> Iterator[tuple[str, int, int]]:
    """Yield the n-grams of what stands for the space before unit i, their first unit and the end.

    They have one or two characters before it, or after it.
    """
    own = units[i].text
    yield f"{GAP} {own}", i, i + 1
    if i + 1 < len(units) and _stands_alone(units[i + 1].text) and not _after_gap(units, i + 1):
        yield f"{GAP} {own} {units[i + 1].text}", i, i + 2
    last = units[i - 1].text
    yield f"{last} {GAP}", i - 1, i
    if i > 1 and _stands_alone(units[i - 2].text) and not _after_gap(units, i - 1):
        yield f"{units[i - 2].text} {last} {GAP}", i - 2, i


def _subwords(word: str, longest: int) -> Iterator[str]:
    """Yield the parts of a word; `*` stands for the rest, or anywhere for nothing."""
    for first in range(len(word) if len(word) > 1 else 0):
        for end in range(first + 1, min(first + longest, len(word)) + 1):
            part = word[first:end]
            yield f"*{part}*"
            if first == 0 and end < len(word):
                yield f"{part}*"
            elif end == len(word) and first > 0:
                yield f"*{part}"


def _stands_alone(unit: str) -> bool:
    if len(unit) != 1:
        return False
    tables = load_tables(lowercase=False, strip_accents=False)
    return bool(tables.property_of(ord(unit)) & ALONE)


def ngrams(text: str, settings: NgramSettings) -> Iterator[tuple[str, int]]:
    """Yield each n-gram of a text and its 64-bit hash, in the kernels' order."""
    for units in segments(text, settings):
        for ngram, value, _, _ in grams(units, settings):
            yield ngram, value
