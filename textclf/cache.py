"""Corpora turned into shards, kept for later runs that differ only in how they train.

Nothing in it is synced: what a crash of the machine damages is found by size and checksum.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import textclf
from textclf.cache_entries import MANIFEST, Entry, link_all, names_in
from textclf.errors import UsageError
from textclf.job import TrainingFiles, digest, identities, settled, shapes
from textclf.progress import Report
from textclf.settings import Settings

if TYPE_CHECKING:
    from textclf.preparation import Prepared, Stopwatch

Outcome = Literal["hit", "stored"] | None

log = logging.getLogger(__name__)

_FORMAT = 5
_NEW, _OLD = ".new-", ".old-"  # what is being made, and what is being removed
_MOST = 10 << 30  # bytes kept by default, or a quarter of the disk's room if that is less
_WAIT = 30.0  # seconds to wait for another run that writes to the cache


def default_cache_dir() -> Path:
    """Return the folder of caches: TEXTCLF_CACHE_DIR, or the user's of the platform."""
    if set_by_user := os.environ.get("TEXTCLF_CACHE_DIR"):
        return Path(set_by_user).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("textclf", appauthor=False))


def prepare_cached(
    cache: ShardCache | None,
    files: TrainingFiles,
    settings: Settings,
    work: Path,
    watch: Stopwatch,
    report: Report,
) -> tuple[Prepared, Outcome]:
    """Fill an empty folder with a corpus' shards: from the cache, or anew and then kept in it.

    Corpora that can be read only once, and those with bad rows, are not kept.

    Returns:
        What was prepared, and what the cache had to do with it.
    """
    from textclf.corpus_checks import check_early
    from textclf.preparation import prepare

    with watch.stage("read"):
        wanted, found = _Wanted.of(files, settings) if cache is not None else None, None
        if cache is not None and wanted is not None:
            check_early(files, settings.training.validation_split)
            found = cache.take(wanted, work, settings)
    if found is not None:
        with watch.stage("vectorize"):
            return found, "hit"
    with _warnings() as said:
        prepared = prepare(files, settings, work, watch, report)
    prepared.save(work)
    if cache is None or wanted is None or prepared.bad_rows:
        return prepared, None
    with watch.stage("vectorize"):
        return prepared, "stored" if cache.keep(wanted, prepared, work, said) else None


