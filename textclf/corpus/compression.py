"""Decompression by magic bytes."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from textclf.errors import DataError
from textclf.reading import unreadable

STDIN = "standard input"

_PIECE = 256 << 10  # compressed bytes read at once

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def display_name(path: str) -> str:
    """Return what messages call the file."""
    return STDIN if path == "-" else path


def fill(read: Callable[[int], bytes], size: int) -> bytes:
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


class _Gzip:
    """Decompresses the members of a gzip file, in larger pieces than `gzip.GzipFile` does."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._rest = b""
        self._member = zlib.decompressobj(wbits=31)
        self._within = False  # whether some of the member was read

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end.

        Raises:
            EOFError: If the file is truncated.
            zlib.error: If it is damaged.
        """
        while True:
            compressed = self._rest or self._read(_PIECE)
            if not compressed and self._within:
                raise EOFError("truncated")
            if not compressed:
                return b""
            if not self._within:  # members may be padded with zeros
                compressed = compressed.lstrip(b"\0")
                self._within = bool(compressed)
            data = self._member.decompress(compressed, size)
            self._rest = self._member.unconsumed_tail
            if self._member.eof:
                self._rest = self._member.unused_data
                self._member, self._within = zlib.decompressobj(wbits=31), False
            if data:
                return data


def decompressed(name: str, raw: Callable[[int], bytes]) -> tuple[Callable[[int], bytes], str]:
    """Return a function that reads decompressed bytes, and the compression, by magic bytes."""

    def guarded(read: Callable[[int], bytes], compression: str) -> Callable[[int], bytes]:
        def checked(size: int) -> bytes:
            try:
                return read(size)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise _broken(name, error, compression) from error

        return checked

    magic = guarded(raw, "")(8)
    # A pipe may have brought a part of it only; not to wait for more than can be a magic number.
    while any(len(magic) < len(m) and m.startswith(magic) for m in _COMPRESSIONS) and magic:
        more = guarded(raw, "")(8 - len(magic))
        if not more:
            break
        magic += more
    source = _Source(magic, raw)
    kind = next((k for m, k in _COMPRESSIONS.items() if magic.startswith(m)), "")
    buffered = io.BufferedReader(source, 1 << 20)
    if kind == "gzip":
        return guarded(_Gzip(source.take).read, kind), kind
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
