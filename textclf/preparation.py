"""From labelled files to a vocabulary and shards of the matrix, which a later run can take up."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.columns import has_usual_name
from textclf.corpus.labels import LabelMap, hardly_recur, like_missing, look_alikes, never_recur
from textclf.corpus.layout import Columns
from textclf.corpus.reader import Corpus
from textclf.corpus.streams import is_single_pass
from textclf.errors import ConfigError, DataError
from textclf.job import TrainingFiles
from textclf.memory import return_freed_memory
from textclf.ngrams.shards import ShardSet
from textclf.ngrams.vectorizer import CompiledVectorizer, Vectorizer, Vocabulary
from textclf.progress import Report
from textclf.settings import NgramSettings, Settings
from textclf.sizes import LEFT_TO_DATA

log = logging.getLogger(__name__)

# Text behind one shard; its rows take about as many bytes, and are in memory while trained on.
_SHARD_TEXT = 8 << 20
_DONE = "prepared.json"
_TENSORS = "vocabulary.safetensors"
_VOCABULARY = tuple(field.name for field in dataclasses.fields(Vocabulary))


class Stopwatch:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time within as the stage's."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

    def all(self) -> dict[str, float]:
        """Return the seconds of each stage, and since the beginning as `total`."""
        total = time.monotonic() - self.began
        return {name: round(s, 3) for name, s in (self.seconds | {"total": total}).items()}


@dataclass(frozen=True)
class Prepared:
    """A corpus turned into shards.

    Attributes:
        vectorizer: How text becomes features.
        labels: The classes.
        train: Rows to train on.
        validation: Rows held out.
        sha256: Hash of the files' bytes by part.
        layout: How the files are laid out, in words.
        bad_rows: Rows left out.
        columns: Which of their columns are the label and the text, if they have columns.
    """

    vectorizer: Vectorizer
    labels: LabelMap
    train: ShardSet
    validation: ShardSet
    sha256: dict[str, str]
    layout: str
    bad_rows: int
    columns: Columns | None

    FILES: ClassVar = (_TENSORS, _DONE)  # beside the shards; the last one says that all is there

    def save(self, folder: Path) -> None:
        """Note beside the shards what `load` needs; the last file written says that all is there.

        Raises:
            OSError: If it cannot be written.
        """
        from safetensors.numpy import save_file

        vocabulary = self.vectorizer.vocabulary
        tensors = {n: np.ascontiguousarray(getattr(vocabulary, n)) for n in _VOCABULARY}
        save_file(tensors, folder / _TENSORS)
        stored = {
            "labels": self.labels.names,
            **{name: getattr(self.vectorizer.settings, name) for name in LEFT_TO_DATA},
            "sha256": self.sha256,
            "layout": self.layout,
            "bad_rows": self.bad_rows,
            "columns": self.columns.as_dict() if self.columns is not None else None,
        }
        unfinished = folder / f".{_DONE}"
        unfinished.write_text(json.dumps(stored), "utf-8")
        unfinished.replace(folder / _DONE)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Return whether a folder holds a corpus turned into shards."""
        return (folder / _DONE).exists()

    @classmethod
    def load(cls, folder: Path, settings: Settings) -> Prepared | None:
        """Return what an interrupted run had prepared; None if it had not come so far."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if not cls.is_in(folder):
            return None
        try:
            stored = json.loads((folder / _DONE).read_bytes())
            vocabulary = Vocabulary(**load_file(folder / _TENSORS))
            chosen = {name: stored[name] for name in LEFT_TO_DATA}
            ngrams = dataclasses.replace(settings.ngrams, **chosen)
            return cls(
                Vectorizer(ngrams, vocabulary),
                LabelMap(stored["labels"]),
                ShardSet.open(folder / "train"),
                ShardSet.open(folder / "validation"),
                stored["sha256"],
                stored["layout"],
                stored["bad_rows"],
                Columns.of(stored["columns"]),
            )
        except (
            OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError,
        ) as error:  # fmt: skip
            log.warning("%s: cannot be taken up (%s); the files are read anew", folder, error)
            return None


def prepare(
    files: TrainingFiles, settings: Settings, work: Path, watch: Stopwatch, report: Report
) -> Prepared:
    """Read the training rows twice or three times: count, choose, write shards."""
    from textclf.ngrams.matrix import choose_vocabulary, count_ngrams, write_matrix
    from textclf.ngrams.shards import ShardWriter
    from textclf.ngrams.split import Split
    from textclf.warm_up import is_due, warm_up

    seed = settings.training.seed
    check_early(files, settings.training.validation_split)
    corpus = Corpus(files.train, files.format, bad_rows=files.bad_rows, spool_dir=work)
    corpus.layout.describe()  # an error here comes before kernels are compiled
    share = 0.0 if files.validation else settings.training.validation_split
    if is_due():
        with watch.stage("compile"):
            warm_up(report)
    with watch.stage("read"):
        survey = count_ngrams(corpus.blocks, settings.ngrams, share, seed, report)
    return_freed_memory()
    labels, recode = corpus.labels.sorted()
    if survey.rows_by_class.sum() and not survey.ngrams:
        raise DataError(
            "its texts are blank, or shorter than an n-gram",
            where=_named(files.train),
            remedy="give another --text-column",
        )
    check_classes(files, labels, survey.rows_by_class, survey.held_out_by_class)
    with watch.stage("vectorize"):
        vocabulary = choose_vocabulary(corpus.blocks, survey, report)
        if vocabulary.size == 0:
            raise DataError(
                f"no n-gram occurs in {settings.ngrams.min_df} training rows",
                where=_named(files.train),
                remedy="give more rows, or --set ngrams.min_df=1",
            )
        compiled = CompiledVectorizer(survey.settings, vocabulary)  # not needed in training
        shards = shard_count(survey.text_bytes, survey.settings)
        writers = []
        for i, part in enumerate(("train", "validation")):
            (work / part).mkdir()
            writers.append(
                ShardWriter(work / part, vocabulary.size, len(labels.names), shards, seed + i)
            )
        rows = int(survey.rows_by_class.sum() + survey.held_out_by_class.sum())
        texts = write_matrix(
            corpus.blocks,
            compiled,
            survey.split,
            recode,
            writers[0],
            writers[1],
            report,
            rows,
        )
        _look_for_headers(corpus, labels)
        hashes, bad_rows = {"train": corpus.sha256()}, corpus.rejected
        if files.validation:
            labels = labels.freeze()
            like_train = files.format.of_later_files(corpus.layout.columns)
            own = Corpus(
                files.validation, like_train,
                labels=labels, bad_rows=files.bad_rows, spool_dir=work,
            )  # fmt: skip
            same = np.arange(len(labels.names), dtype=np.int32)
            everything = Split(0.0, seed)
            write_matrix(own.blocks, compiled, everything, same, writers[1], writers[1], report)
            hashes["validation"] = own.sha256()
            bad_rows += own.rejected
        train, validation = (writer.close() for writer in writers)
    named = dataclasses.replace(
        vocabulary,
        text=texts.in_order(),
        text_ends=texts.ends(),
    )
    assert isinstance(named, Vocabulary)
    return Prepared(
        Vectorizer(survey.settings, named),
        labels,
        train,
        validation,
        hashes,
        corpus.layout.describe(),
        bad_rows,
        corpus.layout.columns,
    )


def _look_for_headers(corpus: Corpus, labels: LabelMap) -> None:
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


def shard_count(text_bytes: int, ngrams: NgramSettings) -> int:
    """Return into how many shards the rows of so much text go; parts of words make rows longer."""
    return max(1, round(text_bytes * (1 + max(0, ngrams.subwords)) / _SHARD_TEXT))


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
            remedy="give --validation-file, or hold out a share such as 0.05",
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
) -> None:
    """Look whether there is something to tell apart, and something to judge that by.

    Args:
        files: What was read.
        labels: The classes.
        rows: (classes,) rows to train on.
        held_out: (classes,) rows held out.

    Raises:
        DataError: If there is not.
    """
    where = _named(files.train)
    if len(labels.names) < 2:
        only = f"only one class, {labels.names[0]!r}" if labels.names else "no rows"
        raise DataError(
            f"{only}: there is nothing to tell apart",
            where=where,
            remedy="give rows of at least two classes, or another --label-column",
        )
    if never_recur(len(labels.names), int(rows.sum() + held_out.sum())):
        raise DataError(
            f"each of its {len(labels.names):,} rows has a label of its own",
            where=where,
            remedy="give another --label-column, or --header if row 1 names the columns",
        )
    if not files.validation and held_out.sum() == 0:
        raise DataError(
            f"its {rows.sum()} rows leave none for validation: their texts are too few, or alike",
            where=where,
            remedy="give more rows, a --validation-file, or another --text-column",
        )
    if hardly_recur(len(labels.names), total := int(rows.sum() + held_out.sum())):
        log.warning(
            "%s: there are %s labels on %s rows; is it the right --label-column?",
            where, f"{len(labels.names):,}", f"{total:,}",
        )  # fmt: skip
    for name in like_missing(labels.names)[:1]:
        log.warning(
            "%s: a label is %r, which programs write for a missing one; it is a class of its own",
            where, name,
        )  # fmt: skip
    for names in look_alikes(labels.names)[:1]:
        log.warning(
            "%s: the labels %s differ only in capitals or spaces and are classes of their own",
            where, " and ".join(map(repr, names)),
        )  # fmt: skip
    if np.count_nonzero(rows) < 2:
        raise DataError(
            "too few different texts: what is left to train on has fewer than two classes",
            where=where,
            remedy="give more texts of each class, or a --validation-file",
        )


def _named(files: tuple[str, ...]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
