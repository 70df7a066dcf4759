"""Checksums and row counts of the files of a dataset, and whether they are what they should be."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.compression import SUFFIXES
from textclf.dataset_config import Dataset
from textclf.errors import DataError
from textclf.progress import Progress, Report, silent

MANIFEST = "manifest.json"
CHUNK = 1 << 20  # bytes
_QUOTE, _NEWLINE = ord('"'), ord("\n")


@dataclass(frozen=True, slots=True)
class Tally:
    """What a file holds, uncompressed.

    Attributes:
        bytes: Its size.
        sha256: Its checksum, in hexadecimal.
        rows: Number of its records, the header not counted; None where they cannot be counted.
        lines: Number of its lines, the header not counted: that of the records of a TSV whose
            quotes are part of the texts.
    """

    bytes: int
    sha256: str
    rows: int | None
    lines: int


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about one file.

    Attributes:
        path: The file.
        status: `ok`: its checksum is right; `differs`: it is not the file that was fetched or
            published; `missing`: it was fetched and is gone; `unknown`: there is nothing to
            compare it with.
        note: Why, in words.
        tally: What it holds; None if it is missing.
    """

    path: Path
    status: Literal["ok", "differs", "missing", "unknown"]
    note: str
    tally: Tally | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about the files of a dataset, the training file first."""

    dataset: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no file differs or is missing."""
        return not any(check.status in ("differs", "missing") for check in self.checks)


def verify(dataset: Dataset, paths: Sequence[Path], *, report: Report = silent) -> Verification:
    """Compare files with the manifest beside them, or else with what the dataset publishes.

    Args:
        dataset: What they should be.
        paths: Existing files, called after their splits.
        report: Told how many bytes of how many were read.

    Raises:
        DataError: A file cannot be read, or not be decompressed.
    """
    fetched = {path.parent: _manifest(path.parent) for path in paths}
    checks = [_check(dataset, path, fetched[path.parent], report) for path in paths]
    present = {(path.parent, plain_name(path)) for path in paths}
    for folder, names in fetched.items():
        for name in names:
            if (folder, name) not in present:
                checks.append(Check(folder / name, "missing", "was fetched and is gone", None))
    return Verification(dataset.name, tuple(checks))


def tally(path: Path, *, header: bool = False, report: Report = silent) -> Tally:
    """Read a file once and return its size, checksum and number of rows.

    Args:
        path: The file; if its name ends in .gz, .bz2, .xz or .zst it is decompressed.
        header: Whether the first row of CSV or TSV is a header, which is not counted.
        report: Told how many bytes of how many on disk were read.

    Raises:
        DataError: It cannot be read or decompressed.
    """
    kind = Path(plain_name(path)).suffix
    table = kind in (".csv", ".tsv")
    counter = _Counter(quotes=table)
    digest = hashlib.sha256()
    done = 0
    try:
        size = path.stat().st_size
        with path.open("rb") as raw, _decompressed(raw, path.suffix) as plain:
            while chunk := plain.read(CHUNK):
                digest.update(chunk)
                counter.add(chunk)
                done += len(chunk)
                report(Progress(f"check {path.name}", raw.tell(), size))
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from None
    rows, lines = (max(n - (header and table), 0) for n in (counter.rows, counter.lines))
    return Tally(done, digest.hexdigest(), None if kind == ".parquet" else rows, lines)


def other_rows(dataset: Dataset, path: Path, found: Tally) -> int | None:
    """Return how many rows a file should have, if it has another number for sure.

    Where the dataset does not say, the first row may be a header; quotes in a TSV may be part of
    the texts.
    """
    wanted = dataset.rows.get(Path(plain_name(path)).stem)
    if wanted is None or found.rows is None:
        return None
    kind = Path(plain_name(path)).suffix
    counts = {found.rows, found.lines} if kind == ".tsv" else {found.rows}
    if kind in (".csv", ".tsv") and dataset.layout.header is None:
        counts |= {count - 1 for count in counts}
    return None if wanted in counts else wanted


def plain_name(path: Path) -> str:
    """Return the name of a file without the ending of its compression."""
    return path.stem if path.suffix in SUFFIXES else path.name


def _check(dataset: Dataset, path: Path, fetched: dict[str, Any], report: Report) -> Check:
    name = plain_name(path)
    counted = tally(path, header=bool(dataset.layout.header), report=report)
    published = {each.file: each.sha256 for each in dataset.downloads if not each.unpack}
    published |= dataset.checksums
    if name in fetched:
        same = fetched[name]["sha256"] == counted.sha256
        note = "as it was fetched" if same else "was changed since it was fetched"
        return Check(path, "ok" if same else "differs", note, counted)
    if name in published and published[name] == counted.sha256:
        return Check(path, "ok", "as it is published", counted)
    if (rows := other_rows(dataset, path, counted)) is not None:
        note = f"has {counted.rows:,} rows, published are {rows:,}"
        return Check(path, "differs", note, counted)
    if name in published:
        return Check(path, "differs", "is not the published file", counted)
    note = "was not fetched by textclf: there is no checksum to compare with"
    return Check(path, "unknown", note, counted)


def _manifest(folder: Path) -> dict[str, Any]:
    """Return what the manifest in a folder says of its files, by name; nothing if there is none."""
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {name: {"sha256": str(entry["sha256"])} for name, entry in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(
            "is no manifest of a dataset", where=str(path), remedy="fetch the dataset again"
        ) from None


def _decompressed(raw: BinaryIO, suffix: str) -> BinaryIO:
    if suffix == ".gz":
        return gzip.open(raw)  # type: ignore[return-value]
    if suffix == ".bz2":
        return bz2.open(raw)  # type: ignore[return-value]
    if suffix == ".xz":
        return lzma.open(raw)  # type: ignore[return-value]
    if suffix == ".zst":
        import pyarrow

        return pyarrow.CompressedInputStream(raw, "zstd")  # type: ignore[no-any-return]
    return raw


class _Counter:
    """Counts records: ends of lines, in CSV only those outside of quotes."""

    def __init__(self, *, quotes: bool) -> None:
        self.quotes = quotes
        self.inside = 0
        self.ended = self.ended_lines = 0
        self.open = self.open_line = False

    @property
    def rows(self) -> int:
        return self.ended + self.open

    @property
    def lines(self) -> int:
        return self.ended_lines + self.open_line

    def add(self, chunk: bytes) -> None:
        array = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(array == _NEWLINE)
        self.open_line = not _at_end(ends, chunk)
        self.ended_lines += len(ends)
        if self.quotes:
            marks = np.flatnonzero(array == _QUOTE)
            ends = ends[(np.searchsorted(marks, ends) + self.inside) % 2 == 0]
            self.inside = (self.inside + len(marks)) % 2
        self.ended += len(ends)
        self.open = not _at_end(ends, chunk)


def _at_end(ends: NDArray[np.int64], chunk: bytes) -> bool:
    return len(ends) > 0 and int(ends[-1]) == len(chunk) - 1
