"""Character tables against Python's own string methods."""

import re
import sys
import unicodedata

import pytest

from textclf.ngrams.unicode import ALONE, SPACE, WORD, load_tables

# The tables are of Unicode 14. Where Python's are of another version, only what both have is
# compared: characters that old.
KNOWN = unicodedata if unicodedata.unidata_version == "14.0.0" else unicodedata.ucd_3_2_0
ASSIGNED = [
    c
    for c in range(0, sys.maxunicode + 1, 7)
    if not 0xD800 <= c < 0xE000 and KNOWN.category(chr(c)) != "Cn"
]


def strip(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


@pytest.mark.parametrize(
    ("lowercase", "strip_accents", "way"),
    [
        (True, True, lambda c: strip(c.lower())),
        (True, False, str.lower),
        (False, True, strip),
        (False, False, str),
    ],
)
def test_mapping_is_that_of_str(lowercase, strip_accents, way):
    tables = load_tables(lowercase, strip_accents)
    for code in ASSIGNED:
        assert "".join(map(chr, tables.mapped(code))) == way(chr(code)), hex(code)


def test_words_and_white_space_are_those_of_re():
    tables = load_tables(True, False)
    for code in ASSIGNED:
        bits = tables.property_of(code)
        assert bool(bits & WORD) == bool(re.match(r"\w", chr(code))), hex(code)
        assert bool(bits & SPACE) == bool(re.match(r"\s", chr(code))), hex(code)


@pytest.mark.parametrize("char", "中あアｱกລខမ〆"[:8])
def test_scripts_without_spaces_stand_alone(char):
    assert load_tables(True, False).property_of(ord(char)) & ALONE


@pytest.mark.parametrize("char", "aéжא한क।、。")
def test_other_characters_do_not(char):
    assert not load_tables(True, False).property_of(ord(char)) & ALONE
