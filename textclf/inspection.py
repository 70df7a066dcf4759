"""What a careful person looks at before training: one pass over a corpus, in bounded memory."""

from __future__ import annotations

import numpy as np

from textclf.corpus.bad_rows import BadRows
from textclf.corpus.compression import display_name
from textclf.corpus.reader import Corpus
from textclf.corpus_checks import label_guesses
from textclf.duplicates import MAX_TEXTS
from textclf.inspection_kernels import EMPTY
from textclf.inspection_result import Inspection, Place, TestFile
from textclf.progress import Progress, Report, silent
from textclf.survey import Survey, summed

__all__ = ["Inspection", "inspect"]


def inspect(
    corpus: Corpus,
    test: Corpus | None = None,
    report: Report = silent,
    *,
    max_texts: int = MAX_TEXTS,
    tolerated: BadRows | None = None,
) -> Inspection:
    """Read a corpus once and tell what is in it.

    Args:
        corpus: The training rows. It should tolerate bad rows: they are among what is told.
        test: The test rows; must share the training rows' labels.
        report: Told how many rows were read.
        max_texts: Distinct texts among which duplicates are counted exactly.
        tolerated: How many bad rows training would tolerate; by default none.

    Raises:
        DataError: If a file cannot be read.
    """
    survey = Survey(corpus.labels, max_texts)
    for block in corpus.blocks():
        survey.add(block)
        report(Progress("inspect", survey.rows))
    corpus.labels.freeze()
    tested = None if test is None else _test_file(test, survey, report)
    return Inspection(
        files=tuple(display_name(file) for file in corpus.files),
        layout=corpus.layout.describe(),
        label_guesses=label_guesses(corpus),
        named=corpus.layout.named,
        bad_rows=corpus.rejected,
        first_bad=corpus.first_rejected,
        test=tested,
        tolerated=tolerated or BadRows(),
        **survey.figures(),
    )


def _test_file(test: Corpus, survey: Survey, report: Report) -> TestFile:
    rows = overlap = differing = 0
    counts = np.zeros(0, dtype=np.int64)
    examples: list[tuple[Place, Place]] = []
    for block in test.blocks():
        hashes, _, trouble = survey.look(block)
        labels = np.zeros(len(block), dtype=np.int32) if block.labels is None else block.labels
        full = np.flatnonzero(trouble & EMPTY == 0)
        found, places, differs = survey.table.find(hashes[full], labels[full])
        for i, place in zip(full[found[:5]].tolist(), places.tolist(), strict=False):
            if len(examples) < 5:
                examples.append((Place(block.source, int(block.rows[i])), survey.place(place)))
        rows += len(block)
        overlap += len(found)
        differing += int(differs.sum())
        if block.labels is not None:
            counts = summed(counts, np.bincount(labels))
        report(Progress("inspect", survey.rows + rows))
    scale = survey.table.scale
    return TestFile(
        files=tuple(display_name(file) for file in test.files),
        rows=rows,
        classes=survey.classes(counts),
        overlap=overlap * scale,
        overlap_differs=differing * scale,
        examples=examples,
        bad_rows=test.rejected,
        first_bad=test.first_rejected,
    )
