"""Which classes are taken for which: a matrix for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textclf.report.data import ReportFigures
from textclf.report.display import level

MOST_CLASSES = 20  # of the matrix
_PALE = 0.02  # share of a class; where no more of one is confused, all such cells are pale


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix.

    Attributes:
        rows: Rows of the class predicted so.
        share: Their share of the class' rows.
        style: Its shade, such as `a8`: a for right, b for wrong.
    """

    rows: int
    share: float
    style: str


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix, of the most confused classes if there are many.

    Attributes:
        names: The classes.
        rows: For each of them, its cells.
        others: For each of them, its rows that were predicted as a class not shown.
        left_out: Number of classes not shown.
    """

    names: list[str]
    rows: list[list[Cell]]
    others: list[int]
    left_out: int


def confusion_matrix(found: ReportFigures, most: int = MOST_CLASSES) -> Matrix:
    """Return the matrix of the classes with the most rows in confusions."""
    places = _most_confused(found, most)
    column = {place: i for i, place in enumerate(places)}
    counts = [[0] * len(places) for _ in places]
    for place, i in column.items():
        counts[i][i] = found.classes[place].right
    for true, predicted, rows in found.confused:
        if true in column and predicted in column:
            counts[column[true]][column[predicted]] = rows
    support = [found.classes[place].support for place in places]
    wrong = [
        rows / max(1, support[i])
        for i, line in enumerate(counts)
        for j, rows in enumerate(line)
        if i != j
    ]
    largest = max(_PALE, *wrong) if wrong else 1.0
    return Matrix(
        [found.classes[place].name for place in places],
        [_cells(line, i, support[i], largest) for i, line in enumerate(counts)],
        [total - sum(line) for line, total in zip(counts, support, strict=True)],
        len(found.classes) - len(places),
    )


def _most_confused(found: ReportFigures, most: int) -> list[int]:
    if len(found.classes) <= most:
        return list(range(len(found.classes)))
    wrong = [0] * len(found.classes)
    for true, predicted, rows in found.confused:
        wrong[true] += rows
        wrong[predicted] += rows
    return sorted(sorted(range(len(wrong)), key=lambda i: (-wrong[i], i))[:most])


def _cells(line: Sequence[int], diagonal: int, support: int, largest: float) -> list[Cell]:
    """Return a class' cells; wrong ones are shaded by the largest share of a wrong one."""
    shares = [rows / max(1, support) for rows in line]
    return [
        Cell(rows, share, f"a{level(share)}" if j == diagonal else f"b{level(share / largest)}")
        for j, (rows, share) in enumerate(zip(line, shares, strict=True))
    ]
