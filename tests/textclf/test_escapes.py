"""What must not be written as it is."""

import json

import pytest

from textclf.escapes import TSV_ESCAPES, encodable, json_line, printable

HIDDEN = {
    "escape": "\x1b[31m",
    "bell": "\x07",
    "carriage return": "a\rb",
    "line feed": "a\nb",
    "delete": "\x7f",
    "C1 control": "\x9b2J",
    "override": "\u202eabc",
    "line separator": "\u2028",
    "lone surrogate": "caf\udce9",
}
PLAIN = ["Straße 7", "日本語", "👩\u200d🚀", "می\u200cخواهم", "a\u00a0b", "C:\\temp"]


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_people_see_what_hides(text):
    assert printable(f"<{text}>").isprintable()


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("write", [printable, encodable])
def test_other_text_stays_as_it_is(write, text):
    assert write(text) == text


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_json_loses_nothing(text):
    line = json_line({text: [text]})
    assert line.isprintable()
    assert json.loads(line) == {text: [text]}


@pytest.mark.parametrize("text", ["\x1b\t\n\x07\x9b\\", "\\x1b", "a\\tb"])
def test_tsv_loses_nothing(text):
    written = text.translate(TSV_ESCAPES)
    assert written.isprintable()
    assert written.encode("latin-1").decode("unicode_escape") == text
