"""What is looked at before rows are trained on: files that are read late, headers, classes."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.columns import has_usual_name, label_candidates
from textclf.corpus.files import name_all
from textclf.corpus.labels import (
    LabelMap,
    hardly_recur,
    label_refusal,
    like_missing,
    look_alikes,
)
from textclf.corpus.reader import Corpus
from textclf.corpus.streams import is_single_pass
from textclf.errors import ConfigError, DataError
from textclf.job import TrainingFiles

log = logging.getLogger(__name__)


def check_early(files: TrainingFiles, share: float) -> None:
    """Look at the beginnings of the files that are read late, lest hours be lost.

    Args:
        files: What will be read.
        share: How much of the training rows is held out.

    Raises:
        ConfigError: If there will be no rows for early stopping.
        DataError: If a file is missing, empty, or has no such columns.
    """
    if share == 0 and not files.validation:
        raise ConfigError(
            "training.validation_split is 0, and there is no validation file",
            remedy="name a validation file, or hold out a share such as 0.05",
        )
    fmt = files.format
    parts = [p for p in (files.validation, files.test) if p and not any(map(is_single_pass, p))]
    if parts and not any(map(is_single_pass, files.train)):
        fmt = fmt.of_later_files(Corpus(files.train, fmt).layout.columns)
    for later in parts:
        Corpus(later, fmt).layout.describe()


def check_classes(
    files: TrainingFiles,
    labels: LabelMap,
    rows: NDArray[np.int64],
    held_out: NDArray[np.int64],
    named: bool,
) -> None:
    """Look whether there is something to tell apart, and something to judge that by.

    Args:
        files: What was read.
        labels: The classes.
        rows: (classes,) rows to train on.
        held_out: (classes,) rows held out.
        named: Whether the columns have names.

    Raises:
        DataError: If there is not.
    """
    where, total = name_all(files.train), int(rows.sum() + held_out.sum())
    if refused := label_refusal(labels.names, total, named):
        raise DataError(refused[0], where=where, remedy=refused[1])
    if not files.validation and held_out.sum() == 0:
        raise DataError(
            f"its {rows.sum()} rows leave none for validation: their texts are too few, or alike",
            where=where,
            remedy="give more rows, a --validation-file, or another --text-column",
        )
    _warn_of_labels(where, labels.names, total)
    if np.count_nonzero(rows) < 2:
        raise DataError(
            "too few different texts: what is left to train on has fewer than two classes",
            where=where,
            remedy="give more texts of each class, or a --validation-file",
        )


def _warn_of_labels(where: str, names: list[str], rows: int) -> None:
    if hardly_recur(len(names), rows):
        log.warning(
            "%s: there are %s labels on %s rows; is it the right --label-column?",
            where, f"{len(names):,}", f"{rows:,}",
        )  # fmt: skip
    for name in like_missing(names)[:1]:
        log.warning(
            "%s: a label is %r, which programs write for a missing one; it is a class of its own",
            where, name,
        )  # fmt: skip
    for alike in look_alikes(names)[:1]:
        log.warning(
            "%s: the labels %s differ only in capitals or spaces and are classes of their own",
            where, " and ".join(map(repr, alike)),
        )  # fmt: skip


def label_guesses(corpus: Corpus) -> list[str]:
    """Return the columns of which any may be the label, that which was taken first.

    None if the label was said, or has a usual name, or is the only one that it can be.
    """
    layout = corpus.layout
    if corpus.fmt.label_column is not None or layout.header is None or layout.label is None:
        return []
    taken = layout.header[layout.label]
    others = [name for name in label_candidates(layout.header) if name != taken]
    return [taken, *others] if others else []


def warn_of_guess(corpus: Corpus) -> None:
    """Warn if the label's column was guessed, and another may be it as well."""
    if names := label_guesses(corpus):
        log.warning(
            "%s: no column has a usual name such as 'label', and %r is taken for it; say with "
            "--label-column which it is: %s",
            corpus.files[0], names[0], ", ".join(names),
        )  # fmt: skip


def look_for_headers(corpus: Corpus, labels: LabelMap) -> None:
    """Warn if the usual name of a label's column is a label: files were put together."""
    columns = corpus.layout.columns
    if columns is None or columns.label is None:
        return
    name = columns.names.get(columns.label)
    if name is not None and name in labels.names and has_usual_name([name]):
        log.warning(
            "%s: a row has the label %r, which is the column's name: a second header?",
            corpus.files[0],
            name,
        )
