"""The report of `textclf inspect`: bars and colours on a terminal, plain and narrow elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from textclf.escapes import printable
from textclf.report.display import size

if TYPE_CHECKING:
    from textclf.inspection import Inspection

_SHOWN = 20  # classes that are drawn
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEAST_BAR = 4  # columns

# A line is pieces of text, each with the style that rich draws it in.
Line = list[tuple[str, str]]


def render(inspection: Inspection, names: Mapping[str, str] | None = None) -> str:
    """Return the report as this process's standard output can show it.

    Args:
        inspection: What was found.
        names: What people call the labels.
    """
    out = sys.stdout
    encoding = (getattr(out, "encoding", None) or "ascii").lower()
    terminal = out is not None and out.isatty()
    width = max(40, shutil.get_terminal_size((80, 24)).columns)
    plain_bars = not encoding.startswith("utf")
    lines = [
        [(_fit(text, encoding), style) for text, style in line]
        for line in _lines(inspection, names or {}, width, plain_bars)
    ]
    if not terminal or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
    return _coloured(lines, width)


def _lines(
    inspection: Inspection, names: Mapping[str, str], width: int, plain: bool
) -> Iterator[Line]:
    from textclf.findings import findings, guide

    found, words = inspection, inspection.words
    yield [(", ".join(found.files), "bold")]
    yield [(found.layout, "")]
    yield []
    yield from _figure(width, "rows", f"{found.rows:,}, {size(found.text_bytes)} of text")
    if found.test is not None:
        yield from _figure(
            width, "test rows", f"{found.test.rows:,}, {', '.join(found.test.files)}"
        )
    if found.classes:
        yield from _figure(width, "classes", f"{len(found.classes):,}")
        yield from _chart(found.classes, names, width, plain)
    yield from _figure(width, "words", f"median {words.median:g}, {words.total:,} in all")
    if words.percentiles:
        shown = ", ".join(f"{p} % up to {n:,}" for p, n in words.percentiles.items())
        yield from _figure(width, "", shown)
    if words.longest is not None:
        where = words.longest if len(found.files) > 1 else f"row {words.longest.row}"
        yield from _figure(width, "", f"most {words.most:,} in {where}")
    advice = guide(found.ratio)
    yield from _figure(
        width, "guide", f"samples / words a sample = {found.ratio:,.0f}: {advice['model']}"
    )
    yield from _figure(width, "", str(advice["advice"]))
    if found.duplicates.sampled < 1:
        part = round(1 / found.duplicates.sampled)
        yield from _figure(
            width, "duplicates", f"estimated from 1 in {part:,} of the distinct texts"
        )
    yield []
    marks = {"error": ("error", "bold red"), "warning": ("warning", "bold yellow")}
    listed = findings(found)
    for finding in listed:
        mark, style = marks[finding.level]
        yield [(f"{mark}: ", style), (finding.message, ""), (f"; {finding.remedy}", "dim")]
    if not listed:
        yield [("nothing to complain of", "green")]


def _figure(width: int, name: str, text: str) -> Iterator[Line]:
    """Write a figure and its name, on several lines if it is long."""
    for line in textwrap.wrap(text, width - 13, break_long_words=False):
        yield [(f"{name:<12}", "bold"), (line, "")]
        name = ""


def _chart(
    classes: Mapping[str, int], names: Mapping[str, str], width: int, plain: bool
) -> Iterator[Line]:
    """Draw a bar a class; of many classes only the largest."""
    from rich.cells import cell_len, set_cell_size

    shown = list(classes.items())
    if len(shown) > _SHOWN:
        shown = sorted(shown, key=lambda item: -item[1])[:_SHOWN]
    titles = [_title(label, names) for label, _ in shown]
    total, most = max(1, sum(classes.values())), max(1, *classes.values())
    counts = [f"{n:,}" for _, n in shown]
    room = max(map(len, counts))
    title_width = min(max(map(cell_len, titles)), max(8, width // 3))
    bar_width = max(_LEAST_BAR, min(40, width - title_width - room - 15))
    for title, count, (_, n) in zip(titles, counts, shown, strict=True):
        if cell_len(title) > title_width:
            title = set_cell_size(title, title_width - 2) + ".."
        yield [
            (f"  {set_cell_size(title, title_width)}  ", ""),
            (_bar(n / most, bar_width, plain), "cyan"),
            (f"  {count:>{room}}  {100 * n / total:5.1f} %", ""),
        ]
    if len(classes) > len(shown):
        rest = sum(classes.values()) - sum(n for _, n in shown)
        yield [(f"  and {len(classes) - len(shown):,} smaller ones with {rest:,} rows", "dim")]


def _title(label: str, names: Mapping[str, str]) -> str:
    name = names.get(label, label)
    return printable(label if name == label else f"{label} {name}")


def _bar(share: float, width: int, plain: bool) -> str:
    if plain:
        return ("#" * max(1 if share else 0, round(share * width))).ljust(width)
    eighths = max(1 if share else 0, round(share * width * 8))
    bar = _EIGHTHS[8] * (eighths // 8)
    return (bar + _EIGHTHS[eighths % 8] if eighths % 8 else bar).ljust(width)


def _fit(text: str, encoding: str) -> str:
    """Return the text with what the output cannot show escaped."""
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def _coloured(lines: list[Line], width: int) -> str:
    from rich.console import Console
    from rich.text import Text

    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, highlight=False)
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)
    return file.getvalue().rstrip("\n")
