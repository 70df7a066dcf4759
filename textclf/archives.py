"""Takes chosen files out of a tar archive without trusting it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from textclf.errors import FetchError
from textclf.progress import Progress, Report, silent

CHUNK = 1 << 20  # bytes
MAX_MEMBERS = 1000


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def unpack(
    archive: Path,
    names: Sequence[str],
    target: Path,
    *,
    max_bytes: int,
    max_members: int = MAX_MEMBERS,
    report: Report = silent,
) -> list[Path]:
    """Write the files called `names`, whatever folder of the archive they lie in, into `target`.

    No path of the archive is ever used. An archive that holds a link, a device, an absolute path
    or one with `..` is refused whole, although none of them would be written.

    Args:
        archive: A tar archive, plain or compressed by gzip, bzip2 or xz.
        names: Names without a folder.
        target: An existing folder.
        max_bytes: Most bytes that the archive may hold, uncompressed.
        max_members: Most files and folders that it may hold.
        report: Told how many bytes of the archive were read, of how many.

    Raises:
        FetchError: The archive is damaged, dangerous, too large, or does not hold the files once.
        OSError: The folder cannot be written.
    """
    written: dict[str, Path] = {}
    try:
        with archive.open("rb") as raw, _decompressed(raw) as plain:
            bounded = _Bounded(plain, raw, archive, max_bytes, report)
            # as a stream: one pass, and nothing is read that was not counted
            with tarfile.open(fileobj=bounded, mode="r|", bufsize=CHUNK) as tar:  # type: ignore[call-overload]
                for number, member in enumerate(tar, 1):
                    if number > max_members:
                        raise _refused(archive, f"holds more than {max_members} files")
                    _check(archive, member, target)
                    name = PurePosixPath(member.name).name
                    if not member.isreg() or name not in names:
                        continue
                    if name in written:
                        raise _refused(archive, f"holds {name} twice")
                    content = tar.extractfile(member)
                    assert content is not None, "a regular file has content"
                    written[name] = _write(content, target / name)
    except (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise _refused(archive, f"is damaged ({error})") from None
    except OSError as error:
        # the system's own errors have a number, those of gzip and bz2 do not
        if error.errno is not None:
            raise
        raise _refused(archive, f"is damaged ({error})") from None
    if missing := [name for name in names if name not in written]:
        raise _refused(archive, f"does not hold {' or '.join(missing)}")
    return list(written.values())


def _check(archive: Path, member: tarfile.TarInfo, target: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise _refused(archive, f"holds a file outside of its folder: {member.name!r}")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise _refused(archive, f"holds something else than files and folders: {member.name!r}")
    # what Python itself finds dangerous; the earliest releases of 3.11 lack it
    if data_filter := getattr(tarfile, "data_filter", None):
        data_filter(member, str(target))


def _write(content: _Readable, path: Path) -> Path:
    with path.open("xb") as file:
        while chunk := content.read(CHUNK):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return path


def _decompressed(raw: BinaryIO) -> BinaryIO:
    start = raw.read(6)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(raw)  # type: ignore[return-value]
    if start.startswith(b"BZh"):
        return bz2.open(raw)  # type: ignore[return-value]
    if start == b"\xfd7zXZ\0":
        return lzma.open(raw)  # type: ignore[return-value]
    return raw


class _Bounded:
    """A stream that refuses to go on after so many bytes.

    Args:
        plain: What to read from.
        raw: The archive as it is on disk, below `plain`.
        archive: Its path.
        max_bytes: How many bytes of `plain`.
        report: Told how far `raw` was read.
    """

    def __init__(
        self, plain: BinaryIO, raw: BinaryIO, archive: Path, max_bytes: int, report: Report
    ) -> None:
        self.plain, self.raw, self.archive = plain, raw, archive
        self.max_bytes, self.report = max_bytes, report
        self.size = archive.stat().st_size
        self.done = 0

    def read(self, size: int) -> bytes:
        chunk = self.plain.read(size)
        self.done += len(chunk)
        if self.done > self.max_bytes:
            raise _refused(self.archive, f"unpacks to more than {self.max_bytes} bytes")
        self.report(Progress(f"unpack {self.archive.name}", self.raw.tell(), self.size))
        return chunk


def _refused(archive: Path, what: str) -> FetchError:
    return FetchError(what, where=archive.name, remedy="nothing of it was used")
