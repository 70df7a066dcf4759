"""How values are shown."""

import unicodedata

import pytest

from textclf.report.display import change, figure, flat, level, shades, short, size, visible


def test_no_character_that_hides_or_turns_others_is_left():
    everything = "".join(map(chr, range(0x110000)))
    left = {c for c in visible(everything) if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    assert left == {"\n", "\t", "\u200c", "\u200d"}


@pytest.mark.parametrize(
    "text", ["Straße 7", "日本語", "नमस्ते", "👩\u200d🚀", "می\u200cخواهم", "a b"]
)
def test_writing_is_left_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.12345, "0.1235"), (1234567, "1,234,567"), (None, "–"), (True, "yes"), ("x", "x"), (0, "0")],
)
def test_numbers_are_shown_as_people_read_them(value, shown):
    assert figure(value) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [(0.5, 0.25, "-0.2500"), (3, 1003, "+1,000"), (None, 1, ""), ("a", "b", ""), (True, 2, "")],
)
def test_a_change_has_a_sign(before, after, shown):
    assert change(before, after) == shown


def test_a_long_text_is_cut():
    assert short("x" * 100, 10) == "x" * 9 + "…"
    assert short("x" * 10, 10) == "x" * 10


def test_every_share_above_none_is_seen():
    assert [level(share) for share in (0, 1e-9, 0.5, 1, 7)] == [0, 1, 4, 8, 8]


def test_pieces_joined_are_the_text_and_the_strongest_are_marked():
    pieces = [("Say ", 0.0), ("goal", 2.0), (" ", 0.0), ("soup", -1.0), (" the", 0.01)]
    found = shades(pieces)
    assert "".join(text for text, _ in found) == "Say goal soup the"
    styles = dict(found)
    assert styles["goal"].startswith("for b")
    assert styles["soup"].startswith("against a")
    assert int(styles["goal"][-1]) > int(styles["soup"][-1])
    assert styles[" the"] == ""


def test_a_text_that_no_word_of_is_known_has_no_marks():
    assert shades([("some text", 0.0)]) == [("some text", "")]
    assert shades([]) == []


def test_nested_tables_become_one_level():
    assert flat({"a": {"b": {"c": 1}}, "d": [2]}) == {"a.b.c": 1, "d": [2]}


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1 kB"), (1536, "1.54 kB"), (999_936_000, "1 GB")],
)
def test_bytes_are_written_in_three_digits(count, shown):
    assert size(count) == shown
