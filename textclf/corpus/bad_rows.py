"""Rows that cannot be used: how many are tolerated, and where they are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from textclf.errors import DataError
from textclf.escapes import TSV_ESCAPES
from textclf.writing import unwritable

_SHOWN = 200  # characters of a rejected row that are kept
_FIRST = 5  # bad rows of a pass that are kept
_REMEDY = "name another file for the rejects"


@dataclass
class BadRows:
    """How many bad rows are tolerated. Several corpora can share one: it counts for each alone.

    Attributes:
        limit: Most bad rows of a corpus: a number of rows, or as a float a share of them.
        rejects: Where bad rows are written: a TSV of file, row, reason and the first 200
            characters. The first bad row overwrites the file, later ones are added.
    """

    limit: int | float = 0
    rejects: Path | None = None
    _began: bool = field(default=False, init=False, repr=False)

    def allows(self, rejected: int, rows: int) -> bool:
        """Return whether so many bad rows, beside so many good ones, are tolerated."""
        if isinstance(self.limit, float):
            return rejected <= self.limit * (rejected + rows)
        return rejected <= self.limit

    def go_on(self) -> None:
        """Let rows be added to the file, whose first ones an interrupted run has written."""
        self._began = self.rejects is not None and self.rejects.exists()

    def open(self) -> TextIO | None:
        """Open the rejects file, if there is one.

        Raises:
            OutputError: If it cannot be written.
        """
        if self.rejects is None:
            return None
        try:
            file = self.rejects.open(
                "a" if self._began else "w",
                encoding="utf-8",
                errors="backslashreplace",
                newline="",
            )
            if not self._began:
                file.write("file\trow\treason\tcontent\n")
            self._began = True
        except OSError as error:
            raise unwritable(self.rejects, error, _REMEDY) from error
        return file


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        where: File and row.
        row: Number of the row in its file.
        what: What is wrong.
        remedy: What to do about it.
    """

    where: str
    row: int
    what: str
    remedy: str


@dataclass
class RejectLog:
    """The bad rows of one pass.

    Attributes:
        policy: What is tolerated.
        write: Whether bad rows are written to the rejects file; once is enough.
        rejected: Bad rows so far.
        rows: Good rows so far.
        first: The first few bad rows.
    """

    policy: BadRows
    write: bool = True
    rejected: int = 0
    rows: int = 0
    first: list[BadRow] = field(default_factory=list)
    _file: TextIO | None = None

    def start(self) -> None:
        """Begin the rejects file, so that one is there even if no row is bad."""
        if self.write and self._file is None:
            self._file = self.policy.open()

    def add(self, source: str, row: int, line: int, what: str, remedy: str, content: bytes) -> None:
        """Count a bad row.

        Args:
            source: Name of the file.
            row: Number of the row in it.
            line: Number of its first line.
            what: What is wrong.
            remedy: What to do about it.
            content: Bytes of the row, the first few at least.

        Raises:
            DataError: If no more is tolerated.
        """
        self.rejected += 1
        limit = self.policy.limit
        where = f"{source}, row {row}" if line == row else f"{source}, row {row} (line {line})"
        if len(self.first) < _FIRST:
            self.first.append(BadRow(where, row, what, remedy))
        if self._file is not None and self.policy.rejects is not None:
            shown = content[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN].translate(TSV_ESCAPES)
            cells = (source.translate(TSV_ESCAPES), str(row), what.translate(TSV_ESCAPES), shown)
            try:
                self._file.write("\t".join(cells) + "\n")
            except OSError as error:
                raise unwritable(self.policy.rejects, error, _REMEDY) from error
        if isinstance(limit, float) or self.rejected <= limit:
            return
        if limit:
            what = f"{what}; this is bad row {self.rejected} and {limit} are allowed"
        raise DataError(what, where=where, remedy=remedy)

    def check_share(self) -> None:
        """Raise a DataError if the share of bad rows is above the limit; called at the end."""
        limit, bad = self.policy.limit, self.rejected
        if isinstance(limit, float) and not self.policy.allows(bad, self.rows):
            first, written = self.first[0], self.policy.rejects
            raise DataError(
                f"{first.what}; of {self.rows + bad:,} rows {bad:,} {'is' if bad == 1 else 'are'} "
                f"bad, more than the {100 * limit:g}% allowed",
                where=first.where,
                remedy=f"see {written}" if written else "list them with --rejects FILE",
            )

    def close(self) -> None:
        """Close the rejects file."""
        if self._file is not None:
            self._file.close()
            self._file = None
