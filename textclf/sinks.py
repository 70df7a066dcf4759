"""Where tables of results go: TSV, CSV, JSON lines or Parquet, written block by block."""

from __future__ import annotations

import csv
import fcntl
import glob
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path, PurePath
from typing import IO, Any, Literal, Protocol, TypeAlias

import numpy as np

from textclf.atomic import replaceable
from textclf.corpus.compression import SUFFIXES
from textclf.corpus.records import cell_text
from textclf.errors import OutputError, UsageError
from textclf.escapes import TSV_ESCAPES, encodable, json_line
from textclf.writing import unwritable

_UNFINISHED = ".unfinished"  # ends the name of a file that is being written
_SIX_DIGITS = "%.6f"
_UNWRITTEN = (*SUFFIXES, ".zip", ".xlsx", ".xls", ".ods", ".feather", ".arrow")

Format: TypeAlias = Literal["tsv", "csv", "jsonl", "parquet"]
Columns: TypeAlias = Mapping[str, Sequence[Any]]


class Sink(Protocol):
    """Takes tables of the same columns, one after the other."""

    def write(self, columns: Columns) -> None:
        """Write rows: lists of strings or of what JSON has, or float32 arrays."""

    def close(self) -> None:
        """Write what is left to write; the file stays open."""


class _TextSink:
    """Rows as lines of UTF-8."""

    def __init__(self, file: IO[bytes], header: bool) -> None:
        self._file, self._header = file, header

    def write(self, columns: Columns) -> None:
        """Write rows."""
        text = self.text(columns)
        self._file.write(text.encode("utf-8", "backslashreplace"))
        self._file.flush()

    def text(self, columns: Columns) -> str:
        """Return the rows' lines."""
        cells = [
            self.strings(values) if isinstance(values, list) else _digits(values)
            for values in columns.values()
        ]
        return "".join(self.lines(list(columns), cells))

    def strings(self, values: list[Any]) -> list[str]:
        """Return a column's values as they are written."""
        return _texts(values)

    def lines(self, names: list[str], cells: list[list[str]]) -> Iterator[str]:
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing: every row is written."""


class TsvSink(_TextSink):
    r"""Tab-separated values: control characters and backslashes become `\t`, `\n`, `\x1b`, `\\`."""

    def strings(self, values: list[Any]) -> list[str]:
        """Return them escaped."""
        texts = _texts(values)
        known = {text: text.translate(TSV_ESCAPES) for text in set(texts)}  # labels recur
        return [known[text] for text in texts]

    def text(self, columns: Columns) -> str:
        """Return the lines, all of them formatted at once: in half the time."""
        header = "\t".join(self.strings(list(columns))) + "\n" if self._header else ""
        self._header = False
        kinds, cells = [], []
        for values in columns.values():
            kinds.append("%s" if isinstance(values, list) else _SIX_DIGITS)
            own = self.strings(values) if isinstance(values, list) else np.asarray(values).tolist()
            cells.append(own)
        line = "\t".join(kinds) + "\n"
        cell_by_cell = tuple(chain.from_iterable(zip(*cells, strict=True)))
        return header + line * len(cells[0]) % cell_by_cell


class CsvSink(_TextSink):
    """Comma-separated values, quoted where that is needed."""

    def lines(self, names: list[str], cells: list[list[str]]) -> Iterator[str]:
        """Yield the lines."""
        lines = _Lines()
        writer = csv.writer(lines, lineterminator="\r\n")  # of which it quotes either character
        if self._header:
            self._header = False
            writer.writerow(names)
        writer.writerows(zip(*cells, strict=True))
        for line in lines:
            yield line[:-2] + "\n"


class _Lines(list[str]):
    """Takes the lines that a csv.writer writes, one at a time."""

    write = list.append


class JsonlSink(_TextSink):
    """A JSON object a line."""

    def strings(self, values: list[Any]) -> list[str]:
        """Return them in JSON."""
        return [json_line(value) for value in values]

    def lines(self, names: list[str], cells: list[list[str]]) -> Iterator[str]:
        """Yield the lines."""
        keys = [name + ": " for name in self.strings(names)]
        for row in zip(*cells, strict=True):
            yield "{" + ", ".join([k + v for k, v in zip(keys, row, strict=True)]) + "}\n"


class ParquetSink:
    """Parquet, a row group a block."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, columns: Columns) -> None:
        """Write rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(
            {
                encodable(name): pa.array(list(map(encodable, _texts(values))), pa.string())
                if isinstance(values, list)
                else pa.array(values, pa.float32())
                for name, values in columns.items()
            }
        )
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


def _texts(values: list[Any]) -> list[str]:
    return [value if isinstance(value, str) else cell_text(value) for value in values]


def _digits(values: Any) -> list[str]:
    """Return numbers of six digits; from Python's floats, formatted faster than numpy's."""
    return [_SIX_DIGITS % value for value in values.tolist()]


def format_of(path: str) -> Format | None:
    """Return the format that a file's extension names, if it names one.

    Raises:
        UsageError: If it names one that is not written.
    """
    known: dict[str, Format] = {
        ".tsv": "tsv", ".tab": "tsv", ".txt": "tsv", ".csv": "csv", ".jsonl": "jsonl",
        ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet", ".pq": "parquet",
    }  # fmt: skip
    suffix = PurePath(path).suffix.lower()
    if suffix in _UNWRITTEN:
        raise UsageError(
            f"results are not written as {suffix}",
            where=path,
            remedy="name a .tsv, .csv, .jsonl or .parquet file",
        )
    return known.get(suffix)


@contextmanager
def open_sink(path: str, kind: Format, *, header: bool = True) -> Iterator[Sink]:
    """Open where results go.

    A file appears under its name when it is complete; a failure leaves what was there before.

    Args:
        path: The file; `-` is standard output.
        kind: Its format.
        header: Whether TSV and CSV begin with the columns' names.

    Raises:
        OutputError: If it cannot be written.
    """
    if path == "-":
        if sys.stdout is None:
            raise OutputError("standard output is closed", remedy="give --output FILE")
        sys.stdout.flush()
        sink = _sink(sys.stdout.buffer, kind, header)
        yield sink
        sink.close()
        return
    with _opened(path) as file:
        sink = _sink(file, kind, header)
        yield sink
        sink.close()


def _sink(file: IO[bytes], kind: Format, header: bool) -> Sink:
    if kind == "parquet":
        return ParquetSink(file)
    if kind == "jsonl":
        return JsonlSink(file, header)
    return TsvSink(file, header) if kind == "tsv" else CsvSink(file, header)


def _unfinished(target: Path) -> tuple[int, str]:
    """Return a hidden file beside another, opened and locked: as long as it is, it is in use."""
    while True:
        handle, hidden = tempfile.mkstemp(_UNFINISHED, f".{target.name}.", target.parent)
        with suppress(OSError):  # where there are no locks, nothing is discarded
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # not discarded just before it was locked
            return handle, hidden
        os.close(handle)


def _discard_unfinished(target: Path) -> None:
    """Remove what those left that were killed while they wrote the file."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.*{_UNFINISHED}"):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _mode(target: Path) -> int:
    """Return the permissions of a file that is there, or else of a new one."""
    with suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """Open a hidden file that takes the path's place when all went well; or a device or pipe."""
    try:
        target = replaceable(Path(path))
        if target is None:
            stream = Path(path).open("wb")  # noqa: SIM115 - closed below
        else:
            mode = _mode(target)
            _discard_unfinished(target)
            handle, hidden = _unfinished(target)
    except OSError as error:
        raise unwritable(path, error, "name another --output") from error
    if target is None:
        with stream:
            yield stream
        return
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(hidden).chmod(mode)
        Path(hidden).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(hidden).unlink()
        raise
