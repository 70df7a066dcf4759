"""Files and standard input as streams of UTF-8 bytes: decompressed, hashed, transcoded."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import stat
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from textclf.errors import DataError, UsageError

HEAD = 64 << 10  # bytes that a layout is told from, and that make a file small
STDIN = "standard input"

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
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
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Hasher(Protocol):
    """What takes the raw bytes, such as `hashlib.sha256()`."""

    def update(self, data: Any, /) -> None:
        """Take the next bytes."""


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
        compression: `gzip`, `bzip2`, `xz`, `zstd` or nothing.
        encoding: The encoding that is read.
    """

    def __init__(self, name: str, raw: Callable[[int], bytes], encoding: str | None) -> None:
        self.name = name
        self._raw, self.compression = _decompressed(name, raw)
        self._pending = _fill(self._raw, HEAD)
        _check_text(name, self._pending)
        bom, self.encoding = b"", encoding or "utf-8"
        for mark, marked in _BOMS:
            if self._pending.startswith(mark) and encoding in (None, marked):
                bom, self.encoding = mark, marked
                break
        self._decoder: codecs.IncrementalDecoder | None = None
        if codecs.lookup(self.encoding).name == "utf-8":
            self._pending = self._pending.removeprefix(codecs.BOM_UTF8)
        else:
            self._decoder = codecs.getincrementaldecoder(self.encoding)("textclf.flag")
            self._pending = self._transcode(self._pending)

    def head(self) -> bytes:
        """Return the first bytes, HEAD or all of them; they will be read again."""
        while len(self._pending) < HEAD and (more := self._next(HEAD)):
            self._pending += more
        return self._pending

    def read(self, size: int) -> bytes:
        """Return about so many bytes; none at the end."""
        if self._pending:
            pending, self._pending = self._pending, b""
            return pending
        return self._next(size)

    def _next(self, size: int) -> bytes:
        while data := _fill(self._raw, size):
            if self._decoder is None:
                return data
            if text := self._transcode(data):
                return text
        if self._decoder is not None:
            decoder, self._decoder = self._decoder, None
            return decoder.decode(b"", True).encode("utf-8", "surrogatepass")
        return b""

    def _transcode(self, data: bytes) -> bytes:
        assert self._decoder is not None
        return self._decoder.decode(data).encode("utf-8", "surrogatepass")


class OpenFile:
    """A file that is open; closes it when left."""

    def __init__(self, path: str, file: Any, hasher: Hasher | None) -> None:
        self.path, self._file, self._hasher = path, file, hasher

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self.path != "-":
            self._file.close()

    def read(self, size: int) -> bytes:
        """Return at most so many raw bytes; they are hashed."""
        data: bytes = self._file.read(size) or b""
        if self._hasher is not None:
            self._hasher.update(data)
        return data

    def stream(self, encoding: str | None) -> Stream:
        """Return the file's text."""
        return Stream(display_name(self.path), self.read, encoding)


def display_name(path: str) -> str:
    """Return what messages call the file."""
    return STDIN if path == "-" else path


def open_file(path: str, hasher: Hasher | None = None) -> OpenFile:
    """Open a file, or standard input for `-`.

    Raises:
        DataError: If it cannot be opened.
    """
    if path == "-":
        source = getattr(sys.stdin, "buffer", None)
        if source is None:
            raise DataError("is closed", where=STDIN, remedy="give a file or pipe text in")
        # Unbuffered: a thread that still waits for it at exit must not hold the buffer's lock.
        return OpenFile(path, getattr(source, "raw", source), hasher)
    check_file(path)
    try:
        return OpenFile(path, Path(path).open("rb", buffering=0), hasher)
    except OSError as error:
        raise unreadable(path, error) from error


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
            f"unknown encoding {encoding!r}", remedy="give for example utf-8, utf-16 or latin-1"
        ) from error
    if info.incrementaldecoder is None:
        raise UsageError(f"encoding {encoding!r} cannot be streamed", remedy="convert to UTF-8")


def unreadable(path: str, error: OSError | ValueError) -> DataError:
    """Return the error for a file that cannot be read."""
    where = display_name(path)
    if isinstance(error, FileNotFoundError):
        return DataError("no such file", where=where, remedy="check the path")
    if isinstance(error, PermissionError):
        return DataError(
            "may not be read (permission denied)", where=where, remedy="change its permissions"
        )
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DataError(f"cannot be read ({reason})", where=where, remedy="check the file")


def _fill(read: Callable[[int], bytes], size: int) -> bytes:
    """Read so many bytes, fewer only at the end."""
    data = read(size)
    if len(data) >= size or not data:
        return data
    parts, have = [data], len(data)
    while have < size and (data := read(size - have)):
        parts.append(data)
        have += len(data)
    return b"".join(parts)


class _Source(io.RawIOBase):
    """Bytes already read, then the rest, as a file for the decompressors."""

    def __init__(self, first: bytes, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._first, self._read = first, read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def take(self, size: int) -> bytes:
        if self._first:
            data, self._first = self._first[:size], self._first[size:]
            return data
        return self._read(size)


def _decompressed(name: str, raw: Callable[[int], bytes]) -> tuple[Callable[[int], bytes], str]:
    """Return a function that reads decompressed bytes, and the compression, by magic bytes."""

    def guarded(read: Callable[[int], bytes], compression: str) -> Callable[[int], bytes]:
        def checked(size: int) -> bytes:
            try:
                return read(size)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise _broken(name, error, compression) from error

        return checked

    magic = guarded(lambda size: _fill(raw, size), "")(8)
    source = _Source(magic, raw)
    kind = next((k for m, k in _COMPRESSIONS.items() if magic.startswith(m)), "")
    buffered = io.BufferedReader(source, 1 << 20)
    if kind == "gzip":
        return guarded(gzip.GzipFile(fileobj=buffered).read1, kind), kind
    if kind == "bzip2":
        return guarded(bz2.BZ2File(buffered).read1, kind), kind
    if kind == "xz":
        return guarded(lzma.LZMAFile(buffered).read1, kind), kind
    if kind == "zstd":
        import pyarrow as pa

        opened = pa.CompressedInputStream(pa.PythonFile(buffered, mode="r"), "zstd")
        return guarded(opened.read, kind), kind
    return guarded(source.take, ""), kind


def _broken(name: str, error: Exception, compression: str) -> DataError:
    text = str(error)
    if compression and (isinstance(error, EOFError) or "runcated" in text):
        return DataError(
            f"the {compression} file is truncated: it ends before its end",
            where=name,
            remedy="copy or download it again",
        )
    if compression and getattr(error, "errno", None) is None:
        return DataError(
            f"the {compression} file is damaged ({text})",
            where=name,
            remedy="copy or download it again",
        )
    return unreadable(name, error if isinstance(error, OSError) else ValueError(text))


def _check_text(name: str, head: bytes) -> None:
    kind = next((kind for magic, kind in _NOT_TEXT.items() if head.startswith(magic)), "")
    if head[257:262] == b"ustar":
        kind = "a tar archive"
    if kind:
        raise DataError(
            f"is not text but {kind}", where=name, remedy="unpack it or name another file"
        )
