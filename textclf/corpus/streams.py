"""Files and standard input as streams of UTF-8 bytes: decompressed, hashed, transcoded."""

from __future__ import annotations

import codecs
import os
import select
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

from textclf.corpus.compression import decompressed, display_name, fill
from textclf.errors import DataError, UsageError
from textclf.reading import unreadable

HEAD = 64 << 10  # bytes that a layout is told from, and that make a file small
_PAUSE = 0.01  # seconds without new bytes after which what a pipe has brought is passed on
PARQUET = b"PAR1"

_NOT_TEXT = {
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"SQLite format 3": "an SQLite database",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "compressed twice",
    b"\x28\xb5\x2f\xfd": "compressed twice",
    b"\xfd7zXZ\x00": "compressed twice",
}
# Which bytes of four are 0 in text of Latin letters, and how much of it is needed to tell.
_ZEROS = {"utf-16-le": (1, 3), "utf-16-be": (0, 2), "utf-32-le": (1, 2, 3), "utf-32-be": (0, 1, 2)}
_WIDE_TEXT = 32  # bytes
_OFFICE = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis")  # first in their archives
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # which begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Hasher(Protocol):
    """What takes the raw bytes, such as `hashlib.sha256()`."""

    def update(self, data: Any, /) -> None:
        """Take the next bytes."""

    def hexdigest(self) -> str:
        """Return the hash of the bytes taken so far."""


