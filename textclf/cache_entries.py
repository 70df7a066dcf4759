"""An entry of the cache: its files, linked or copied with their checksums, and what is noted."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from textclf.atomic import write_text
from textclf.errors import OutputError

MANIFEST = "entry.json"


@dataclass(frozen=True)
class Entry:
    """What is kept of a corpus.

    Attributes:
        folder: Where it lies; its name is the key.
    """

    folder: Path

    @property
    def key(self) -> str:
        """What it is found by."""
        return self.folder.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is noted of it; empty if that cannot be read, or is not what an entry notes."""
        try:
            known = json.loads((self.folder / MANIFEST).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if _is_manifest(known) else {}

    @cached_property
    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        for path in self.folder.rglob("*"):
            with suppress(OSError):
                total += path.lstat().st_size if path.is_file() else 0
        return total

    @cached_property
    def used(self) -> float:
        """When it was last used, in seconds since 1970; 0 if that is not known."""
        try:
            return (self.folder / MANIFEST).stat().st_mtime
        except OSError:
            return 0.0

    @property
    def sources(self) -> list[str]:
        """The files it was made of."""
        parts = self.manifest.get("identity") or {}
        return [str(entry[0]) for entries in parts.values() for entry in entries]

    def note_use(self, manifest: dict[str, Any]) -> None:
        """Note that it was used just now, and what is newly known of it."""
        with suppress(OSError, OutputError):  # it may be in a cache that one may only read
            if manifest == self.manifest:
                os.utime(self.folder / MANIFEST)
            else:
                write_text(self.folder / MANIFEST, json.dumps(manifest), "")


def _is_manifest(known: Any) -> bool:
    """Return whether a value has what is noted of an entry, as far as it is used as such."""

    def table(name: str, fits: Callable[[Any], bool]) -> bool:
        return isinstance(known.get(name), dict) and all(map(fits, known[name].values()))

    return (
        isinstance(known, dict)
        and isinstance(known.get("features"), int)
        and table("rows", lambda count: isinstance(count, int))
        and table("files", lambda stamp: isinstance(stamp, list))
        and table("identity", lambda entries: isinstance(entries, list) and all(entries))
        and all(isinstance(e, list) for entries in known["identity"].values() for e in entries)
    )


def names_in(folder: Path) -> Iterator[str]:
    """Yield the names of the files that make up a prepared corpus; the last one completes it."""
    from textclf.preparation import Prepared

    for part in ("train", "validation"):
        yield from (f"{part}/{path.name}" for path in sorted((folder / part).iterdir()))
    yield from Prepared.FILES


def link_all(source: Path, target: Path, known: dict[str, list[int]] | None = None) -> Any:
    """Link the files of a prepared corpus into another folder, or copy them to another disk.

    Args:
        source: Where they are.
        target: An empty folder.
        known: What sizes and checksums they must have.

    Returns:
        Size and CRC-32 by name.

    Raises:
        OSError: If it cannot be done.
        ValueError: If a file is not as it must be.
    """
    names = list(names_in(source))
    for part in ("train", "validation"):
        (target / part).mkdir()

    def link(name: str) -> list[int]:
        try:
            os.link(source / name, target / name)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, one without links, or another user's file
            shutil.copyfile(source / name, target / name)
        stamp = [(target / name).stat().st_size, _crc32(target / name)]
        if known is not None and known[name] != stamp:
            raise ValueError(f"{name} is not what was written")
        return stamp

    if known is not None and set(known) != set(names):
        raise ValueError("files are missing")
    with ThreadPoolExecutor(2) as threads:
        stamps = dict(zip(names[:-1], threads.map(link, names[:-1]), strict=True))
    return stamps | {names[-1]: link(names[-1])}


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb", buffering=0) as file:
        while data := file.read(1 << 20):
            value = zlib.crc32(data, value)
    return value
