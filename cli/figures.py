"""Figures as people read them: aligned tables, durations."""

from __future__ import annotations

from collections.abc import Sequence

from textclf.escapes import printable


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Return rows as aligned columns of plain text; columns of numbers align right."""
    header, rows = list(map(printable, header)), [list(map(printable, row)) for row in rows]
    widths = [max(_width(row[i]) for row in [header, *rows]) for i in range(len(header))]
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    numeric = [
        any(map(_is_number, cells)) and all(_is_number(cell) or cell == "-" for cell in cells)
        for cells in columns
    ]

    def line(row: Sequence[str]) -> str:
        cells = (
            " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in [header, *rows])


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes; a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _is_number(text: str) -> bool:
    return text.replace(".", "").replace(",", "").replace("%", "").strip("-+ ").isdigit()


def duration(seconds: float) -> str:
    """Return seconds as people write them: 8.2 s, 3 min 20 s, 1 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
