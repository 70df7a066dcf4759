"""Corpora: files of labelled texts, read as blocks in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from textclf.corpus.bad_rows import BadRow, BadRows, RejectLog
from textclf.corpus.block import TextBlock
from textclf.corpus.columns import choose_columns
from textclf.corpus.compression import display_name
from textclf.corpus.files import expand_files
from textclf.corpus.formats import layout_of, read_blocks
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import Columns, CorpusFormat, Layout, check_format
from textclf.corpus.rows import MAX_ROW, Assembler
from textclf.corpus.spool import Spool
from textclf.corpus.streams import (
    Hasher,
    OpenFile,
    Stream,
    check_encoding,
    check_file,
    file_stamp,
    is_single_pass,
    open_file,
)
from textclf.errors import DataError, UsageError
from textclf.prefetch import Prefetcher

__all__ = ["BadRows", "Corpus", "CorpusFormat", "Layout"]


class Corpus:
    """Files of texts, read as often as needed, a block at a time.

    Attributes:
        labels: Codes of the labels; without a given map, labels are added as they are seen.
        rejected: Bad rows of the last pass.
        first_rejected: The first few of them.

    Args:
        files: Paths; `-` is standard input. What the first file's layout is, all files' is.
        fmt: What is known of the layout; the rest is detected.
        labels: Known labels. A label that a frozen map does not know makes a bad row.
        bad_rows: What is tolerated; by default nothing.
        block_bytes: Bytes of a file that are read at once.
        spool_dir: Where what can be read only once (standard input, a pipe) is kept for further
            passes; without it there is one pass.
        max_row_bytes: Most bytes of a row.
        seen: Whether the files were read before: what is odd about them has been said, and bad
            rows are written down.
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        fmt: CorpusFormat | None = None,
        *,
        labels: LabelMap | None = None,
        bad_rows: BadRows | None = None,
        block_bytes: int = 1 << 20,
        spool_dir: Path | None = None,
        max_row_bytes: int = MAX_ROW,
        seen: bool = False,
    ) -> None:
        self.files = expand_files(files)
        self.fmt = fmt or CorpusFormat()
        check_format(self.fmt)
        check_encoding(self.fmt.encoding)
        if not self.files:
            raise UsageError("no files are given", remedy="name at least one")
        if self.files.count("-") > 1:
            raise UsageError("standard input is given twice", remedy="give - once")
        self.labels = LabelMap() if labels is None else labels
        self._known = LabelMap(self.labels.names) if self.labels.names else None
        self.rejected = 0
        self.first_rejected: list[BadRow] = []
        self._bad_rows = bad_rows or BadRows()
        self._block_bytes, self._max_row = block_bytes, max_row_bytes
        self._seen = seen
        self._spool_dir = spool_dir
        self._single_pass = any(is_single_pass(file) for file in self.files)
        self._spool: Spool | None = None
        self._started = False
        self._opened: OpenFile | None = None  # a first file that can be opened only once
        self._layout: Layout | None = None
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._sha256: str | None = None
        self._passed = False  # whether a pass was completed

    @property
    def layout(self) -> Layout:
        """How the first file is laid out.

        Raises:
            DataError: If it cannot be told.
        """
        if self._layout is None:
            for file in self.files:
                check_file(file)
            first = self._open(self.files[0])
            try:
                self._layout = layout_of(self.files[0], first.stream, self.fmt, self._known)
            finally:
                if self._layout is None or not self._single_pass:
                    first.close()
            if self._single_pass:
                self._opened = first
        return self._layout

    def as_trained(self, columns: Columns | None) -> Corpus:
        """Return the same rows as a model reads them; itself, if the text columns are the same.

        Args:
            columns: Those of the files that the model was trained on. Where a file has not all of
                them, the model is given what this corpus reads.

        Raises:
            UsageError: If they are others, and the files can be read only once.
        """
        layout = self.layout
        if columns is None or layout.label is None or layout.format in ("lines", "fasttext"):
            return self
        label: str | int = layout.label + 1
        if layout.header is not None and layout.header.count(layout.header[layout.label]) == 1:
            label = layout.header[layout.label]
        fmt = replace(
            self.fmt, trained=columns, label_column=label, text_columns=(), extra_columns=()
        )
        try:
            texts = choose_columns(self.files[0], layout.width, layout.header, fmt)[1]
        except DataError:
            return self
        if texts == layout.texts:
            return self
        if self._single_pass:
            raise UsageError(
                "can be read only once, and the two models read different columns of it",
                where=", ".join(display_name(file) for file in self.files),
                remedy="write it to a file",
            )
        return Corpus(
            self.files, fmt, labels=self.labels, bad_rows=BadRows(self._bad_rows.limit),
            block_bytes=self._block_bytes, max_row_bytes=self._max_row, seen=True,
        )  # fmt: skip

    def sha256(self) -> str:
        """Return the SHA-256 of the files' bytes, one after the other, in hexadecimal.

        Raises:
            RuntimeError: If no pass over the corpus was completed.
        """
        if self._sha256 is None:
            raise RuntimeError("the corpus was not read to its end yet")
        return self._sha256

    def blocks(self) -> Iterator[TextBlock]:
        """Start a pass: yield the rows, in order, parsed ahead on a thread.

        Raises:
            DataError: If a file cannot be read or used, or too many rows are bad.
            UsageError: If the corpus can be read only once and was.
        """
        if not self._single_pass:
            return Prefetcher(self._pass())
        if self._spool_dir is not None:
            if self._spool is None:
                self._spool = Spool(Prefetcher(self._pass()), self._spool_dir)
            return self._spool.blocks()
        if self._started:
            raise UsageError(
                "can be read only once",
                where=", ".join(display_name(file) for file in self.files),
                remedy="write it to a file",
            )
        self._started = True
        return Prefetcher(self._pass())

    def _open(self, path: str, hasher: Hasher | None = None) -> OpenFile:
        if hasher is None and self._sha256 is None:
            hasher = hashlib.sha256()
        return open_file(path, self.fmt.encoding, hasher)

    def _pass(self) -> Generator[TextBlock, None, None]:
        layout = self.layout
        fresh = not (self._passed or self._seen)
        log = RejectLog(self._bad_rows, write=fresh)
        hasher = None
        try:
            log.start()
            for i, path in enumerate(self.files):
                opened = self._opened if i == 0 and self._opened else self._open(path, hasher)
                self._opened = None
                hasher = opened.hasher
                self._check_unchanged(path)
                with opened:
                    blocks = self._file_blocks(path, opened.stream, layout, log, i == 0)
                    yield from self._watched(path, blocks)
            self._check_end(log)
        finally:
            self.rejected, self.first_rejected = log.rejected, log.first
            log.close()
        self._passed = True
        if hasher is not None:
            self._sha256 = hasher.hexdigest()

    def _file_blocks(
        self, path: str, stream: Stream, layout: Layout, log: RejectLog, first: bool
    ) -> Iterator[TextBlock]:
        own = layout if first else layout_of(path, stream, self.fmt, None, layout)
        assembler = Assembler(stream.name, own, self.labels, log)
        before = log.rows + log.rejected
        yield from read_blocks(path, stream, assembler, self._block_bytes, self._max_row)
        if log.rows + log.rejected == before and own.format != "lines":
            below = own.header is not None and own.format in ("csv", "tsv")
            raise DataError(
                "there are no rows below the header" if below else "the file is empty",
                where=stream.name,
                remedy="give a file with rows" + (", or --no-header" if below else ""),
            )

    def _watched(self, path: str, blocks: Iterator[TextBlock]) -> Iterator[TextBlock]:
        """Yield a file's blocks; of a later pass, each once the file is sure to be the same.

        In the first pass a file may grow.
        """
        try:
            for block in blocks:
                if self._passed:
                    self._check_unchanged(path)
                yield block
        except DataError:  # of a row that was not there before, or is no longer
            self._check_unchanged(path)
            raise
        if self._passed or self._is_cut_off(path):
            self._check_unchanged(path)

    def _is_cut_off(self, path: str) -> bool:
        """Return whether a file is shorter than when it was opened."""
        known = self._stamps.get(path)
        return known is not None and Path(path).is_file() and file_stamp(path)[2] < known[2]

    def _check_unchanged(self, path: str) -> None:
        """Raise a DataError if a file is not the one that the pass before read."""
        if self._single_pass:
            return
        stamp = file_stamp(path)
        if self._stamps.setdefault(path, stamp) != stamp:
            raise DataError(
                "was changed while it was in use",
                where=path,
                remedy="start again once nothing writes to it",
            )

    def _check_end(self, log: RejectLog) -> None:
        log.check_share()
        if log.rejected and not log.rows:
            first = log.first[0]
            rest = f", and all of its {log.rejected} rows are bad" if log.rejected > 1 else ""
            raise DataError(f"{first.what}{rest}", where=first.where, remedy=first.remedy)
