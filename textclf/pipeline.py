"""From files to a published model: the job behind `textclf train`."""

from __future__ import annotations

import dataclasses
import logging
import platform
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import textclf
from textclf.assessment import Assessment, assess, check_test_rows
from textclf.batches import steps_per_epoch
from textclf.cache import Outcome, ShardCache, prepare_cached
from textclf.classifier import check_model
from textclf.corpus.streams import is_single_pass
from textclf.errors import DataError, Interrupted, QualityGateError, UsageError, interruption
from textclf.evaluation import Measured
from textclf.gates import Gates, Verdict
from textclf.job import TrainingFiles, check_files, identities, recipe, resume_key
from textclf.memory import (
    check_address_space,
    map_large_arrays,
    memory_errors,
    peak_rss_bytes,
    return_freed_memory,
)
from textclf.preparation import Prepared, Stopwatch
from textclf.progress import OnEpoch, Report, silent
from textclf.run_files import write_run
from textclf.runs import Run, RunStore, id_of
from textclf.settings import Settings, TrainingSettings
from textclf.warm_start import WarmStart, prepare_with, start_from
from textclf.writing import writing

if TYPE_CHECKING:
    from textclf.ngrams.shards import Shard
    from textclf.training import FitResult

__all__ = ["Policy", "TrainedRun", "TrainingFiles", "train"]

log = logging.getLogger(__name__)

_WORK = "work"


@dataclass(frozen=True)
class Policy:
    """What an unattended job may do.

    Attributes:
        gates: What a model must reach to be published.
        keep: Runs that stay in the end, see `RunStore.prune`; None keeps all.
        resume: Whether to go on with the same job where it was stopped or killed.
        time_limit: Seconds after which training stops with the best weights so far; 0: none.
        run_id: The run's id; by default a new one.
        warm_start: Whether to keep the published model's vocabulary and start from its weights;
            without a published model, training begins anew.
        done: Asked, if another run was published while the job waited for the lock, whether there
            is nothing left to do; returns the run that would be repeated.
    """

    gates: Gates = field(default_factory=Gates)
    keep: int | None = None
    resume: bool = True
    time_limit: float = 0.0
    run_id: str | None = None
    warm_start: bool = False
    done: Callable[[], Run | None] = lambda: None


@dataclass(frozen=True)
class TrainedRun:
    """What `train` leaves behind.

    Attributes:
        run: The run on disk.
        metrics: The contents of its metrics.json.
        repeated: Whether it was there before, and would have been trained again.
    """

    run: Run
    metrics: dict[str, Any]
    repeated: bool = False


@dataclass(frozen=True)
class _Job:
    """All that the stages of a training need to know."""

    name: str
    files: TrainingFiles
    settings: Settings
    policy: Policy
    store: RunStore
    class_names: Mapping[str, str]
    watch: Stopwatch
    started: datetime
    report: Report
    should_stop: Callable[[], bool]
    on_epoch: OnEpoch
    cache: ShardCache | None
    origin: WarmStart | None = None


def train(
    name: str,
    files: TrainingFiles,
    settings: Settings,
    models_dir: Path,
    *,
    policy: Policy | None = None,
    class_names: Mapping[str, str] | None = None,
    wait: float = 0.0,
    report: Report = silent,
    should_stop: Callable[[], bool] = lambda: False,
    on_epoch: OnEpoch = lambda _: None,
    cache: ShardCache | None = None,
) -> TrainedRun:
    """Train a model on files and publish it.

    The run is built in a hidden folder; it becomes visible, and `current`, when all of it is on
    disk. Whatever goes wrong before, the published model is untouched.

    Args:
        name: The model's name.
        files: What to read.
        settings: How to train.
        models_dir: Where runs go.
        policy: Gates, limits and housekeeping.
        class_names: What people call the labels, for reports.
        wait: Seconds to wait for the lock.
        report: Told how far the job is.
        should_stop: Asked between batches; True ends the job.
        on_epoch: Given the figures of each epoch.
        cache: Where vectorized corpora are looked for and kept.

    Raises:
        DataError: If the data, or the published model to compare with, cannot be used.
        Interrupted: If `should_stop` said so; the next call goes on from there.
        LockedError: If another run of this model is under way.
        OutOfMemoryError: If memory runs out, and that can be told.
        OutputError: If the run cannot be written.
        QualityGateError: If the model is below the gates: the run is kept, but not published.
    """
    from textclf.tensorflow_runtime import preload

    policy = policy or Policy()
    _check_gates(policy.gates, files)
    check_files(files)
    check_address_space()
    map_large_arrays()
    store = RunStore(models_dir, name)
    before = store.current() if wait else None
    with store.lock(wait, should_stop):
        if wait and store.current() != before and (repeated := policy.done()):
            return TrainedRun(repeated, repeated.metrics, repeated=True)
        job = _Job(
            name, files, settings, policy, store, class_names or {}, Stopwatch(),
            datetime.now(UTC), report, should_stop, on_epoch, cache,
        )  # fmt: skip
        _check_published(store, policy.gates)
        job = dataclasses.replace(job, origin=_origin(job))
        with writing(store.folder):
            hidden, key = _begin(job)
        with _removed_unless_resumable(hidden, key), writing(store.folder), memory_errors():
            # On a thread: TensorFlow takes seconds to import, and the kernels need one core.
            preload(settings.training.threads, lean=True)
            metrics, verdict = _train(job, hidden)
            shutil.rmtree(hidden / _WORK)
            run = store.complete(hidden, publish=verdict.passed)
            if policy.keep is not None:
                _prune(store, policy.keep)
    if not verdict.passed:
        raise QualityGateError(
            f"not published: {'; '.join(verdict.reasons)}",
            where=str(run.folder),
            remedy=f"the published model is untouched; see 'textclf runs show {name} {run.id}'",
        )
    return TrainedRun(run, metrics)


