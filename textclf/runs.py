"""The runs of a model: one lock, hidden until complete, published by a rename and a link."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textclf import publications
from textclf.atomic import sync, write_text
from textclf.errors import OutputError, TextclfError, UsageError
from textclf.locking import held
from textclf.reading import reading
from textclf.run_metrics import read_metrics

CURRENT = "current"
_LOCK = ".lock"
_HIDDEN = ".run-"
_KEY = ".key"
_PUBLISHED = ".published"  # what was, and what was gone back from; see publications.py
_MOST_LINKS = 40  # as the system follows
_NAME = re.compile(rf"(?!{CURRENT}$)[A-Za-z0-9_][A-Za-z0-9_.-]{{0,99}}")
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Run:
    """A complete run on disk.

    Attributes:
        folder: Where it lies; its name is the run's id.
        current: Whether it is the published one.
        once: Whether it was so once.
    """

    folder: Path
    current: bool
    once: bool = field(default=False, compare=False)

    @property
    def id(self) -> str:
        """The run's id: when its command began; see `new_run_id`."""
        return self.folder.name

    @property
    def metrics(self) -> dict[str, Any]:
        """The contents of metrics.json; what cannot be read is left out."""
        return read_metrics(self.folder)

    @property
    def passed(self) -> bool:
        """Whether it was published, or at least not kept back by a quality gate."""
        return self.current or self.once or bool(self.metrics.get("published", True))

    @property
    def began(self) -> tuple[float, str]:
        """When it got the lock, in seconds since 1970, and its id: what runs are ordered by.

        Of jobs that wait for the lock, the one that was called first need not get it first. A run
        of no known time is the oldest.
        """
        started = str(self.metrics.get("started"))
        for read, text in ((datetime.fromisoformat, started), (_of_id, self.id)):
            with suppress(ValueError):
                moment = read(text)
                return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp(), self.id
        return 0.0, self.id

    @property
    def size(self) -> int:
        """Bytes on disk; of what is removed meanwhile, none."""
        total = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):
                    total += Path(folder, name).lstat().st_size
        return total


def find_store(models_dir: Path, name: str) -> RunStore:
    """Return the runs of a model; one trained on a named dataset also goes by its other names.

    Raises:
        DataError: If the folder of models cannot be read.
        UsageError: If the name cannot be one of a model.
    """
    if not _NAME.fullmatch(name):
        apart = f"give that of the run apart: {name.replace('/', ' ', 1)}"
        remedy = apart if "/" in name else "see 'textclf runs list'"
        raise UsageError(f"{name!r} cannot be the name of a model", remedy=remedy)
    store = RunStore(models_dir, name)
    with reading(store.folder):
        if not store.folder.is_dir():
            from textclf.datasets import find

            with suppress(TextclfError):
                other = RunStore(models_dir, find(name).name)
                store = other if other.folder.is_dir() else store
    return store


def no_such_model(store: RunStore) -> UsageError:
    """Return what is said of a model that there is not."""
    return UsageError("no such model", where=str(store.folder), remedy="see 'textclf runs list'")


