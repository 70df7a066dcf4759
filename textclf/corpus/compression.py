"""Decompression by magic bytes."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from textclf.errors import DataError
from textclf.reading import unreadable

STDIN = "standard input"

# Endings of compressed files, where one is looked for by its name.
SUFFIXES = (".gz", ".bz2", ".xz", ".zst")

_PIECE = 256 << 10  # compressed bytes read at once

_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"]\x00\x00": "lzma",
    # Frames to be skipped, as pzstd writes them first.
    **{bytes([first]) + b"\x2a\x4d\x18": "zstd" for first in range(0x50, 0x60)},
}

_FIRST = 64 << 10  # bytes read at first, for a magic number and more


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


class _Members:
    """Decompresses the members that a file consists of; nothing but zeros may be between them.

    Args:
        read: Reads compressed bytes.
        new: Makes a decompressor of one member.
    """

    def __init__(self, read: Callable[[int], bytes], new: Callable[[], Any]) -> None:
        self._read, self._new = read, new
        self._rest = b""
        self._member = new()
        self._within = False  # whether some of the member was read

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end.

        Raises:
            EOFError: If the file is truncated.
            OSError: If it is damaged; or zlib.error, lzma.LZMAError.
        """
        while True:
            compressed = self._rest
            if not compressed and getattr(self._member, "needs_input", True):
                compressed = self._read(_PIECE)
                if not compressed and self._within:
                    raise EOFError("truncated")
                if not compressed:
                    return b""
            if not self._within:
                compressed = compressed.lstrip(b"\0")
                self._within = bool(compressed)
            data: bytes = self._member.decompress(compressed, size)
            self._rest = getattr(self._member, "unconsumed_tail", b"")  # others keep it themselves
            if self._member.eof:
                self._rest = self._member.unused_data
                self._member, self._within = self._new(), False
            if data:
                return data


_MEMBERS: dict[str, Callable[[], Any]] = {
    "gzip": partial(zlib.decompressobj, wbits=31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": partial(lzma.LZMADecompressor, lzma.FORMAT_XZ),
    "lzma": partial(lzma.LZMADecompressor, lzma.FORMAT_ALONE),
}


def decompressed(name: str, raw: Callable[[int], bytes]) -> tuple[Callable[[int], bytes], str]:
    """Return a function that reads decompressed bytes, and the compression, by magic bytes."""

    def guarded(read: Callable[[int], bytes], compression: str) -> Callable[[int], bytes]:
        def checked(size: int) -> bytes:
            try:
                return read(size)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise _broken(name, error, compression) from error

        return checked

    magic = guarded(raw, "")(_FIRST)
    # A pipe may have brought a part of it only; not to wait for more than can be a magic number.
    while any(len(magic) < len(m) and m.startswith(magic) for m in _COMPRESSIONS) and magic:
        more = guarded(raw, "")(8 - len(magic))
        if not more:
            break
        magic += more
    source = _Source(magic, raw)
    kind = next((k for m, k in _COMPRESSIONS.items() if magic.startswith(m)), "")
    if kind in _MEMBERS:
        return guarded(_Members(source.take, _MEMBERS[kind]).read, kind), kind
    if kind == "zstd":
        import pyarrow as pa

        buffered = io.BufferedReader(source, 1 << 20)
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
