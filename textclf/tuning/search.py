"""Searches for settings: small parts of the corpus first, and what does well there on all of it."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import json
import logging
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textclf.cache import ShardCache
from textclf.corpus.reader import Corpus
from textclf.corpus.streams import is_single_pass
from textclf.errors import Interrupted, OutputError, TextclfError, UsageError
from textclf.job import TrainingFiles, resume_key
from textclf.locking import held
from textclf.memory import check_address_space
from textclf.progress import Progress, Report, silent
from textclf.settings import NgramSettings, Settings
from textclf.writing import writing

from .budget import Budget, Limits
from .comparison import clearly_better
from .samples import FACTOR, Samples, write_samples
from .space import apply, propose, starting_point
from .worker import Request, Worker

if TYPE_CHECKING:
    import optuna

    from .history import History, MeasuredTrial

log = logging.getLogger(__name__)

# Held out in the search, more than in training: what is chosen by few rows is chosen by chance.
HELD_OUT = 0.2
# Most of the time budget that the first trial may take: its parts are fewer if it would need more.
_FIRST = 0.25
_KEPT = 8  # other searches whose trials stay, should one go on


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        settings: The best settings: those that the search started from, unless others got clearly
            more of the same held-out rows right.
        changes: {section.key: value} in which they differ from where the search started.
        best: Accuracy, loss and macro F1 of these settings; empty if there was no time to measure.
        start: The same figures of the settings that the search started from.
        rows: Held-out rows that the figures are of.
        share: Of the training rows that it was measured on, for people: `all` or `1/3`.
        trials: How many trials were completed, stopped early, and failed.
        seconds: That the search took.
        interrupted: Whether a signal ended it.
    """

    settings: Settings
    changes: dict[str, Any] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    start: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    share: str = "all"
    trials: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    def measured_on(self) -> str:
        """Say which rows the figures are of, for people."""
        part = "" if self.share == "all" else f", trained on {self.share} of the others"
        return f"{self.rows:,} rows held out{part}"


