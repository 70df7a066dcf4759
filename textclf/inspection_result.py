"""What an inspection of a corpus finds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from textclf.corpus.bad_rows import BadRow, BadRows
from textclf.duplicates import Counts

LONG_TEXT = 64 << 10  # bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a file."""

    file: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Rows with one kind of trouble: how many, and where the first is."""

    rows: int = 0
    first: Place | None = None


@dataclass(frozen=True)
class Words:
    """Words a text; a character of a script written without spaces is a word.

    Attributes:
        median: The median.
        percentiles: The least number that so many per cent of the texts do not exceed.
        most: The most words of a text, and where.
        total: Words in all.
    """

    median: float
    percentiles: dict[int, int]
    most: int
    longest: Place | None
    total: int


@dataclass(frozen=True)
class TestFile:
    """What was found in the test file.

    Attributes:
        files: Its name.
        rows: Its good rows.
        classes: Rows of each label of the training file.
        overlap: Rows whose text is also in the training file.
        overlap_differs: Those of them that have another label there.
        examples: Places of such rows, there and in the training file.
        bad_rows: Rows that cannot be used; a label that is not in the training file is a reason.
        first_bad: The first few of them.
    """

    __test__ = False  # pytest would take it for a test

    files: tuple[str, ...]
    rows: int
    classes: dict[str, int]
    overlap: int
    overlap_differs: int
    examples: list[tuple[Place, Place]]
    bad_rows: int
    first_bad: list[BadRow]


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        files: Names of the files.
        layout: What layout was detected.
        rows: Good rows.
        text_bytes: Bytes of their texts, as UTF-8.
        classes: Rows of each label, in natural order; empty if rows have no labels.
        words: Words a text.
        ratio: Samples divided by the median of words a sample.
        empty, replaced, garbled, control, long: Texts of white space, with U+FFFD, with UTF-8 that
            was read in another encoding, with control characters, of more than LONG_TEXT bytes.
        duplicates: Texts that occur more than once; empty texts are left out.
        duplicate_examples: Places of rows of the same text and label, two each.
        contradictory_examples: Places of rows of the same text and different labels.
        bad_rows: Rows that cannot be used.
        first_bad: The first few of them.
        test: What was found in the test file, if there is one.
        tolerated: How many bad rows training would tolerate.
        label_guesses: Columns of which any may be the label, that which was taken first.
        named: Whether the columns have names.
    """

    files: tuple[str, ...]
    layout: str
    rows: int
    text_bytes: int
    classes: dict[str, int]
    words: Words
    ratio: float
    empty: Trouble
    replaced: Trouble
    garbled: Trouble
    control: Trouble
    long: Trouble
    duplicates: Counts
    duplicate_examples: list[tuple[Place, Place]]
    contradictory_examples: list[tuple[Place, Place]]
    bad_rows: int = 0
    first_bad: list[BadRow] = field(default_factory=list)
    test: TestFile | None = None
    tolerated: BadRows = field(default_factory=BadRows)
    label_guesses: list[str] = field(default_factory=list)
    named: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, and the findings, as what JSON can hold."""
        from textclf.findings import findings, guide

        percentiles = {str(k): n for k, n in self.words.percentiles.items()}
        figures = dataclasses.asdict(self)
        del figures["tolerated"], figures["named"]
        figures["words"]["percentiles"] = percentiles
        figures["guide"] = guide(self.ratio)
        figures["findings"] = [dataclasses.asdict(finding) for finding in findings(self)]
        return figures
