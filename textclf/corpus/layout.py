"""How a corpus is laid out: what the user said, what was detected, and a line that says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from textclf.errors import UsageError
from textclf.escapes import printable

Format: TypeAlias = Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "lines"]
Column: TypeAlias = str | int

ALL_COLUMNS = ("*",)  # as extra columns: every column is passed through
# Between the texts of several columns: ASCII's unit separator, which is white space to all.
COLUMN_BREAK = "\x1f"


@dataclass(frozen=True)
class Columns:
    """Which columns of the files that a model was trained on were the label and the text.

    Attributes:
        width: Number of columns.
        label: Place of the label, from 0; None if it was not read.
        texts: Places of the texts.
        names: Names of these columns by place; empty if the files did not name them.
    """

    width: int
    label: int | None
    texts: tuple[int, ...]
    names: Mapping[int, str]

    def as_dict(self) -> dict[str, Any]:
        """Return what `of` takes, for JSON."""
        names = {str(place): name for place, name in self.names.items()}
        return dataclasses.asdict(self) | {"texts": [*self.texts], "names": names}

    @classmethod
    def of(cls, stored: Any) -> Columns | None:
        """Return what was stored; None for None.

        Raises:
            ValueError: If it is damaged; or KeyError, TypeError, AttributeError.
        """
        if stored is None:
            return None
        width, label, texts = stored["width"], stored["label"], tuple(stored["texts"])
        names = {int(place): name for place, name in stored["names"].items()}
        places = texts if label is None else (label, *texts)
        if not all(type(p) is int and 0 <= p < width for p in places) or not texts:
            raise ValueError("its columns are none of a table")
        named = names.keys() == set(places) and all(isinstance(n, str) for n in names.values())
        if names and not named:
            raise ValueError("its columns have no names")
        return cls(width, label, texts, names)


@dataclass(frozen=True)
class CorpusFormat:
    """What is known of the layout before a file is read; None means: find out.

    Attributes:
        format: Format of the files; by default told from names and contents.
        delimiter: One character that separates columns.
        quotes: Whether cells of CSV and TSV may be quoted.
        header: Whether the first row names the columns.
        encoding: Encoding; by default UTF-8, or UTF-16 with a byte order mark.
        label_column: Name of the label's column, or its number from 1.
        text_columns: Names or numbers of the text columns; their texts are joined by
            `COLUMN_BREAK`.
        extra_columns: Names or numbers of columns passed through, or ALL_COLUMNS.
        has_labels: Whether rows have labels.
        trained: Columns of the files that the model in use was trained on. What the user did not
            say is as it was there, in a file that has these columns.
    """

    format: Format | None = None
    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    label_column: Column | None = None
    text_columns: tuple[Column, ...] = ()
    extra_columns: tuple[Column, ...] = ()
    has_labels: bool = True
    trained: Columns | None = None
    quotes: bool | None = None

    def said(self) -> dict[str, Any]:
        """Return what the user said, by name."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k != "trained"}

    def of_later_files(self, columns: Columns | None) -> CorpusFormat:
        """Return what is known of files beside those that are trained on.

        Args:
            columns: Those of the training files. If they have names, numbers that the user gave
                are meant for them, and other files are gone by the names.
        """
        named = bool(columns and columns.names)
        label, texts = self.label_column, self.text_columns
        return dataclasses.replace(
            self,
            trained=columns,
            label_column=None if named and isinstance(label, int) else label,
            text_columns=() if named and all(isinstance(c, int) for c in texts) else texts,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are asked for by name."""
        extra = () if self.extra_columns == ALL_COLUMNS else self.extra_columns
        columns = (self.label_column, *self.text_columns, *extra)
        return tuple(column for column in columns if isinstance(column, str))


@dataclass(frozen=True)
class Layout:
    """How a file is laid out.

    Attributes:
        format: Format of the file.
        delimiter: What separates columns, for CSV and TSV.
        header: Names of the columns; None if the file does not name them.
        width: Number of columns of a row of CSV or TSV.
        label: Place of the label's column, from 0; None if labels are not read.
        texts: Places of the text columns.
        extras: Name and place of each column passed through.
        encoding: Encoding of the file.
        quotes: Whether cells of CSV and TSV may be quoted.
        quotes_guessed: Whether the beginning of a file only said so, where it may be otherwise.
    """

    format: Format
    delimiter: str = ""
    header: tuple[str, ...] | None = None
    width: int = 0
    label: int | None = None
    texts: tuple[int, ...] = ()
    extras: tuple[tuple[str, int], ...] = ()
    encoding: str = "utf-8"
    quotes: bool = True
    quotes_guessed: bool = False

    @property
    def used(self) -> tuple[int, ...]:
        """Places of the columns that are read."""
        label = () if self.label is None else (self.label,)
        return (*label, *self.texts, *(place for _, place in self.extras))

    @property
    def columns(self) -> Columns | None:
        """Which columns are the label and the text; None for formats without columns."""
        if self.format in ("fasttext", "lines"):
            return None
        places = self.texts if self.label is None else (self.label, *self.texts)
        names = {} if self.header is None else {place: self.header[place] for place in places}
        return Columns(self.width, self.label, self.texts, names)

    @property
    def named(self) -> bool:
        """Whether the columns have names, or there are none to name."""
        return self.columns is None or self.header is not None

    def describe(self) -> str:
        """Say in one line what was decided."""
        kind = {
            "jsonl": "JSON lines",
            "parquet": "Parquet",
            "fasttext": "fastText lines: __label__ words are the label, the rest is the text",
            "lines": "plain lines: each is a text",
        }.get(self.format, _DELIMITERS.get(self.delimiter, f"separated by {self.delimiter!r}"))
        if self.encoding not in ("utf-8", "utf8"):
            kind += f", {self.encoding}"
        if self.format in ("fasttext", "lines"):
            return kind
        if self.format in ("csv", "tsv"):
            kind += "" if self.quotes else ", quotes are literal"
            kind += ", no header" if self.header is None else ", header"
        parts = [] if self.label is None else [f"label in {self._named([self.label])}"]
        parts += [f"text in {self._named(self.texts)}"]
        if self.extras:
            parts += [f"passing through {self._named([place for _, place in self.extras])}"]
        return f"{kind}: {', '.join(parts)}"

    def _named(self, places: Sequence[int]) -> str:
        if self.header is not None:
            return _listed([f"'{printable(self.header[place])}'" for place in places])
        if len(places) == 1:
            return f"column {places[0] + 1}"
        if len(places) > 2 and list(places) == list(range(places[0], places[-1] + 1)):
            return f"columns {places[0] + 1}-{places[-1] + 1}"
        return f"columns {_listed([str(place + 1) for place in places])}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(", ".join(names).rsplit(", ", 1))


_DELIMITERS = {
    ",": "comma-separated",
    "\t": "tab-separated",
    ";": "semicolon-separated",
    "|": "separated by vertical bars",
    " ": "space-separated",
}


def check_format(fmt: CorpusFormat) -> None:
    """Raise a UsageError if the user said something that cannot be."""
    d = fmt.delimiter
    if d is not None and (len(d) != 1 or not d.isascii() or d in '"\r\n\0'):
        raise UsageError(f"{d!r} cannot be a delimiter", remedy="give one ASCII character")
    for column in (fmt.label_column, *fmt.text_columns, *fmt.extra_columns):
        if isinstance(column, int) and column < 1:
            raise UsageError(f"there is no column {column}", remedy="count columns from 1")
    if len(set(fmt.text_columns)) < len(fmt.text_columns):
        raise UsageError("a --text-column is given twice", remedy="give each column once")
    if fmt.names and fmt.header is False and fmt.format in (None, "csv", "tsv"):
        raise UsageError(
            "without a header columns have no names", remedy="give their numbers, from 1"
        )