def check_optuna() -> None:
    """See that the package is there.

    Raises:
        UsageError: If it is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UsageError(
            "the package optuna is not installed", remedy="pip install 'textclf[tune]'"
        )


def search(
    files: TrainingFiles,
    settings: Settings,
    folder: Path,
    limits: Limits,
    *,
    fixed: frozenset[str] = frozenset(),
    resume: bool = True,
    wait: float = 0.0,
    report: Report = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> Found:
    """Search for the settings of the highest accuracy on rows held out of training.

    The first trial is that of the given settings. The others are proposed by Optuna's TPE sampler,
    measured on a ninth of the rows, and the best of them on a third and on all (asynchronous
    successive halving). A trial that crashes or diverges is noted as failed.

    Args:
        files: Training rows, and validation rows if there are some; test rows are not read.
        settings: Where the search starts.
        folder: Where it keeps what it needs to go on after a kill, and vectorized rows meanwhile.
        limits: When to stop.
        fixed: Names, as `section.key`, of settings that stay as they are.
        resume: Whether to go on with the same search if it was done before.
        wait: Seconds to wait for another search in the same folder.
        report: Told of rows read, and of seconds spent.
        should_stop: Asked all the time; True ends the search with what was found so far.

    Raises:
        DataError: If the rows cannot be used.
        LockedError: If another search uses the folder.
        OutOfMemoryError: If there is too little memory to train in.
        OutputError: If the folder cannot be written to.
        UsageError: If the rows can be read only once, or optuna is not installed.
    """
    check_optuna()
    check_address_space()
    single = [file for _, names in files.parts() for file in names if is_single_pass(file)]
    if single:
        raise UsageError(
            "the rows are needed more than once", where=single[0], remedy="give a file"
        )
    if not files.validation:
        split = dataclasses.replace(settings.training, validation_split=HELD_OUT)
        searched = dataclasses.replace(settings, training=split)
    else:
        searched = settings
    with held(folder / ".lock", wait, should_stop), writing(folder):
        study = _Study(files, searched, folder, limits, fixed, resume, report, should_stop)
        found = study.run()
    return dataclasses.replace(found, settings=apply(settings, found.changes))


class _FailedError(Exception):
    """A trial could not be measured."""


class OutOfTime(Exception):
    """The budget was spent before a trial was measured."""


class _Study:
    """A search under way.

    In its folder: `KEY/journal`, the trials; `KEY/work`, what is only needed meanwhile.
    """

    def __init__(
        self,
        files: TrainingFiles,
        settings: Settings,
        folder: Path,
        limits: Limits,
        fixed: frozenset[str],
        resume: bool,
        report: Report,
        should_stop: Callable[[], bool],
    ) -> None:
        from .history import History

        self._files, self._settings, self._fixed = files, settings, fixed
        self._limits, self._report, self._should_stop = limits, report, should_stop
        known = [resume_key(files, settings), limits.seed, sorted(fixed)]
        key = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]
        own = folder / f"search-{key}"
        if not resume:
            _remove(own)
        _tidy(folder, own)
        self._work = own / "work"
        self._work.mkdir(parents=True, exist_ok=True)
        start = starting_point(settings, fixed)
        self._history: History = History(own / "journal", limits.seed, start)
        self._cache = ShardCache(self._work / "cache")
        self._budget = Budget(limits, self._history)
        self._worker = Worker()

    def run(self) -> Found:
        if self._budget.is_spent():
            log.warning(
                "this search has spent its budget: a larger one goes on, --no-resume begins anew"
            )
            shutil.rmtree(self._work)
            return self._found()
        interrupted, told = False, len(self._history.told())
        if told:
            log.info("going on with the search that was begun before: %d trials are done", told)
        try:
            samples = write_samples(self._files, self._work, self._limits.seed, self._progress)
            self._subwords = _subwords(self._settings.ngrams, samples.parts[-1])
            self._check()
            while not self._budget.is_spent():
                self._trial(samples)
                self._budget.note()
                self._check()
        except OutOfTime:
            pass
        except Interrupted:
            interrupted = True
        finally:
            self._worker.close()
            self._budget.note()
        if not interrupted:
            shutil.rmtree(self._work)
        return dataclasses.replace(self._found(), interrupted=interrupted)

    def _check(self) -> None:
        if self._should_stop():
            raise Interrupted("the search was stopped", signal.SIGTERM)

    def _progress(self, progress: Progress) -> None:
        self._report(progress)
        self._budget.note_now_and_then()
        self._check()
        if self._budget.left <= 0:
            raise OutOfTime

    def _tell(self) -> None:
        """Report the seconds spent, or the trials, and the best accuracy."""
        self._budget.note_now_and_then()
        told, best = len(self._history.told()), self._best()
        figures = {"trial": float(told)} | ({"best": best.figures["accuracy"]} if best else {})
        if self._limits.seconds is not None:
            seconds = round(self._limits.seconds)
            done = min(round(self._budget.spent), seconds)
            self._report(Progress("tune", done, seconds, figures))
        else:
            self._report(Progress("tune", told, self._limits.trials, figures))

    def _trial(self, samples: Samples) -> None:
        history, trial = self._history, self._history.ask()
        number = len(history.told())
        changes = propose(trial, self._settings, self._fixed)
        history.begin(trial, changes)
        try:
            figures, largest = self._climb(samples, trial, changes)
        except _FailedError as error:
            history.fail(trial, str(error))
            log.warning("trial %d failed: %s: %s", number, error, _shown(changes))
            return
        accuracy = figures["accuracy"]
        if largest:
            history.complete(trial, accuracy)
        else:
            history.stop_early(trial)
        log.info(  # what is said to be done outlasts a kill
            "trial %d: accuracy %.4f on %s of the rows: %s",
            number, accuracy, figures["share"], _shown(changes),
        )  # fmt: skip
        self._tell()

    def _climb(
        self, samples: Samples, trial: optuna.Trial, changes: Mapping[str, Any]
    ) -> tuple[dict[str, Any], bool]:
        """Measure a trial on one part after the other while it is worth it.

        The first trial says on how many parts the others are.

        Returns:
            The figures on the last part, and whether that is the largest.
        """
        history, figures = self._history, {}
        first, parts = history.parts is None, history.parts or len(samples.parts)
        for part in range(parts):
            began = time.time()
            try:
                found = history.known(changes, part) or self._measure(samples, part, changes)
            except OutOfTime:
                if not first or part == 0:
                    raise
                parts = part
                break
            if "failed" in found:
                # The first is what training does; a full disk would fail all the others, too.
                if first or found.get("exit_code") == OutputError.exit_code:
                    raise _error(found.get("exit_code"), found["failed"])
                raise _FailedError(found["failed"])
            figures = found | {"share": samples.share(part)}
            worth = history.measured(trial, part, figures)
            if first and self._budget.exceeds(FACTOR * (time.time() - began), _FIRST):
                parts = part + 1
            if part + 1 == parts or not (worth or first):
                break
        if first:
            history.parts, part = parts, parts - 1
        return figures, part == parts - 1

    def _measure(self, samples: Samples, part: int, changes: Mapping[str, Any]) -> dict[str, Any]:
        def stop() -> bool:
            self._tell()
            return self._should_stop()

        settings = apply(self._settings, changes)
        if settings.ngrams.subwords < 0:  # as for all rows, also where there are few
            settings = apply(settings, {"ngrams.subwords": self._subwords})
        request = Request(
            samples.parts[part],
            settings,
            self._work,
            self._cache,
            time.time() + self._budget.left,
        )
        figures = self._worker.measure(request, stop)
        self._check()  # the signal may have ended the worker, too
        if figures.get("late"):
            raise OutOfTime
        return figures

    def _best(self) -> MeasuredTrial | None:
        completed = self._history.completed((self._history.parts or 1) - 1)
        return max(completed, key=lambda m: (m.figures["accuracy"], -m.number), default=None)

    def _found(self) -> Found:
        best, count = self._best(), self._history.count()
        if best is None:
            return Found(self._settings, trials=count, seconds=self._budget.spent)
        start, *others = self._history.completed((self._history.parts or 1) - 1)
        if not clearly_better(best.figures, start.figures, len(others)):
            best = start
        return Found(
            self._settings,
            best.changes,
            _figures(best),
            _figures(start),
            start.figures["rows"],
            start.figures["share"],
            count,
            self._budget.spent,
        )


def _tidy(folder: Path, own: Path) -> None:
    """Remove what other searches left to work with, and the trials of the oldest."""
    others = [path for path in folder.glob("search-*") if path != own]
    others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for i, path in enumerate(others):
        _remove(path / "work" if i < _KEPT else path)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _subwords(settings: NgramSettings, files: TrainingFiles) -> int:
    """Return the longest part of a word that training on all rows counts."""
    from textclf.ngrams.matrix import settle_settings

    corpus = Corpus(files.train, files.format, bad_rows=files.bad_rows)
    return settle_settings(settings, corpus.blocks())[0].subwords


def _figures(measured: MeasuredTrial) -> dict[str, float]:
    return {name: measured.figures[name] for name in ("accuracy", "macro_f1", "loss")}


def _shown(changes: Mapping[str, Any]) -> str:
    values = [f"{k.partition('.')[2]} {v:.3g}" if isinstance(v, float) else
              f"{k.partition('.')[2]} {str(v).lower()}" for k, v in changes.items()]  # fmt: skip
    return ", ".join(values) or "the settings it starts from"


def _error(code: int | None, why: str) -> TextclfError:
    kinds = {kind.exit_code: kind for kind in TextclfError.__subclasses__() if kind != Interrupted}
    return kinds.get(code or 1, TextclfError)(why)
