"""A training job: its files and settings, and whether it is the same as one done before."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import textclf
from textclf.corpus.bad_rows import BadRows
from textclf.corpus.compression import display_name
from textclf.corpus.files import expand_files
from textclf.corpus.layout import CorpusFormat
from textclf.corpus.streams import check_file, is_single_pass
from textclf.errors import UsageError
from textclf.escapes import encodable
from textclf.runs import Run
from textclf.settings import Settings, as_table

PARTS = ("train", "validation", "test")
# Seconds before a run began in which a change of a file may leave its time stamp as it was.
_SETTLED = 2.0


@dataclass(frozen=True)
class TrainingFiles:
    """The files to train on.

    Attributes:
        train: Training rows.
        validation: Rows for early stopping; without them, some training rows are held out.
        test: Rows for the final figures.
        format: How the files are laid out.
        bad_rows: How many bad rows of a file are tolerated.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    format: CorpusFormat = field(default_factory=CorpusFormat)
    bad_rows: BadRows = field(default_factory=BadRows)

    def parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the parts that there are: their names and files."""
        for part in PARTS:
            if files := getattr(self, part):
                yield part, files


def check_files(files: TrainingFiles) -> None:
    """Look at files before anything is begun.

    Raises:
        DataError: If one is missing.
        UsageError: If a pipe is given twice: who reads it again would wait for ever.
    """
    names = [name for _, part in files.parts() for name in expand_files(part)]
    for name in names:
        check_file(name)
        if is_single_pass(name) and names.count(name) > 1:
            raise UsageError(
                "can be read only once, and is given twice",
                where=display_name(name),
                remedy="write it to a file",
            )


def recipe(files: TrainingFiles, settings: Settings, warm: bool = False) -> str:
    """Return a hash of all that the model depends on, apart from the rows themselves.

    Args:
        files: What is trained on.
        settings: How.
        warm: Whether training is to start from the published model; which one, is not told.
    """
    table = as_table(settings)
    for irrelevant in ("time_limit", "threads"):
        table["training"].pop(irrelevant, None)
    layout = files.format.said()
    parts = [part for part, _ in files.parts()]
    everything = [table, layout, files.bad_rows.limit, parts, *(["warm"] if warm else [])]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def identities(files: TrainingFiles) -> dict[str, list[list[Any]]] | None:
    """Return by part each file's path, size, times of change and inode.

    The time of the inode's change is among them: unlike the others it cannot be set by hand.
    None if something is no ordinary file, and can be read only once.

    Raises:
        DataError: If a pattern matches no file.
    """
    found: dict[str, list[list[Any]]] = {}
    for part, names in files.parts():
        found[part] = []
        for name in expand_files(names):
            try:
                status = os.stat(name)  # noqa: PTH116 - "-" must not be taken for a path
            except (OSError, ValueError):
                return None
            if name == "-" or not stat.S_ISREG(status.st_mode):
                return None
            times = [status.st_mtime_ns, status.st_ctime_ns]
            where = encodable(str(Path(name).absolute()))
            found[part].append([where, status.st_size, *times, status.st_dev, status.st_ino])
    return found


def shapes(found: Mapping[str, list[list[Any]]]) -> dict[str, list[list[Any]]]:
    """Return what a hash of all files' bytes, one after the other, says nothing of, by part.

    It is the ends of their names, which tell formats, and their sizes.

    Args:
        found: From `identities`.
    """
    return {part: [[PurePath(e[0]).suffixes, e[1]] for e in found[part]] for part in found}


def digest(names: Sequence[str]) -> str:
    """Return the SHA-256 of the bytes of files, one after the other.

    Raises:
        OSError: If one cannot be read.
    """
    sha256 = hashlib.sha256()
    for name in expand_files(names):
        with Path(name).open("rb", buffering=0) as file:
            while data := file.read(1 << 20):
                sha256.update(data)
    return sha256.hexdigest()


def unchanged(
    run: Run,
    files: TrainingFiles,
    settings: Settings,
    warm: bool = False,
    time_limit: float = 0.0,
) -> bool:
    """Return whether training would repeat a run: same recipe, and same bytes in the files.

    The files are hashed, unless they have not been touched since well before the run began.

    Args:
        run: The run.
        files: What would be trained on.
        settings: How.
        warm: As for `recipe`.
        time_limit: Seconds that a job may take; 0: any. A run that had no more and was ended by
            it would be repeated, unless it had not completed an epoch.
    """
    metrics = run.metrics
    job: Mapping[str, Any] = metrics.get("job") or {}
    known: Mapping[str, str] = metrics.get("sha256") or {}
    if job.get("recipe") != recipe(files, settings, warm):
        return False
    if metrics.get("ended") == "time":
        had = job.get("time_limit")
        short = isinstance(had, (int, float)) and 0 < time_limit <= had
        if not (short and metrics.get("epochs")):
            return False
    now, before = identities(files), job.get("files")
    if now is None or set(now) != set(known):
        return False
    untouched = settled(now, metrics.get("started"))
    try:
        if before and shapes(now) != shapes(before):
            return False
        return all(
            (untouched and now[part] == (before or {}).get(part)) or digest(names) == known[part]
            for part, names in files.parts()
        )
    except (OSError, TypeError, LookupError):  # what is known may be damaged
        return False


def settled(now: Mapping[str, list[list[Any]]], started: object) -> bool:
    """Return whether files of these identities were last changed well before a time (ISO 8601)."""
    try:
        began = datetime.fromisoformat(str(started)).timestamp()
    except ValueError:
        return False
    changed = max(int(entry[3]) for entries in now.values() for entry in entries) / 1e9
    return changed < began - _SETTLED


def resume_key(
    files: TrainingFiles, settings: Settings, warm: bool = False, origin: str | None = None
) -> str | None:
    """Return what an interrupted run must share with this job to be continued by it.

    What it has on disk was not all synced, so it also says since when the machine has been up.
    None if the files can be read only once.

    Args:
        files: As for `recipe`.
        settings: As for `recipe`.
        warm: As for `recipe`.
        origin: The run that training starts from.
    """
    now = identities(files)
    if now is None:
        return None
    try:
        booted = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        booted = ""
    rejects = str(files.bad_rows.rejects)  # which were written as the rows were read
    everything = [textclf.__version__, recipe(files, settings, warm), now, booted, origin, rejects]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
