"""What the held-out and the test rows say of a trained network, and whether it passes the gates."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.classifier import Classifier, read_labels
from textclf.corpus.labels import LabelMap
from textclf.corpus.reader import Corpus
from textclf.corpus.streams import is_single_pass
from textclf.errors import ConfigError, DataError
from textclf.evaluation import EvaluationSettings, Measured, measure
from textclf.finishing import Finished, finish
from textclf.gates import Gates, Verdict, judge, published_figures, some
from textclf.job import TrainingFiles
from textclf.metrics import Evaluation
from textclf.preparation import Prepared
from textclf.progress import Progress, Report
from textclf.report.gather import MISTAKES
from textclf.runs import Run, RunStore
from textclf.settings import Settings, TrainingSettings, read_toml, table_of

if TYPE_CHECKING:
    from textclf.training import FitResult

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assessment:
    """A classifier and what is known of it.

    Attributes:
        finished: The classifier, and what it says of the validation rows.
        measured: What it says of the test rows; None without a test file.
        test_corpus: These rows, read to their end.
        verdict: Whether it may be published.
    """

    finished: Finished
    measured: Measured | None
    test_corpus: Corpus | None
    verdict: Verdict


def assess(
    prepared: Prepared,
    result: FitResult,
    files: TrainingFiles,
    settings: Settings,
    gates: Gates,
    store: RunStore,
    *,
    class_names: Mapping[str, str],
    report: Report,
) -> Assessment:
    """Make a classifier of a trained network, calibrate it, and read the test rows.

    Args:
        prepared: The rows held out, and how text becomes features.
        result: The network; its weights are let go of.
        files: Where the test rows are.
        settings: How weights are saved, and which rows are held out.
        gates: What a model must reach to be published.
        store: Where the published model is, which a gate may compare with.
        class_names: What people call the labels.
        report: Told of the test rows.

    Raises:
        DataError: If the test rows cannot be used.
    """
    labels = prepared.labels.names
    files = _later(files, prepared)
    names = {label: class_names.get(label, label) for label in labels}
    finished = finish(prepared, result, settings.output.weights, names)
    measured, corpus = _test(finished.classifier, files, report)
    rows, figures = "validation", finished.validation
    if measured is not None:
        rows, figures = "test", measured.overall.summary()
        _warn_of_untested(measured.overall, files)
    published = None
    if gates.max_drop is not None:
        published = _published(store, rows, files, prepared, settings)
    verdict = judge(gates, rows, figures, published, _lost_labels(store, labels))
    return Assessment(finished, measured, corpus, verdict)


def check_test_rows(
    prepared: Prepared, files: TrainingFiles, report: Report, *, seen: bool
) -> None:
    """Read the test rows before there is a model, lest a bad one cost the training.

    What can be read only once is left for later.

    Args:
        prepared: The labels that they may have.
        files: Where they are; there must be some.
        report: Told of each block.
        seen: Whether a run that was interrupted has done so, and written the bad ones down.

    Raises:
        DataError: If they cannot be used.
    """
    if not any(map(is_single_pass, files.test)):
        rows = 0
        for block in _test_corpus(prepared.labels.names, _later(files, prepared), seen).blocks():
            rows += len(block)
            report(Progress("check", rows))


def _later(files: TrainingFiles, prepared: Prepared) -> TrainingFiles:
    """Return how files are read whose columns are those of the training rows."""
    return replace(files, format=files.format.of_later_files(prepared.columns))


def _test_corpus(labels: list[str], files: TrainingFiles, seen: bool) -> Corpus:
    known = LabelMap(labels).freeze()
    return Corpus(files.test, files.format, labels=known, bad_rows=files.bad_rows, seen=seen)


def _test(
    classifier: Classifier, files: TrainingFiles, report: Report
) -> tuple[Measured | None, Corpus | None]:
    """Return what the test rows show, and the corpus that they are of, if there is one."""
    if not files.test:
        return None, None
    seen = not any(map(is_single_pass, files.test))
    corpus = _test_corpus(classifier.labels, files, seen)
    wanted = EvaluationSettings(mistakes=MISTAKES, replicates=0)
    classifier.vectorizer.compiled()  # the kernels are there: small blocks need no other way
    return measure(classifier, corpus, wanted, report=report), corpus


def _warn_of_untested(figures: Evaluation, files: TrainingFiles) -> None:
    """Warn of classes that figures, and so the gates, say nothing of."""
    names = [figures.labels[i] for i in np.flatnonzero(figures.support == 0)]
    if names:
        shown = ", ".join(map(repr, names[:3])) + ", ..." * (len(names) > 3)
        log.warning(
            "%s: %d of %d labels have no rows, and the figures say nothing of them: %s",
            files.test[0], len(names), len(figures.labels), shown,
        )  # fmt: skip


def _lost_labels(store: RunStore, labels: list[str]) -> list[str]:
    """Return what the published model knows and the new one does not, and warn of it."""
    current = store.current()
    try:
        known = read_labels(current.folder) if current else []
    except DataError:  # it is damaged
        return []
    left = set(labels)
    lost = [label for label in known if label not in left]
    if lost:
        log.warning(
            "no row has the %s %s, which the published model knows: texts of it get other labels",
            "label" if len(lost) == 1 else "labels", some(lost),
        )  # fmt: skip
    return lost


def _published(
    store: RunStore, rows: str, files: TrainingFiles, prepared: Prepared, settings: Settings
) -> dict[str, Any] | None:
    """Return the published model's figures on the same rows; None if there is no model."""
    current = store.current()
    if current is None:
        return None
    known = current.metrics
    own = known.get("validation") or {}
    training = settings.training
    held_out = rows == "validation" and not files.validation
    trained_on = held_out and _was_trained_on(current, prepared, training)
    if trained_on and {"accuracy", "macro_f1"} <= own.keys():
        # It was trained on these rows, or on most; what its own showed before is known.
        return {"run": current.id, "accuracy": own["accuracy"], "macro_f1": own["macro_f1"]}
    return {"run": current.id} | published_figures(
        current.folder, files, prepared.labels.names, training.validation_split, training.seed
    )


def _was_trained_on(run: Run, prepared: Prepared, training: TrainingSettings) -> bool:
    """Return whether a run's model was trained on some of the rows that are held out now."""
    from textclf.ngrams.split import more_held_out

    known = run.metrics
    try:
        had = table_of(read_toml(run.folder / "config.toml"), "training")
    except ConfigError:  # nobody knows
        return True
    same = all(had.get(name) == getattr(training, name) for name in ("seed", "validation_split"))
    if known.get("refit") or "validation" in (known.get("sha256") or {}) or not same:
        return True
    return more_held_out(prepared.train.n_rows, prepared.validation.n_rows, known)