def _flag(error: UnicodeError) -> tuple[str, int]:
    """Put a lone surrogate where bytes cannot be decoded, so that the row is found to be bad."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error("textclf.flag", _flag)


class Stream:
    """A file's text as UTF-8 bytes, without byte order mark.

    Bytes that are not text in the file's encoding come out as bytes that are not UTF-8.

    Attributes:
        name: For messages.
        compression: `gzip`, `bzip2`, `xz`, `lzma`, `zstd` or nothing.
        encoding: The encoding that is read.
        copy: Its bytes in a temporary file, for a reader that has to seek.

    Args:
        name: For messages.
        raw: Reads bytes of the file.
        encoding: The encoding; None: UTF-8, or UTF-16 or UTF-32 if a byte order mark says so.
        live: Whether reads return what there is, without waiting for as much as was asked for.
    """

    def __init__(
        self, name: str, raw: Callable[[int], bytes], encoding: str | None, live: bool = False
    ) -> None:
        self.name = name
        self.copy: IO[bytes] | None = None
        self._raw, self.compression = decompressed(name, raw)
        self._live = live and not self.compression
        self._pending = self._read(HEAD)
        _check_text(name, self._pending)
        self.encoding = encoding or "utf-8"
        for mark, marked in _BOMS:
            if self._pending.startswith(mark) and encoding in (None, marked):
                self.encoding = marked
                break
        if self.encoding == "utf-8" and (wide := _wide_encoding(self._pending)):
            remedy = f"give --encoding {wide}"
            raise DataError(f"is {wide} without a byte order mark", where=name, remedy=remedy)
        self._decoder: codecs.IncrementalDecoder | None = None
        if self._pending.startswith(PARQUET):
            self.encoding = "utf-8"
        elif codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig"):
            self._pending = self._pending.removeprefix(codecs.BOM_UTF8)
        else:
            self._decoder = codecs.getincrementaldecoder(self.encoding)("textclf.flag")
            self._pending = self._transcode(self._pending).removeprefix(codecs.BOM_UTF8)

    def head(self, line: bool = False) -> bytes:
        """Return the first bytes, HEAD or all of them; they will be read again.

        Args:
            line: Whether a first line is enough.
        """
        while len(self._pending) < HEAD and not (line and b"\n" in self._pending):
            more = self._next(HEAD)
            if not more:
                break
            self._pending += more
        return self._pending

    def head_with_line(self, most: int) -> bytes:
        """Return the first bytes, a whole first line that is not blank among them.

        Args:
            most: Bytes after which no end of the line is looked for.
        """
        while b"\n" not in self._pending.lstrip() and len(self._pending) <= most:
            more = self._next(max(HEAD, len(self._pending)))
            if not more:
                break
            self._pending += more
        return self._pending

    def read(self, size: int) -> bytes:
        """Return about so many bytes; none at the end."""
        if self._pending:
            pending, self._pending = self._pending, b""
            return pending
        return self._next(size)

    def _next(self, size: int) -> bytes:
        while data := self._read(size):
            if self._decoder is None:
                return data
            if text := self._transcode(data):
                return text
        if self._decoder is not None:
            rest = self._transcode(b"", final=True)
            self._decoder = None
            return rest
        return b""

    def _read(self, size: int) -> bytes:
        return self._raw(size) if self._live else fill(self._raw, size)

    def _transcode(self, data: bytes, final: bool = False) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decode(data, final).encode("utf-8", "surrogatepass")
        except UnicodeError as error:  # the whole file is at fault
            without_mark = "BOM" in str(error)  # which versions of Python word differently
            raise DataError(
                f"is not valid {self.encoding} "
                f"({'it has no byte order mark' if without_mark else error})",
                where=self.name,
                remedy="give another --encoding",
            ) from error


class OpenFile:
    """A file that is open; leaving it as a context closes it.

    Attributes:
        stream: Its text.
        hasher: What its raw bytes go through.
    """

    def __init__(self, path: str, file: Any, encoding: str | None, hasher: Hasher | None) -> None:
        self._file, self._keep, self.hasher = file, path == "-", hasher
        self._live = is_live(file)
        try:
            self.stream = Stream(display_name(path), self._read, encoding, self._live)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if not self._keep:
            self._file.close()

    def _read(self, size: int) -> bytes:
        data: bytes = self._file.read(size) or b""
        if self._live and data:
            data = self._more(data, size)
        if self.hasher is not None:
            self.hasher.update(data)
        return data

    def _more(self, data: bytes, size: int) -> bytes:
        """Add what else comes without a pause: blocks of a fast writer shall not be tiny."""
        parts, have = [data], len(data)
        while have < size and select.select([self._file], [], [], _PAUSE)[0]:
            if not (data := self._file.read(size - have) or b""):
                break
            parts.append(data)
            have += len(data)
        return b"".join(parts)


def is_live(file: Any) -> bool:
    """Return whether an open file is a pipe, a socket or a terminal, whose writer may pause."""
    try:
        mode = os.fstat(file.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def open_file(path: str, encoding: str | None = None, hasher: Hasher | None = None) -> OpenFile:
    """Open a file, or standard input for `-`.

    Args:
        path: The file.
        encoding: Its encoding; by default UTF-8, or UTF-16 if its byte order mark says so.
        hasher: Takes its raw bytes as they are read.

    Raises:
        DataError: If it cannot be opened, or is no text.
    """
    if path == "-":
        source = getattr(sys.stdin, "buffer", None)
        if source is None:
            raise DataError(
                "is closed", where=display_name(path), remedy="give a file or pipe text in"
            )
        # Unbuffered: a thread that still waits for it at exit must not hold the buffer's lock.
        return OpenFile(path, getattr(source, "raw", source), encoding, hasher)
    check_file(path)
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - closed by OpenFile
    except OSError as error:
        raise unreadable(path, error) from error
    return OpenFile(path, file, encoding, hasher)


def check_file(path: str) -> None:
    """Raise a DataError unless the path is a file that exists."""
    if path == "-":
        return
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        raise DataError(
            "is a folder", where=path, remedy="name the files in it, such as FOLDER/*.csv"
        )


def file_stamp(path: str) -> tuple[int, ...]:
    """Return which file a path names, its size and when it was last changed, in nanoseconds.

    Raises:
        DataError: If it is gone.
    """
    try:
        status = Path(path).stat()
    except OSError as error:
        raise unreadable(path, error) from error
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def is_single_pass(path: str) -> bool:
    """Return whether the path can be read only once: standard input, a pipe, a device."""
    if path == "-":
        return True
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return False


def check_encoding(encoding: str | None) -> None:
    """Raise a UsageError unless the encoding is one of text."""
    if encoding is None:
        return
    try:
        info = codecs.lookup(encoding)
        "".encode(encoding)  # raises LookupError for codecs that are not encodings of text
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"unknown encoding {encoding!r}", remedy="give for example utf-8, utf-16 or cp1252"
        ) from error
    if info.incrementaldecoder is None:
        raise UsageError(f"encoding {encoding!r} cannot be streamed", remedy="convert to UTF-8")


def _wide_encoding(head: bytes) -> str:
    """Return the encoding of text of which most characters have bytes that are 0; else nothing."""
    size = len(head) // 4 * 4
    if size < _WIDE_TEXT or head.startswith(PARQUET):
        return ""
    zeros = [head[i:size:4].count(0) * 4 / size for i in range(4)]
    often, never = [z > 0.5 for z in zeros], [z < 0.1 for z in zeros]
    for encoding, places in _ZEROS.items():
        if all(often[i] if i in places else never[i] for i in range(4)):
            return encoding
    return ""


def _check_text(name: str, head: bytes) -> None:
    kind = next((kind for magic, kind in _NOT_TEXT.items() if head.startswith(magic)), "")
    if head[257:262] == b"ustar":
        kind = "a tar archive"
    remedy = "unpack it or name another file"
    if kind == "a zip archive" and any(part in head for part in _OFFICE):
        kind, remedy = "a workbook or document of an office program", "save it as CSV there"
    if kind:
        raise DataError(f"is not text but {kind}", where=name, remedy=remedy)
