"""From files to a published model: the job behind `textclf train`."""

from __future__ import annotations

import csv
import dataclasses
import json
import logging
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import textclf
from textclf.classifier import Classifier, Dense
from textclf.corpus.labels import LabelMap
from textclf.corpus.reader import BadRows, Corpus, CorpusFormat
from textclf.corpus.streams import is_single_pass
from textclf.errors import DataError, OutputError
from textclf.memory import peak_rss_bytes, return_freed_memory
from textclf.metrics import Evaluation, softmax
from textclf.ngrams.vectorizer import Rows, Vectorizer
from textclf.progress import Progress, Report, silent
from textclf.runs import Run, RunStore
from textclf.settings import Settings, as_table

log = logging.getLogger(__name__)

# Text behind one shard; its rows take about as many bytes, and are in memory while trained on.
_SHARD_TEXT = 8 << 20


@dataclass(frozen=True)
class TrainingFiles:
    """The files to train on.

    Attributes:
        train: Training rows.
        validation: Rows for early stopping; without them, some training rows are held out.
        test: Rows for the final figures, read once, at the end.
        format: How the files are laid out.
        bad_rows: How many bad rows of a file are tolerated.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    format: CorpusFormat = field(default_factory=CorpusFormat)
    bad_rows: BadRows = field(default_factory=BadRows)


@dataclass(frozen=True)
class TrainedRun:
    """What `train` leaves behind.

    Attributes:
        run: The run on disk.
        metrics: The contents of its metrics.json.
    """

    run: Run
    metrics: dict[str, Any]


class _Stopwatch:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def all(self) -> dict[str, float]:
        total = time.monotonic() - self.began
        return {name: round(s, 3) for name, s in (self.seconds | {"total": total}).items()}


@dataclass(frozen=True)
class _Prepared:
    """A corpus turned into shards."""

    vectorizer: Vectorizer
    labels: LabelMap
    train: Any
    validation: Any
    sha256: dict[str, str]
    layout: str
    bad_rows: int


def train(
    name: str,
    files: TrainingFiles,
    settings: Settings,
    models_dir: Path,
    *,
    class_names: Mapping[str, str] | None = None,
    wait: float = 0.0,
    report: Report = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainedRun:
    """Train a model on files and publish it.

    The run is built in a hidden folder; it becomes visible, and `current`, when all of it is on
    disk. Whatever goes wrong before, the published model is untouched.

    Args:
        name: The model's name.
        files: What to read.
        settings: How to train.
        models_dir: Where runs go.
        class_names: What people call the labels, for reports.
        wait: Seconds to wait for the lock.
        report: Told how far the job is.
        should_stop: Asked between batches; True ends the job.

    Raises:
        DataError: If the data cannot be used.
        LockedError: If another run of this model is under way.
        OutputError: If the run cannot be written.
    """
    from textclf.tensorflow_runtime import preload

    watch = _Stopwatch()
    return_freed_memory()
    store = RunStore(models_dir, name)
    with store.lock(wait):
        store.discard_unfinished()
        hidden = _made(store)
        try:
            # On a thread: TensorFlow takes seconds to import, and the kernels need one core.
            preload(settings.training.threads)
            with tempfile.TemporaryDirectory(dir=hidden, prefix="work-") as work:
                run = _train(
                    name, files, settings, hidden, Path(work), watch, report, should_stop,
                    class_names or {},
                )  # fmt: skip
            return TrainedRun(store.complete(hidden, publish=True), run)
        except OSError as error:
            raise OutputError(
                f"cannot be written ({error.strerror})",
                where=str(error.filename or store.folder),
                remedy="make room or give --models-dir with another folder",
            ) from error
        finally:
            shutil.rmtree(hidden, ignore_errors=True)


def _made(store: RunStore) -> Path:
    try:
        return store.start()
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror})",
            where=str(store.folder),
            remedy="give --models-dir with a folder that you may write to",
        ) from error


def _train(
    name: str,
    files: TrainingFiles,
    settings: Settings,
    hidden: Path,
    work: Path,
    watch: _Stopwatch,
    report: Report,
    should_stop: Callable[[], bool],
    class_names: Mapping[str, str],
) -> dict[str, Any]:
    from textclf.training import fit, with_batch_size

    started = datetime.now(UTC)
    prepared = _prepare(files, settings, work, watch, report)
    training = with_batch_size(settings.training, prepared.train.n_rows)
    with watch.stage("train"):
        result = fit(
            prepared.train,
            prepared.validation,
            settings.network,
            training,
            seed=settings.training.seed,
            report=report,
            should_stop=should_stop,
        )
    with watch.stage("evaluate"):
        classifier = Classifier(
            prepared.labels.names,
            prepared.vectorizer,
            _layers(result.weights),
            class_names={label: class_names.get(label, label) for label in prepared.labels.names},
        )
        validation = calibrate(classifier, prepared.validation)
        test, bad_test_rows = _test(classifier, files, report)
    classifier.save(hidden / "model")
    batch = training.batch_size
    metrics = {
        "textclf": textclf.__version__,
        "run": hidden.name.removeprefix(".run-"),
        "dataset": name,
        "started": started.isoformat(timespec="seconds"),
        "samples": {
            "train": prepared.train.n_rows,
            "validation": prepared.validation.n_rows,
            "test": test.rows if test else 0,
        },
        "bad_rows": prepared.bad_rows + bad_test_rows,
        "classes": len(classifier.labels),
        "features": prepared.train.n_features,
        "batch_size": batch,
        "steps_per_epoch": -(-prepared.train.n_rows // batch),
        "validation_steps": -(-prepared.validation.n_rows // batch),
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "validation": validation,
        "test": test.summary() if test else None,
        "seconds": watch.all(),
        "peak_rss_bytes": peak_rss_bytes(),
        "seed": settings.training.seed,
        "sha256": prepared.sha256,
        "layout": prepared.layout,
        "python": platform.python_version(),
    }
    _write_run(hidden, metrics, result.history, settings, files)
    return metrics


def _prepare(
    files: TrainingFiles, settings: Settings, work: Path, watch: _Stopwatch, report: Report
) -> _Prepared:
    """Read the training rows twice or three times: count, choose, write shards."""
    from textclf.ngrams.matrix import Split, choose_vocabulary, count_ngrams, write_matrix
    from textclf.ngrams.shards import ShardWriter
    from textclf.ngrams.vectorizer import Vocabulary

    seed = settings.training.seed
    _check_early(files)
    corpus = Corpus(files.train, files.format, bad_rows=files.bad_rows, spool_dir=work)
    split = Split(0.0 if files.validation else settings.training.validation_split, seed)
    with watch.stage("read"):
        survey = count_ngrams(corpus.blocks, settings.ngrams, split, report)
    labels, recode = corpus.labels.sorted()
    _check_classes(files, labels, survey.rows_by_class, survey.held_out_by_class)
    with watch.stage("vectorize"):
        vocabulary = choose_vocabulary(corpus.blocks, settings.ngrams, split, survey, report)
        if vocabulary.size == 0:
            raise DataError(
                f"no n-gram occurs in {settings.ngrams.min_df} training rows",
                where=_named(files.train),
                remedy="give more rows, or --set ngrams.min_df=1",
            )
        vectorizer = Vectorizer(settings.ngrams, vocabulary)
        shards = max(1, round(survey.text_bytes / _SHARD_TEXT))
        writers = []
        for i, part in enumerate(("train", "validation")):
            (work / part).mkdir()
            writers.append(
                ShardWriter(work / part, vocabulary.size, len(labels.names), shards, seed + i)
            )
        rows = int(survey.rows_by_class.sum() + survey.held_out_by_class.sum())
        texts = write_matrix(
            corpus.blocks, vectorizer.compiled(), split, recode, *writers, report, rows
        )
        hashes, bad_rows = {"train": corpus.sha256()}, corpus.rejected
        if files.validation:
            labels = labels.freeze()
            own = Corpus(
                files.validation, files.format,
                labels=labels, bad_rows=files.bad_rows, spool_dir=work,
            )  # fmt: skip
            same = np.arange(len(labels.names), dtype=np.int32)
            everything = Split(0.0, seed)
            write_matrix(
                own.blocks, vectorizer.compiled(), everything, same, writers[1], writers[1], report
            )
            hashes["validation"] = own.sha256()
            bad_rows += own.rejected
        train, validation = (writer.close() for writer in writers)
    named = dataclasses.replace(
        vocabulary,
        text=np.frombuffer(b"".join(texts), dtype=np.uint8),
        text_ends=np.concatenate(([0], np.cumsum([len(t) for t in texts]))).astype(np.int64),
    )
    assert isinstance(named, Vocabulary)
    vectorizer.vocabulary = named
    layout = corpus.layout.describe()
    return _Prepared(vectorizer, labels, train, validation, hashes, layout, bad_rows)


def _check_early(files: TrainingFiles) -> None:
    """Look at the beginnings of the files that are read late, lest hours be lost.

    Raises:
        DataError: If one is missing, empty, or has no such columns.
    """
    for later in (files.validation, files.test):
        if later and not any(is_single_pass(file) for file in later):
            Corpus(later, files.format).layout.describe()


def _check_classes(
    files: TrainingFiles,
    labels: LabelMap,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
) -> None:
    where = _named(files.train)
    if len(labels.names) < 2:
        only = f"only one class, {labels.names[0]!r}" if labels.names else "no rows"
        raise DataError(
            f"{only}: there is nothing to tell apart",
            where=where,
            remedy="give rows of at least two classes, or another --label-column",
        )
    if not files.validation and held_out.sum() == 0:
        raise DataError(
            f"its {rows.sum()} rows leave none for validation",
            where=where,
            remedy="give more rows, a --validation-file, or a larger training.validation_split",
        )
    if np.count_nonzero(rows) < 2:
        raise DataError(
            "too few rows: the training part has fewer than two classes",
            where=where,
            remedy="give more rows of each class",
        )


def _layers(weights: list[tuple[str, NDArray[np.float32]]]) -> list[Dense]:
    arrays = [array for _, array in weights]
    return [Dense(k, b) for k, b in zip(arrays[::2], arrays[1::2], strict=True)]


def calibrate(classifier: Classifier, validation: Any) -> dict[str, float]:
    """Set the classifier's temperature by the validation rows; return their figures.

    The calibration error before is `ece_uncalibrated`.
    """
    from textclf.calibration import fit_temperature

    pieces = [
        (classifier.logits(Rows(s.x.indptr, s.x.indices, s.x.data)), np.array(s.y))
        for s in validation
    ]
    logits = np.concatenate([piece[0] for piece in pieces])
    true = np.concatenate([piece[1] for piece in pieces])
    before, after = Evaluation(classifier.labels), Evaluation(classifier.labels)
    before.add(true, softmax(logits))
    classifier.temperature = fit_temperature(logits, true)
    after.add(true, softmax(logits / np.float32(classifier.temperature)))
    return after.summary() | {
        "ece_uncalibrated": before.calibration_error,
        "temperature": classifier.temperature,
    }


def evaluate(classifier: Classifier, corpus: Corpus, report: Report = silent) -> Evaluation:
    """Predict every row of a labelled corpus and return the figures.

    Args:
        classifier: The model.
        corpus: Rows with labels that the model knows.
        report: Told of each block.
    """
    evaluation = Evaluation(classifier.labels)
    for block, probabilities in classifier.predict_blocks(corpus.blocks()):
        if block.labels is None:
            raise DataError("the rows have no labels", where=block.source)
        evaluation.add(block.labels, probabilities)
        report(Progress("evaluate", evaluation.rows))
    return evaluation


def _test(
    classifier: Classifier, files: TrainingFiles, report: Report
) -> tuple[Evaluation | None, int]:
    """Return the figures of the test rows, if there are any, and how many of them are bad."""
    if not files.test:
        return None, 0
    labels = LabelMap(classifier.labels).freeze()
    corpus = Corpus(files.test, files.format, labels=labels, bad_rows=files.bad_rows)
    return evaluate(classifier, corpus, report), corpus.rejected


def _write_run(
    folder: Path,
    metrics: dict[str, Any],
    history: list[dict[str, float]],
    settings: Settings,
    files: TrainingFiles,
) -> None:
    import tomli_w

    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]) if history else ["epoch"])
        writer.writeheader()
        writer.writerows(history)
    table = {"data": {k: list(getattr(files, k)) for k in ("train", "validation", "test")}}
    text = tomli_w.dumps(table | as_table(settings))
    (folder / "config.toml").write_text(text, "utf-8")


def _named(files: tuple[str, ...]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