class RunStore:
    """The folder of one model's runs, MODELS/NAME.

    Args:
        models_dir: Where all models lie.
        name: The model's name: letters, digits, `.`, `_` and `-`.

    Raises:
        UsageError: If the name cannot be a folder's.
    """

    def __init__(self, models_dir: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of a model",
                remedy="give --name with at most 100 letters, digits, '.', '_' and '-', "
                f"but not '{CURRENT}'",
            )
        self.folder = models_dir / name
        self.name = name

    def lock(
        self, wait: float = 0.0, should_stop: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[None]:
        """Hold the model's lock; see `held`."""
        return held(self.folder / _LOCK, wait, should_stop)

    def start(
        self,
        run_id: str | None = None,
        key: str | None = None,
        *,
        resume: bool = True,
        kept: str = "",
    ) -> Path:
        """Make the hidden folder of a new run and return it; call with the lock held.

        Args:
            run_id: The run's id; by default a new one.
            key: What the run is of. If one of the same key did not complete, its folder becomes the
                new run's.
            resume: Whether such a one is looked for.
            kept: What stays in that folder; all else was to be published, and may be half written.
        """
        folder = self.folder / f"{_HIDDEN}{run_id or new_run_id()}"
        for left in reversed(self.unfinished()):
            if resume and key is not None and _key_of(left) == key:
                left.rename(folder)
                for path in folder.iterdir():
                    if path.name not in (_KEY, kept):
                        _remove(path)
                return folder
        folder.mkdir()
        if key is not None:
            (folder / _KEY).write_text(key)
        return folder

    def unfinished(self) -> list[Path]:
        """Return the hidden folders of runs that did not complete, oldest first."""
        return sorted(self.folder.glob(f"{_HIDDEN}*")) if self.folder.is_dir() else []

    def discard_unfinished(self, besides: Path | None = None) -> None:
        """Remove what killed runs left behind, but for one folder; call with the lock held."""
        for folder in self.unfinished():
            if folder != besides:
                if folder.is_symlink():
                    folder.unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)
        for pattern in (f".{CURRENT}-*", f".{_PUBLISHED}.*"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def complete(self, hidden: Path, *, publish: bool) -> Run:
        """Make a finished run visible by one rename; then, to publish it, switch `current`.

        All its bytes are on disk before it becomes visible.

        Args:
            hidden: The folder from `start`.
            publish: Whether `current` is to point to it.
        """
        (hidden / _KEY).unlink(missing_ok=True)
        for path in [*hidden.rglob("*"), hidden]:
            sync(path)
        folder = self.folder / hidden.name.removeprefix(_HIDDEN)
        if publish:
            self._announce(folder.name)
        hidden.rename(folder)
        sync(self.folder)
        if publish:
            self._switch(folder)
        return Run(folder, publish)

    def _announce(self, run_id: str) -> None:
        """Write down what is published next: whether it was, `current` tells."""
        self._write_down(publications.announced(self._events(self.runs()), run_id))

    def _events(self, runs: Sequence[Run]) -> list[str]:
        passed = [run.id for run in runs if run.passed]
        current = next((run.id for run in runs if run.current), None)
        return publications.events(self._written(), [r.id for r in runs], passed, current)

    def _history(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs that were published one after the other, up to the published one.

        Those that were gone back from are not among them.
        """
        by_id = {run.id: run for run in runs}
        return [by_id[run_id] for run_id in publications.published(self._events(runs))]

    def _written(self) -> list[str] | None:
        try:
            return (self.folder / _PUBLISHED).read_text("ascii").split()
        except (OSError, UnicodeDecodeError):
            return None

    def _write_down(self, events: list[str]) -> None:
        if self._written() != events:
            text = "".join(f"{event}\n" for event in events)
            write_text(self.folder / _PUBLISHED, text, "make room, then try again")

    def _switch(self, folder: Path) -> None:
        link = self.folder / f".{CURRENT}-{secrets.token_hex(3)}"
        link.symlink_to(folder.name)
        link.replace(self.folder / CURRENT)
        sync(self.folder)
        with suppress(OutputError):  # what it says can be told without it
            self._write_down(self._events(self.runs()))

    def runs(self) -> list[Run]:
        """Return the complete runs, oldest first.

        Raises:
            DataError: If the folder cannot be read.
        """
        with reading(self.folder):
            if not self.folder.is_dir():
                return []
            published, once = self._published(), set(self._written() or ())
            folders = (p for p in self.folder.iterdir() if _RUN_ID.fullmatch(p.name))
            found = [Run(p, p.name == published, p.name in once) for p in folders if p.is_dir()]
        return sorted(found, key=lambda run: run.began)

    def _published(self) -> str | None:
        """Return the name of the run's folder that `current` leads to, however it does."""
        own, path = self.folder.resolve(), self.folder / CURRENT
        with suppress(OSError, RuntimeError):
            for _ in range(_MOST_LINKS):
                if not path.is_symlink():
                    break
                path = path.parent.resolve() / path.readlink()
                # The run's own folder may be a link too, to another disk.
                if _RUN_ID.fullmatch(path.name) and path.parent.resolve() == own:
                    return path.name
        return None

    def check(self) -> None:
        """Refuse to go on where nobody can tell which run is published.

        Raises:
            OutputError: If `current` is there and leads to no run.
        """
        link = self.folder / CURRENT
        if os.path.lexists(link) and self.current() is None:
            raise OutputError(
                "leads to none of the model's runs" if link.is_symlink() else "is no symbolic link",
                where=str(link),
                remedy=f"remove it, then publish a run with 'textclf runs promote {self.name} RUN'",
            )

    def current(self) -> Run | None:
        """Return the published run, if there is one."""
        return next((run for run in self.runs() if run.current), None)

    def gone_back_from(self) -> list[Run]:
        """Return the runs that were gone back from since one was published, the last one first."""
        runs = self.runs()
        by_id = {run.id: run for run in runs}
        return [by_id[run_id] for run_id in publications.gone_back_from(self._events(runs))]

    def find(self, run_id: str) -> Run:
        """Return a run by its id, the start of it, or `current`.

        Raises:
            UsageError: If there is none, or more than one.
        """
        if not self.folder.is_dir():
            raise no_such_model(self)
        found = [
            r for r in self.runs() if r.id.startswith(run_id) or (r.current and run_id == CURRENT)
        ]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} runs begin with {run_id}" if found else f"no run {run_id}"
        raise UsageError(
            what, where=str(self.folder), remedy=f"see 'textclf runs list {self.name}'"
        )

    def promote(self, run: Run) -> Run:
        """Publish a run; call with the lock held.

        Raises:
            DataError: If its model is damaged.
        """
        from textclf.classifier import check_model

        check_model(run.folder)
        if self._published() != run.id:
            self._announce(run.id)
            self._switch(run.folder)
        return Run(run.folder, True)

    def rollback(self) -> Run:
        """Publish the run that was published before; call with the lock held.

        Runs that were gone back from, or kept below a quality gate, are passed over.

        Raises:
            DataError: If its model is damaged.
            UsageError: If there is none.
        """
        from textclf.classifier import check_model

        runs = self.runs()
        before = self._history(runs)[:-1]
        if not before:
            raise UsageError("no earlier run to go back to", where=str(self.folder))
        check_model(before[-1].folder)
        self._write_down(self._events(runs))
        self._switch(before[-1].folder)
        return Run(before[-1].folder, True)

    def prune(self, keep: int) -> list[Run]:
        """Remove all but the newest `keep` runs and the published one; call with the lock held.

        The newest are those that were published last, whatever the clock said; then those whose
        command was killed before it could publish them. Runs below a quality gate or gone back
        from are counted apart, lest a week of them remove what to go back to. What was gone back
        from last stays, lest it is trained again.

        Returns:
            The runs removed.
        """
        runs, stays, removed = self.runs(), self.gone_back_from(), list[Run]()
        good = self._history(runs)[::-1]
        good += [run for run in reversed(runs) if run.passed and not run.once and run not in good]
        others = [run for run in reversed(runs) if run not in good]
        for newest_first in (good, others):
            older = reversed(newest_first[keep:])
            removed += [run for run in older if not run.current and run not in stays]
        for run in removed:
            # Hidden first: a run that is half removed must not be seen as complete.
            hidden = self.folder / f"{_HIDDEN}{run.id}"
            run.folder.rename(hidden)
            _remove(hidden)
        return removed


def new_run_id() -> str:
    """Return an id: the time in UTC to the second, and six digits that tell its fraction.

    The digits are hexadecimal, microseconds times 16 and a random rest: ids of one second are in
    order, and two of one microsecond still differ as a rule.
    """
    now = datetime.now(UTC)
    return f"{now:{_MOMENT}}-{now.microsecond << 4 | secrets.randbelow(16):06x}"


def _of_id(run_id: str) -> datetime:
    return datetime.strptime(run_id[:16], _MOMENT)


def id_of(hidden: Path) -> str:
    """Return the id of the run that is being made in a hidden folder."""
    return hidden.name.removeprefix(_HIDDEN)


def _key_of(hidden: Path) -> str | None:
    try:
        return (hidden / _KEY).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None


def models(models_dir: Path) -> list[str]:
    """Return the names of the models that have runs; a folder of another name is none.

    Raises:
        DataError: If a folder cannot be read.
    """
    with reading(models_dir):
        if not models_dir.is_dir():
            return []
        found = (p for p in models_dir.iterdir() if p.is_dir() and _NAME.fullmatch(p.name))
        return sorted(p.name for p in found if any(_RUN_ID.fullmatch(c.name) for c in p.iterdir()))


def default_models_dir() -> Path:
    """Return the folder of models: TEXTCLF_MODELS_DIR, or ./models."""
    return Path(os.environ.get("TEXTCLF_MODELS_DIR") or "models")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
