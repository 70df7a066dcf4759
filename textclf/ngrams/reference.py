"""The kernels' tokenizer in plain Python: for a few texts, before numba is worth its import."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from textclf.corpus.layout import COLUMN_BREAK
from textclf.ngrams.hashing import (
    COMBINE,
    END,
    FNV_OFFSET,
    FNV_PRIME,
    MIX_1,
    MIX_2,
    PREFIX,
    START,
    SUFFIX,
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

_MASK = (1 << 64) - 1
_ASCII_TOKENS = {
    "words+punctuation": re.compile(r"\w+|[^\w\s]", re.ASCII),
    "words": re.compile(r"\w\w+", re.ASCII),
}
# ASCII's separators 0x1c-0x1f are white space to str, not to re.ASCII.
_ASCII_SEPARATORS = dict.fromkeys(range(28, 32), " ")


def _mix(value: int) -> int:
    value ^= value >> 33
    value = value * MIX_1 & _MASK
    value ^= value >> 33
    value = value * MIX_2 & _MASK
    value ^= value >> 33
    return value or 1


def _hash_unit(unit: str) -> int:
    value = FNV_OFFSET
    for byte in unit.encode():
        value = (value ^ byte) * FNV_PRIME & _MASK
    return _mix(value)


def _lower_sigma(text: str, place: int, tables: CharacterTables) -> int:
    def first_visible(part: Iterator[str]) -> int:
        bits = (tables.property_of(ord(c)) for c in part)
        return next((b for b in bits if not b & IGNORABLE), 0)

    before = first_visible(reversed(text[:place]))
    after = (tables.property_of(ord(c)) for c in text[place + 1 :])
    ahead = next((b for b in after if b & CASED or not b & IGNORABLE), 0)
    return FINAL_SIGMA if before & CASED and not ahead & CASED else SMALL_SIGMA


def normalize(text: str, settings: NgramSettings) -> str:
    """Lower-case the text and strip its accents, as the settings say."""
    if text.isascii():
        return text.lower() if settings.lowercase else text
    tables = load_tables(settings.lowercase, settings.strip_accents)
    codes: list[int] = []
    for place, char in enumerate(text):
        if char == chr(SIGMA) and tables.final_sigma:
            codes.append(_lower_sigma(text, place, tables))
        else:
            codes += tables.mapped(ord(char))
    return "".join(map(chr, codes))


def split_words(text: str, settings: NgramSettings) -> list[str]:
    """Return the words (and punctuation) of a normalized text."""
    if text.isascii():
        return _ASCII_TOKENS[settings.tokens].findall(text.translate(_ASCII_SEPARATORS))
    tables = load_tables(settings.lowercase, settings.strip_accents)
    guide = settings.tokens == "words"
    words: list[str] = []
    word = ""
    for char in text:
        bits = tables.property_of(ord(char))
        if bits & WORD if guide else bits & (WORD | MARK) and not bits & ALONE:
            word += char
            continue
        words.append(word)
        word = ""
        if not guide and not bits & SPACE:
            words.append(char)
    words.append(word)
    return [w for w in words if len(w) > guide]


def _segments(text: str, settings: NgramSettings) -> list[list[str]]:
    """Return runs of units (words or characters) that n-grams do not cross."""
    if settings.analyzer == "word" and settings.boundaries:
        columns = (split_words(column, settings) for column in text.split(COLUMN_BREAK))
        return [[START, *words, END] for words in columns if words]
    if settings.analyzer == "word":
        return [split_words(text, settings)]
    tables = load_tables(settings.lowercase, settings.strip_accents)
    words: list[str] = [""]
    spaces: list[str] = []
    for char in text:
        space = bool(tables.property_of(ord(char)) & SPACE)
        if space and (not spaces or words[-1]):
            spaces.append(char)
            words.append("")
        elif space:
            spaces[-1] = " "
        else:
            words[-1] += char
    if settings.analyzer == "char_wb":
        return [[" ", *word, " "] for word in words if word]
    joined = words[0] + "".join(s + w for s, w in zip(spaces, words[1:], strict=True))
    return [list(joined)]


def grams(units: Sequence[str], settings: NgramSettings) -> Iterator[tuple[str, int, int, int]]:
    """Yield the n-grams of a run of units, in reading order, shortest first.

    Args:
        units: Words, or characters.
        settings: How text becomes features.

    Yields:
        (text, 64-bit hash, its first unit, the unit after its last).
    """
    words = settings.analyzer == "word"
    joint = " " if words else ""
    hashes = [_hash_unit(unit) for unit in units]
    short = settings.analyzer == "char_wb" and len(units) < settings.min_n
    least = len(units) if short else settings.min_n
    for i in range(1 if short else len(units)):
        value = 0
        longest = min(settings.max_n, len(units) - i)
        if words:
            run = itertools.takewhile(_stands_alone, units[i : i + settings.unspaced_max_n])
            longest = max(longest, sum(1 for _ in run) if settings.tokens != "words" else 0)
        for k in range(longest):
            value = _mix((value * COMBINE + hashes[i + k]) & _MASK) if k else hashes[i]
            if k + 1 >= least and not (words and k == 0 and units[i] in (START, END)):
                yield joint.join(units[i : i + k + 1]), value, i, i + k + 1
        if words and settings.affixes:
            word = units[i]
            if len(word) > PREFIX:
                yield f"{word[:PREFIX]}*", _hash_unit(f"{word[:PREFIX]}*"), i, i + 1
            if len(word) > SUFFIX + 1:
                yield f"*{word[-SUFFIX:]}", _hash_unit(f"*{word[-SUFFIX:]}"), i, i + 1


def _stands_alone(unit: str) -> bool:
    tables = load_tables(lowercase=False, strip_accents=False)
    return len(unit) == 1 and bool(tables.property_of(ord(unit)) & ALONE)


def ngrams(text: str, settings: NgramSettings) -> Iterator[tuple[str, int]]:
    """Yield each n-gram of a text and its 64-bit hash, in the kernels' order."""
    for units in _segments(normalize(text, settings), settings):
        for ngram, value, _, _ in grams(units, settings):
            yield ngram, value