@dataclass(frozen=True)
class _Wanted:
    """What a job needs.

    Attributes:
        recipe: Hash of all that shards depend on, but the bytes of the files.
        files: By part, what is read.
        identity: What the system says of the files, see `identities`.
        since: When that was, in ISO 8601.
    """

    recipe: str
    files: dict[str, tuple[str, ...]]
    identity: dict[str, list[list[Any]]]
    since: str

    @classmethod
    def of(cls, files: TrainingFiles, settings: Settings) -> _Wanted | None:
        """Return what a job needs; None if that cannot come from a cache."""
        since = datetime.now(UTC).isoformat()
        read = dataclasses.replace(files, test=())
        identity = identities(read)
        if identity is None or files.bad_rows.rejects is not None:
            return None
        everything = [
            _FORMAT,
            textclf.__version__,
            sys.byteorder,
            files.format.said(),
            dataclasses.asdict(settings.ngrams),
            None if files.validation else settings.training.validation_split,
            settings.training.seed,
            shapes(identity),
        ]
        text = json.dumps(everything, sort_keys=True)
        recipe = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return cls(recipe, dict(read.parts()), identity, since)

    def key(self, sha256: dict[str, str]) -> str:
        """Return the key of the files with these hashes."""
        text = json.dumps([self.recipe, sha256], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class ShardCache:
    """A folder of entries, the least recently used of which make room for new ones.

    Args:
        folder: The folder of caches; by default `default_cache_dir`.
        limit: Most bytes; by default 10 GiB or a quarter of the disk's room.
    """

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        self.folder = (folder or default_cache_dir()) / "shards"
        self._limit = limit

    def entries(self) -> list[Entry]:
        """Return what is kept, the least recently used first."""
        try:
            found = [p for p in self.folder.iterdir() if _is_folder(p) and p.name[0] != "."]
        except OSError:
            return []
        return sorted(map(Entry, found), key=lambda entry: (entry.used, entry.key))

    def find(self, key: str) -> Entry:
        """Return an entry by its key or the start of it.

        Raises:
            UsageError: If there is none, or more than one.
        """
        found = [entry for entry in self.entries() if entry.key.startswith(key)]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} entries begin with {key}" if found else f"no entry {key}"
        raise UsageError(what, where=str(self.folder), remedy="see 'textclf cache list'")

    def remove(self, entry: Entry) -> None:
        """Remove an entry; a run that trains on it has links to its files, and goes on.

        Raises:
            OSError: If that is not permitted.
        """
        # Hidden first: an entry that is half removed must not be seen as whole.
        hidden = entry.folder.with_name(f"{_OLD}{secrets.token_hex(4)}")
        with suppress(FileNotFoundError):
            entry.folder.rename(hidden)
        _discard(hidden)

    def remove_links(self) -> None:
        """Remove links from the folder, which has none of its own; what they point to stays."""
        with suppress(OSError):
            for path in self.folder.iterdir():
                if path.is_symlink():
                    _discard(path)

    def take(self, wanted: _Wanted, work: Path, settings: Settings) -> Prepared | None:
        """Put what a job needs into an empty folder; None, and nothing in it, if it is not kept.

        The files are hashed only if an entry could be of them, and the system does not say that
        they are as they were.
        """
        sha256: dict[str, str] | None = None
        for entry in reversed(self.entries()):
            known = entry.manifest
            if known.get("recipe") != wanted.recipe:
                continue
            same = known.get("identity") == wanted.identity
            if not (same and settled(wanted.identity, known.get("since"))):
                try:
                    sha256 = sha256 or {part: digest(names) for part, names in wanted.files.items()}
                except OSError:  # which will be said when they are read
                    return None
                if known.get("sha256") != sha256:
                    continue
                known = known | {"identity": wanted.identity, "since": wanted.since}
            if found := self._taken(entry, work, settings):
                entry.note_use(known)
                log.info("vectorized before: taken from the cache, %s", entry.key[:12])
                for said in known.get("warnings", []):
                    log.warning("%s", said)
                return found
            shutil.rmtree(work)
            work.mkdir()
        return None

    def _taken(self, entry: Entry, work: Path, settings: Settings) -> Prepared | None:
        from textclf.preparation import Prepared

        try:
            link_all(entry.folder, work, entry.manifest["files"])
            if found := Prepared.load(work, settings):
                return found
            wrong = "cannot be loaded"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if not entry.folder.exists():  # another run has just removed it
                return None
            wrong = str(error)
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                log.warning(
                    "%s: nothing can be put there from the cache (%s); the files are read anew",
                    work, error.strerror or error,
                )  # fmt: skip
                return None
        log.warning("%s: is damaged (%s); the files are read anew", entry.folder, wrong)
        with suppress(OSError):
            self.remove(entry)
        return None

    def keep(
        self, wanted: _Wanted, prepared: Prepared, work: Path, warnings: Sequence[str] = ()
    ) -> bool:
        """Keep what is in a run's folder, and return whether that was possible.

        Args:
            wanted: What it is of.
            prepared: What it holds.
            work: The folder.
            warnings: What was said of the data, and is said again to those who take it.
        """
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock").acquire(_WAIT):
                for kind in (_NEW, _OLD):
                    for left in self.folder.glob(f"{kind}*"):
                        _discard(left)
                return self._kept(wanted, prepared, work, warnings)
        except Timeout:
            log.info("another run writes to the cache: what was vectorized is not kept")
        except OSError as error:
            why = error.strerror or error
            log.warning("%s: what was vectorized is not kept (%s)", self.folder, why)
        return False

    def _kept(
        self, wanted: _Wanted, prepared: Prepared, work: Path, warnings: Sequence[str]
    ) -> bool:
        size = sum((work / name).stat().st_size for name in names_in(work))
        if not self._make_room(size):
            log.info("what was vectorized is too large for the cache: %d MB", size // 1_000_000)
            return False
        new = self.folder / f"{_NEW}{secrets.token_hex(4)}"
        new.mkdir()
        try:
            manifest = {
                "recipe": wanted.recipe,
                "sha256": prepared.sha256,
                "identity": wanted.identity,
                "since": wanted.since,
                "rows": {"train": prepared.train.n_rows, "validation": prepared.validation.n_rows},
                "features": prepared.train.n_features,
                "warnings": list(warnings),
                "files": link_all(work, new),
            }
            (new / MANIFEST).write_text(json.dumps(manifest), "utf-8")
            entry = Entry(self.folder / wanted.key(prepared.sha256))
            self.remove(entry)  # a damaged one, or another run's, which is the same
            new.rename(entry.folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return True

    def _make_room(self, size: int) -> bool:
        """Remove what was not used for longest; False, and nothing removed, if that is no use."""
        entries = self.entries()
        kept = sum(entry.size for entry in entries)
        free = shutil.disk_usage(self.folder).free
        limit = min(_MOST, (kept + free) // 4) if self._limit is None else self._limit
        limit = min(limit, kept + free * 9 // 10)
        if size > limit:
            return False
        for entry in entries:
            if kept + size <= limit:
                break
            self.remove(entry)
            kept -= entry.size
        return True


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the warnings that are logged meanwhile."""
    said: list[str] = []
    collector = logging.Handler(logging.WARNING)
    collector.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    package = logging.getLogger(textclf.__name__)
    package.addHandler(collector)
    try:
        yield said
    finally:
        package.removeHandler(collector)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _discard(path: Path) -> None:
    """Remove a folder with all that is in it, or a link or a file."""
    if _is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