def _check_gates(gates: Gates, files: TrainingFiles) -> None:
    rows = files.test or files.validation or files.train
    if gates.max_drop is not None and any(is_single_pass(file) for file in rows):
        raise UsageError(
            "--max-drop needs rows that can be read twice",
            where=", ".join(rows),
            remedy="give --test-file with a file",
        )


def _check_published(store: RunStore, gates: Gates) -> None:
    """Raise what would be raised when the new model is published, or compared with the old one."""
    store.check()
    run = store.current()
    if run is not None and gates.max_drop is not None:
        try:
            check_model(run.folder)
        except DataError as error:
            remedy = f"go back with 'textclf runs rollback {store.name}', restore it from a copy"
            remedy += ", or train without --max-drop"
            raise DataError(error.what, where=error.where, remedy=remedy) from error


def _prune(store: RunStore, keep: int) -> None:
    """Remove older runs; if that is not possible, the new one is there all the same."""
    try:
        store.prune(keep)
    except OSError as error:
        log.warning(
            "%s: an older run cannot be removed (%s)",
            error.filename or store.folder, error.strerror or error,
        )  # fmt: skip


def _origin(job: _Job) -> WarmStart | None:
    """Return what training starts from, if it does from something.

    Raises:
        ConfigError: If the settings are not those of the published run.
    """
    if not job.policy.warm_start:
        return None
    run = job.store.current()
    if run is None:
        log.info("there is no published model to start from: training begins anew")
        return None
    return start_from(run, job.settings, own_validation=bool(job.files.validation))


def _begin(job: _Job) -> tuple[Path, str | None]:
    """Make the run's hidden folder, or take over that of the same job, stopped or killed."""
    origin = job.origin.run if job.origin else None
    key = resume_key(job.files, job.settings, job.policy.warm_start, origin)
    hidden = job.store.start(job.policy.run_id, key, resume=job.policy.resume, kept=_WORK)
    job.store.discard_unfinished(besides=hidden)
    return hidden, key


@contextmanager
def _removed_unless_resumable(hidden: Path, key: str | None) -> Iterator[None]:
    """Remove the hidden folder at the end, unless a later run can go on with it."""
    try:
        yield
    except BaseException as error:
        stopped = interruption(error) is not None
        if not stopped or key is None or not Prepared.is_in(hidden / _WORK):
            shutil.rmtree(hidden, ignore_errors=True)
        raise


def _train(job: _Job, hidden: Path) -> tuple[dict[str, Any], Verdict]:
    from textclf.refitting import rows_to_refit

    identity = identities(job.files)  # before the files are read
    work = hidden / _WORK
    prepared, resumed, cached = _prepared(job, work)
    if job.files.test:
        with job.watch.stage("read"):
            check_test_rows(prepared, job.files, job.report, seen=resumed)
    training = _limited(job, prepared.train.n_rows)
    if prepared.sha256.get("validation") == prepared.sha256["train"]:
        log.warning(
            "%s: the validation rows are the training rows: training may go on for too long, and "
            "the figures say nothing of other texts",
            job.files.validation[0],
        )
    all_rows = rows_to_refit(prepared, training) if _may_refit(job) else ()
    return_freed_memory()
    with job.watch.stage("train"):
        result = _fit(job, prepared, training, all_rows, work / "checkpoint")
    return_freed_memory()
    with job.watch.stage("evaluate"):
        judged = assess(
            prepared, result, job.files, job.settings, job.policy.gates, job.store,
            class_names=job.class_names, report=job.report,
        )  # fmt: skip
    if judged.test_corpus and judged.test_corpus.sha256() == prepared.sha256["train"]:
        log.warning(
            "%s: the test rows are the training rows: the figures say nothing of other texts",
            job.files.test[0],
        )
    finished, measured = judged.finished, judged.measured
    finished.classifier.save(hidden / "model")
    metrics: dict[str, Any] = {"run": id_of(hidden), "resumed": resumed, "cache": cached}
    metrics |= _metrics(job, training, prepared, result, judged)
    limit = job.policy.time_limit or job.settings.training.time_limit
    metrics["job"] |= {"files": identity, "time_limit": limit}
    shown = ("test", measured) if measured else ("validation", Measured(finished.held_out))
    write_run(
        hidden, metrics, result.history, job.settings, job.files, finished.classifier, shown,
        all_rows if result.refitted is not None else prepared.train,
    )  # fmt: skip
    return metrics, judged.verdict


