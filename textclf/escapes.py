r"""Characters of data and names of files that a terminal obeys, that hide or rearrange others, or
that cannot be encoded, written so that they are seen.

A lone surrogate stands for a byte of a file's name that is not UTF-8, or comes from JSON.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

_JOINERS = "\u200c\u200d"  # needed in Persian and in emoji

# For str.translate: a backslash is escaped too, so that a program can tell what was meant.
TSV_ESCAPES = str.maketrans(
    {chr(code): ascii(chr(code))[1:-1] for code in (*range(32), *range(127, 160))} | {"\\": "\\\\"}
)


def encodable(text: str) -> str:
    r"""Return the text with lone surrogates escaped, such as `\udce9`: UTF-8 has none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def is_plain(character: str) -> bool:
    """Return whether a character may be shown as it is: a space, a joiner, or one that is seen."""
    return (
        character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
    )


def printable(text: str) -> str:
    r"""Return the text as one line for people, other characters escaped: `\x1b`, `\n`, `\udce9`."""
    if text.isprintable():
        return text
    return "".join(c if is_plain(c) else ascii(c)[1:-1] for c in text)


def json_line(value: Any) -> str:
    r"""Return a value as one line of JSON, the same characters escaped as JSON does: `\u001b`."""
    text = json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(c if is_plain(c) else json.dumps(c)[1:-1] for c in text)
