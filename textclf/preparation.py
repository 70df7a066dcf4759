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
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from textclf.corpus.files import name_all
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import Columns
from textclf.corpus.reader import Corpus
from textclf.corpus_checks import check_classes, check_early, look_for_headers, warn_of_guess
from textclf.errors import DataError
from textclf.job import TrainingFiles
from textclf.memory import return_freed_memory
from textclf.ngrams.shards import ShardSet, ShardWriter, shard_writers
from textclf.ngrams.vectorizer import CompiledVectorizer, Vectorizer, Vocabulary
from textclf.progress import Report
from textclf.settings import NgramSettings, Settings
from textclf.sizes import LEFT_TO_DATA

if TYPE_CHECKING:
    from textclf.ngrams.matrix import Survey

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
    _check_counted(files, labels, survey, corpus.layout.named)
    with watch.stage("vectorize"):
        vocabulary = choose_vocabulary(corpus.blocks, survey, report)
        if vocabulary.size == 0:
            raise DataError(
                f"no n-gram occurs in {settings.ngrams.min_df} training rows",
                where=name_all(files.train),
                remedy="give more rows, or --set ngrams.min_df=1",
            )
        compiled = CompiledVectorizer(survey.settings, vocabulary)  # not needed in training
        shards = shard_count(survey.text_bytes, survey.settings)
        writers = shard_writers(work, vocabulary.size, len(labels.names), shards, seed)
        rows = int(survey.rows_by_class.sum() + survey.held_out_by_class.sum())
        texts = write_matrix(
            corpus.blocks, compiled, survey.split, recode, *writers, report, rows
        )  # fmt: skip
        look_for_headers(corpus, labels)
        warn_of_guess(corpus)
        hashes, bad_rows = {"train": corpus.sha256()}, corpus.rejected
        if files.validation:
            labels = labels.freeze()
            own = _write_validation(files, corpus, labels, compiled, writers[1], work, report)
            hashes["validation"] = own.sha256()
            bad_rows += own.rejected
        train, validation = (writer.close() for writer in writers)
    named = dataclasses.replace(vocabulary, text=texts.in_order(), text_ends=texts.ends())
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


def _check_counted(files: TrainingFiles, labels: LabelMap, survey: Survey, named: bool) -> None:
    if survey.rows_by_class.sum() and not survey.ngrams:
        raise DataError(
            "its texts are blank, or shorter than an n-gram",
            where=name_all(files.train),
            remedy="give another --text-column",
        )
    check_classes(files, labels, survey.rows_by_class, survey.held_out_by_class, named)


def _write_validation(
    files: TrainingFiles,
    train: Corpus,
    labels: LabelMap,
    vectorizer: CompiledVectorizer,
    writer: ShardWriter,
    work: Path,
    report: Report,
) -> Corpus:
    """Write the rows of the validation files to shards; return the corpus that they are."""
    from textclf.ngrams.matrix import write_matrix
    from textclf.ngrams.split import Split

    fmt = files.format.of_later_files(train.layout.columns)
    own = Corpus(
        files.validation, fmt, labels=labels, bad_rows=files.bad_rows, spool_dir=work
    )  # fmt: skip
    same = np.arange(len(labels.names), dtype=np.int32)
    write_matrix(own.blocks, vectorizer, Split(0.0, 0), same, writer, writer, report)
    return own


def shard_count(text_bytes: int, ngrams: NgramSettings) -> int:
    """Return into how many shards the rows of so much text go; parts of words make rows longer."""
    return max(1, round(text_bytes * (1 + max(0, ngrams.subwords)) / _SHARD_TEXT))
