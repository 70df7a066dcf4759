"""Corpora: files of labelled texts, read as blocks in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from textclf.corpus.bad_rows import BadRows, RejectLog
from textclf.corpus.block import TextBlock
from textclf.corpus.formats import layout_of, read_blocks
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import CorpusFormat, Layout, check_format
from textclf.corpus.prefetch import prefetched
from textclf.corpus.rows import MAX_ROW, Assembler
from textclf.corpus.spool import Spool
from textclf.corpus.streams import (
    OpenFile,
    Stream,
    check_encoding,
    check_file,
    display_name,
    is_single_pass,
    open_file,
)
from textclf.errors import DataError, UsageError

__all__ = ["BadRows", "Corpus", "CorpusFormat", "Layout"]


class Corpus:
    """Files of texts, read as often as needed, a block at a time.

    Attributes:
        labels: Codes of the labels; without a given map, labels are added as they are seen.
        rejected: Bad rows of the last pass.

    Args:
        files: Paths; `-` is standard input. What the first file's layout is, all files' is.
        fmt: What is known of the layout; the rest is detected.
        labels: Known labels. A label that a frozen map does not know makes a bad row.
        bad_rows: What is tolerated; by default nothing.
        block_bytes: Bytes of a file that are read at once.
        spool_dir: Where what can be read only once (standard input, a pipe) is kept for further
            passes; without it there is one pass.
        unknown_labels: `keep` keeps rows with labels that a frozen map does not know, coded -1.
        max_row_bytes: Most bytes of a row.
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        fmt: CorpusFormat | None = None,
        *,
        labels: LabelMap | None = None,
        bad_rows: BadRows | None = None,
        block_bytes: int = 4 << 20,
        spool_dir: Path | None = None,
        unknown_labels: Literal["reject", "keep"] = "reject",
        max_row_bytes: int = MAX_ROW,
    ) -> None:
        self.files = tuple(str(file) for file in files)
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
        self._bad_rows = bad_rows or BadRows()
        self._block_bytes, self._max_row = block_bytes, max_row_bytes
        self._keep_unknown = unknown_labels == "keep"
        self._spool_dir = spool_dir
        self._single_pass = any(is_single_pass(file) for file in self.files)
        self._spool: Spool | None = None
        self._started = False
        self._opened: tuple[OpenFile, Stream] | None = None  # a first file that opens only once
        self._hasher = hashlib.sha256()
        self._layout: Layout | None = None
        self._sha256: str | None = None
        self._counts: dict[int, int] | None = None

    @property
    def layout(self) -> Layout:
        """How the first file is laid out.

        Raises:
            DataError: If it cannot be told.
        """
        if self._layout is None:
            self._check_files()
            opened, stream = self._open_first()
            self._layout = layout_of(self.files[0], stream, self.fmt, self._known)
            if not self._single_pass:
                opened.close()
        return self._layout

    def sha256(self) -> str:
        """Return the SHA-256 of the files' bytes, one after the other, in hexadecimal.

        Raises:
            RuntimeError: If no pass over the corpus was completed.
        """
        if self._sha256 is None:
            raise RuntimeError("the corpus was not read to its end yet")
        return self._sha256

    def counts(self) -> dict[str, int]:
        """Return the rows of each label, once a pass was completed.

        Raises:
            RuntimeError: If no pass over the corpus was completed.
        """
        if self._counts is None:
            raise RuntimeError("the corpus was not read to its end yet")
        return {self.labels.names[code]: n for code, n in self._counts.items() if code >= 0}

    def blocks(self) -> Iterator[TextBlock]:
        """Start a pass: yield the rows, in order, parsed ahead on a thread.

        Raises:
            DataError: If a file cannot be read or used, or too many rows are bad.
            UsageError: If the corpus can be read only once and was.
        """
        if not self._single_pass:
            return prefetched(self._pass)
        if self._spool_dir is not None:
            if self._spool is None:
                self._spool = Spool(prefetched(self._pass), self._spool_dir)
            return self._spool.blocks()
        if self._started:
            raise UsageError(
                "can be read only once",
                where=", ".join(display_name(file) for file in self.files),
                remedy="write it to a file",
            )
        self._started = True
        return prefetched(self._pass)

    def _check_files(self) -> None:
        for file in self.files:
            check_file(file)

    def _open_first(self) -> tuple[OpenFile, Stream]:
        """Open the first file, or return it if it is open since its layout was told."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            return opened
        self._hasher = hashlib.sha256()
        opened_file = open_file(self.files[0], self._hasher)
        try:
            pair = opened_file, opened_file.stream(self.fmt.encoding)
        except DataError:
            opened_file.close()
            raise
        if self._single_pass and self._layout is None:
            self._opened = pair
        return pair

    def _pass(self) -> Generator[TextBlock, None, None]:
        layout = self.layout
        log = RejectLog(self._bad_rows, write=self._sha256 is None)
        counts: dict[int, int] = {}
        try:
            log.start()
            for i, path in enumerate(self.files):
                opened, stream = self._open_first() if i == 0 else self._open_next(path)
                with opened:
                    own = layout if i == 0 else layout_of(path, stream, self.fmt, None, layout)
                    before = log.rows + log.rejected
                    assembler = Assembler(stream.name, own, self.labels, log, self._keep_unknown)
                    for block in read_blocks(stream, assembler, self._block_bytes, self._max_row):
                        _count(counts, block)
                        yield block
                    if log.rows + log.rejected == before and (own.format != "lines"):
                        raise _no_rows(stream.name, own)
            log.check_share(self.files[0])
            if log.rejected and not log.rows:
                raise DataError("every row is bad", where=self.files[0], remedy="see the rejects")
        finally:
            self.rejected = log.rejected
            log.close()
        self._counts = counts
        if self._sha256 is None:
            self._sha256 = self._hasher.hexdigest()

    def _open_next(self, path: str) -> tuple[OpenFile, Stream]:
        opened = open_file(path, self._hasher)
        try:
            return opened, opened.stream(self.fmt.encoding)
        except DataError:
            opened.close()
            raise


def _count(counts: dict[int, int], block: TextBlock) -> None:
    if block.labels is not None:
        codes, numbers = np.unique(block.labels, return_counts=True)
        for code, number in zip(codes.tolist(), numbers.tolist(), strict=True):
            counts[code] = counts.get(code, 0) + number


def _no_rows(where: str, layout: Layout) -> DataError:
    what = "there are no rows below the header" if layout.header else "the file is empty"
    return DataError(what, where=where, remedy="give a file with rows")
