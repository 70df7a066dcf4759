"""Character properties and mappings as two-stage tables, one copy for kernels and Python.

The tables are written once (`python -m textclf.ngrams.unicode`) and shipped, so that a model
reads text alike under every version of Python.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLES = Path(__file__).with_name("unicode.npz")

# Properties of a character, as bits.
WORD = 1  # `\w` of Python's regular expressions
MARK = 2  # a mark or joiner, which continues a word in the scripts that need it
SPACE = 4  # `\s`
ALONE = 8  # of a script written without spaces between words: a token of its own
CASED = 16
IGNORABLE = 32  # invisible to the rule of the final sigma

SIGMA, SMALL_SIGMA, FINAL_SIGMA = 0x3A3, 0x3C3, 0x3C2
SEQUENCE = 0x110000  # a mapping at or above this is an index into `sequences`

_ALONE_NAMES = (
    "CJK UNIFIED",
    "CJK COMPATIBILITY IDEOGRAPH",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "THAI ",
    "LAO ",
    "KHMER ",
    "MYANMAR ",
    "TIBETAN ",
    "YI SYLLABLE",
)
_JOINERS = (0x200C, 0x200D)


@dataclass(frozen=True)
class CharacterTables:
    """What a tokenizer asks about a code point.

    Attributes:
        pages: (4352,) uint16, the page of each run of 256 code points; ASCII's is page 0.
        properties: (pages, 256) uint8, bits.
        mapping: (pages, 256) int32, the code point that a character becomes, -1 for itself, or
            `SEQUENCE` + i.
        sequences: int32, at i a length and then as many code points.
        final_sigma: Whether capital sigma is lower-cased by its place in the word.
    """

    pages: NDArray[np.uint16]
    properties: NDArray[np.uint8]
    mapping: NDArray[np.int32]
    sequences: NDArray[np.int32]
    final_sigma: bool

    def property_of(self, code: int) -> int:
        """Return the property bits of a code point."""
        return int(self.properties[self.pages[code >> 8], code & 255])

    def mapped(self, code: int) -> list[int]:
        """Return the code points that a code point becomes."""
        target = int(self.mapping[self.pages[code >> 8], code & 255])
        if target < SEQUENCE:
            return [code if target < 0 else target]
        start = target - SEQUENCE
        return [int(c) for c in self.sequences[start + 1 : start + 1 + self.sequences[start]]]


@cache
def load_tables(lowercase: bool, strip_accents: bool) -> CharacterTables:
    """Load the tables for one way of normalizing text.

    Args:
        lowercase: Map as `str.lower` does.
        strip_accents: Then decompose (NFKD) and drop combining characters, as scikit-learn's
            `strip_accents_unicode` does.
    """
    name = f"{'lower' if lowercase else 'keep'}_{'strip' if strip_accents else 'accents'}"
    with np.load(TABLES, allow_pickle=False) as stored:
        return CharacterTables(
            stored["pages"],
            stored["properties"],
            stored[name],
            stored["sequences"],
            final_sigma=lowercase,
        )


def _properties(code: int) -> int:
    char = chr(code)
    bits = 0
    if re.match(r"\w", char):
        bits |= WORD
    if unicodedata.category(char).startswith("M") or code in _JOINERS:
        bits |= MARK
    if re.match(r"\s", char):
        bits |= SPACE
    letter = unicodedata.category(char)[0] in "LM"
    if letter and unicodedata.name(char, "").startswith(_ALONE_NAMES):
        bits |= ALONE
    # Python does not tell these two properties; its final-sigma rule gives them away.
    if ("AΣ" + char).lower()[1] == chr(SMALL_SIGMA):
        bits |= CASED
    elif ("AΣ" + char + "A").lower()[1] == chr(SMALL_SIGMA):
        bits |= IGNORABLE
    return bits


def _strip(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def write_tables(path: Path = TABLES) -> None:
    """Write the tables from the running Python's Unicode database."""
    codes = range(sys.maxunicode + 1)
    surrogate = range(0xD800, 0xE000)
    ways: dict[str, Callable[[str], str]] = {
        "keep_accents": lambda c: c,
        "keep_strip": _strip,
        "lower_accents": str.lower,
        "lower_strip": lambda c: _strip(c.lower()),
    }
    pool: dict[str, int] = {}
    sequences: list[int] = []
    columns: dict[str, NDArray[np.int64]] = {
        "properties": np.array([0 if c in surrogate else _properties(c) for c in codes])
    }
    for name, way in ways.items():
        targets = []
        for code in codes:
            text = chr(code) if code in surrogate else way(chr(code))
            if len(text) != 1:
                if text not in pool:
                    pool[text] = len(sequences)
                    sequences += [len(text), *map(ord, text)]
                targets.append(SEQUENCE + pool[text])
            else:
                targets.append(ord(text))
        columns[name] = np.array(targets)
    offset = np.arange(len(codes))
    # Identity is stored as -1, so that equal pages can be shared.
    stacked = np.stack(
        [
            columns[n] if n == "properties" else np.where(columns[n] == offset, -1, columns[n])
            for n in columns
        ],
        axis=1,
    ).reshape(-1, 256, len(columns))
    _, first, pages = np.unique(stacked, axis=0, return_index=True, return_inverse=True)
    # Pages in the order of their first use: the kernels know ASCII's as page 0.
    order = np.argsort(first)
    unique, pages = stacked[first[order]], np.argsort(order)[pages.ravel()]
    arrays = {
        "pages": pages.astype(np.uint16),
        "properties": unique[:, :, 0].astype(np.uint8),
        "sequences": np.array(sequences, dtype=np.int32),
    }
    for i, name in enumerate(columns):
        if name != "properties":
            arrays[name] = unique[:, :, i].astype(np.int32)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    write_tables()
