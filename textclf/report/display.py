"""How values are shown: data is hostile, long, or missing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from textclf.corpus.layout import COLUMN_BREAK
from textclf.escapes import encodable, is_plain

_LEVELS = 8  # shades in the style sheet, besides none


def visible(value: Any) -> Any:
    """Return a text without characters that hide or rearrange others; anything else as it is.

    Jinja2 calls it with whatever a template shows, before that is escaped.
    """
    if type(value) is not str or value.isprintable():  # Markup is made of what was visible
        return value
    text: str = value
    return "".join(c if is_plain(c) or c in "\n\t" else _shown(c) for c in text)


def _shown(character: str) -> str:
    if character == COLUMN_BREAK:
        return " \u00b7 "
    code = ord(character)
    if code < 32:
        return chr(0x2400 + code)
    if code == 127:
        return "\u2421"
    if unicodedata.category(character) == "Cs":  # of a file's name that is not UTF-8
        return encodable(character)
    return f"\u27e8{code:04X}\u27e9"


def short(text: Any, width: int = 60) -> str:
    """Return a text of at most `width` characters."""
    whole = str(text)
    return whole if len(whole) <= width else whole[: width - 1] + "…"


def figure(value: Any, digits: int = 4) -> str:
    """Return a number as people read it; a dash for none."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value)


def size(count: Any) -> str:
    """Return bytes as people write them, 12 kB or 3.4 MB; a dash for none."""
    if not isinstance(count, (int, float)):
        return "–"
    for unit in ("B", "kB", "MB"):
        if count < 999.5:  # which is 1000 in three digits
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def change(before: Any, after: Any) -> str:
    """Return the difference of two numbers with its sign; nothing for what is none."""
    numbers = [v for v in (before, after) if isinstance(v, (int, float)) and v is not True]
    if len(numbers) < 2 or before is False or after is False:
        return ""
    difference = after - before
    return f"{difference:+.4f}" if isinstance(difference, float) else f"{difference:+,d}"


def level(share: float) -> int:
    """Return the shade, 0 to 8, for a share from 0 to 1; anything above 0 is seen."""
    return 0 if not share > 0 else max(1, min(_LEVELS, round(share * _LEVELS)))


def shades(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, str]]:
    """Return a text in pieces and the style of each: `for` or `against` a class, or none.

    Pieces of one style that follow each other become one; weak ones have none.
    """
    most = max((abs(weight) for _, weight in pieces), default=0.0)
    shown: list[tuple[str, str]] = []
    for text, weight in pieces:
        strength = abs(weight) / most if most else 0.0
        style = ""
        if strength >= 0.15 and text.strip():
            style = f"{'for b' if weight > 0 else 'against a'}{level(strength * 0.75)}"
        if shown and shown[-1][1] == style:
            shown[-1] = (shown[-1][0] + text, style)
        else:
            shown.append((text, style))
    return shown


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one level, dots between the names."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def setting(value: Any) -> str:
    """Return a setting as config.toml has it, or nearly so."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return "–" if value is None else str(value)