def _fit(
    job: _Job,
    prepared: Prepared,
    training: TrainingSettings,
    all_rows: Sequence[Shard],
    checkpoint_dir: Path,
) -> FitResult:
    from textclf.training import fit

    result = fit(
        prepared.train,
        prepared.validation,
        job.settings.network,
        training,
        seed=training.seed,
        report=job.report,
        should_stop=job.should_stop,
        on_epoch=job.on_epoch,
        checkpoint_dir=checkpoint_dir,
        initial=job.origin.weights if job.origin else None,
        all_rows=all_rows,
    )
    if result.stopped:
        raise Interrupted("training was stopped", signal.SIGTERM)
    if result.ended == "time":
        log.info("the time limit ended training: the best weights so far are taken")
    return result


def _may_refit(job: _Job) -> bool:
    """Return whether the held-out rows may be trained on in the end.

    Not if they are of a file of their own, nor if this run or the next is judged by them.
    """
    judged_by_them = job.policy.gates.max_drop is not None and not job.files.test
    return not (job.files.validation or job.policy.warm_start or judged_by_them)


def _metrics(
    job: _Job,
    training: TrainingSettings,
    prepared: Prepared,
    result: FitResult,
    judged: Assessment,
) -> dict[str, Any]:
    batch, corpus = training.batch_size, judged.test_corpus
    test = judged.measured.overall if judged.measured else None
    return {
        "textclf": textclf.__version__,
        "dataset": job.name,
        "started": job.started.isoformat(timespec="microseconds"),
        "published": judged.verdict.passed,
        "gate": judged.verdict.as_table(),
        "warm_start": job.origin.origin() if job.origin else None,
        "ended": result.ended,
        "samples": {
            "train": prepared.train.n_rows,
            "validation": prepared.validation.n_rows,
            "test": test.rows if test else 0,
        },
        "bad_rows": prepared.bad_rows + (corpus.rejected if corpus else 0),
        "classes": len(judged.finished.classifier.labels),
        "features": prepared.train.n_features,
        "batch_size": batch,
        "steps_per_epoch": steps_per_epoch(prepared.train.n_rows, batch),
        "validation_steps": steps_per_epoch(prepared.validation.n_rows, batch),
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "refit": result.refitted is not None,
        "svm_weight": result.svm_weight,
        "weights": judged.finished.weights,
        "validation": judged.finished.validation,
        "test": test.summary() if test else None,
        "seconds": job.watch.all(),
        "peak_rss_bytes": peak_rss_bytes(),
        "seed": training.seed,
        "sha256": prepared.sha256 | ({"test": corpus.sha256()} if corpus else {}),
        "job": {
            "recipe": recipe(job.files, job.settings, job.policy.warm_start),
            "format": job.files.format.said(),
            "bad_rows": job.files.bad_rows.limit,
        },
        "layout": prepared.layout,
        "python": platform.python_version(),
    }


def _prepared(job: _Job, work: Path) -> tuple[Prepared, bool, Outcome]:
    """Return the shards, and whether an interrupted run or an earlier one had made them."""
    if found := Prepared.load(work, job.settings):
        log.info("going on with the run that was interrupted")
        job.files.bad_rows.go_on()
        return found, True, None
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    what = (job.files, job.settings, work, job.watch, job.report)
    if job.origin is not None:  # its shards are of the published vocabulary: not for the cache
        prepared = prepare_with(job.origin, *what)
        prepared.save(work)
        return prepared, False, None
    prepared, cached = prepare_cached(job.cache, *what)
    return prepared, False, cached


def _limited(job: _Job, rows: int) -> TrainingSettings:
    """Return the settings of training with what is left of the time limit.

    Raises:
        QualityGateError: If nothing is left of it.
    """
    from textclf.sizes import with_batch_size

    training = with_batch_size(job.settings.training, rows)
    if not job.policy.time_limit:
        return training
    left = job.policy.time_limit - (time.monotonic() - job.watch.began)
    if left <= 0:
        raise QualityGateError(
            "time was up before training began: nothing is published",
            where=job.name,
            remedy="give a longer --time-limit",
        )
    return dataclasses.replace(training, time_limit=min(left, training.time_limit or left))
