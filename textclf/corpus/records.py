"""Records whose values have names and kinds, of JSON lines and Parquet: what becomes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textclf.corpus.block import encode_text
from textclf.corpus.layout import COLUMN_BREAK, Layout
from textclf.corpus.rows import Row


def scalar_text(value: Any) -> str | None:
    """Return a value as text: nothing for null and NaN, None for what is not one value.

    Raises:
        UnicodeDecodeError: If it is bytes that are not valid UTF-8.
    """
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):  # pandas' missing value
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, (list, tuple, dict, set)):
        return None
    return str(value)


def json_value(value: Any) -> Any:
    """Return a value as JSON has it; what JSON has not, such as a date, is text.

    Raises:
        UnicodeDecodeError: If there are bytes that are not valid UTF-8.
    """
    if isinstance(value, dict):
        return {str(name): json_value(own) for name, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(own) for own in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, (int, float)) else scalar_text(value)


def cell_text(value: Any) -> str:
    """Return what `json_value` returns as text; a list or an object is JSON."""
    text = scalar_text(value)
    return json.dumps(value, ensure_ascii=False) if text is None else text


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is there and cannot be had.

    Attributes:
        kind: What it is, such as `timestamp[ms]`.
    """

    kind: str


def record_row(
    get: Callable[[int], Any],
    layout: Layout,
    number: int,
    raw: bytes | Callable[[], bytes],
    missing: Any,
) -> Row:
    """Return the row of a record whose values have names.

    Args:
        get: Returns a value by the place of its name, or `missing`.
        layout: Which names are the label and the text.
        number: Number of the row.
        raw: What to show of it; see `Row`.
        missing: What `get` returns for a name that is not there.
    """
    assert layout.header is not None
    passed: list[Any] = []
    cells: list[str] = []
    for _, place in layout.extras:
        value = get(place)
        own, problem = _read(layout.header[place], None if value is missing else value, json_value)
        if problem is not None:
            return Row(number, number, raw, problem=problem)
        passed.append(own)
    for place in [*layout.texts] if layout.label is None else [*layout.texts, layout.label]:
        name, value = layout.header[place], get(place)
        if value is missing:
            return Row(number, number, raw, problem=(f"there is no {name!r}", "add it"))
        text, problem = _read(name, value, scalar_text)
        if problem is None and text is None:
            what = f"{name!r} is not one value but a {type(value).__name__}"
            problem = what, "write a string or a number"
        if problem is not None:
            return Row(number, number, raw, problem=problem)
        cells.append(text)
    body = encode_text(COLUMN_BREAK.join(cells[: len(layout.texts)]))
    label = "" if layout.label is None else encode_text(cells[-1]).decode("utf-8")
    return Row(number, number, raw, label, body, passed)


def _read(name: str, value: Any, read: Callable[[Any], Any]) -> tuple[Any, tuple[str, str] | None]:
    """Return what `read` makes of a value, or why it cannot be read and what to do about it."""
    if isinstance(value, Unreadable):
        what = f"{name!r} is a {value.kind} that cannot be read"
        return None, (what, "correct it, or store it as text")
    try:
        return read(value), None
    except UnicodeDecodeError as error:
        what = f"{name!r} is not valid UTF-8 (byte 0x{error.object[error.start]:02x})"
        return None, (what, "write it as UTF-8")
    except RecursionError:
        return None, (f"{name!r} is nested too deeply", "flatten it, or do not pass it through")
