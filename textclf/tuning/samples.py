"""Parts of a corpus to try settings on: each holds all rows of the next smaller one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from textclf.corpus.reader import Corpus, CorpusFormat
from textclf.job import TrainingFiles
from textclf.progress import Progress, Report

FACTOR = 3  # from one part to the next
# Rows of the smallest part, and a class: from fewer, settings are not told apart.
_FEWEST, _FEWEST_A_CLASS = 2000, 20
_MOST_PARTS = 2


_DONE = "samples.json"
_LAYOUT = CorpusFormat(format="jsonl", label_column="label", text_columns=("text",))


@dataclass(frozen=True)
class Samples:
    """Parts of a corpus.

    Attributes:
        rows: Training rows in all.
        parts: From the smallest to the whole.
    """

    rows: int
    parts: tuple[TrainingFiles, ...]

    def share(self, part: int) -> str:
        """Return how much of the rows a part holds, for people."""
        divisor = FACTOR ** (len(self.parts) - 1 - part)
        return f"1/{divisor}" if divisor > 1 else "all"


def write_samples(files: TrainingFiles, folder: Path, seed: int, report: Report) -> Samples:
    """Read the training rows once, and write a ninth and a third of them, drawn at random.

    Parts of fewer than 2,000 rows, or 20 a class, are left out. Nothing is in memory as a whole.
    If the folder holds them already, they are taken from there.

    Args:
        files: Of the whole corpus.
        folder: Where the parts are written.
        seed: Of the draw.
        report: Told of each block.

    Raises:
        DataError: If the rows cannot be read.
        OSError: If the parts cannot be written.
    """
    paths = [folder / f"rows-{FACTOR ** (_MOST_PARTS - i)}.jsonl" for i in range(_MOST_PARTS)]
    validation = folder / "validation.jsonl"
    known = _known(folder)
    if known is None:
        train = Corpus(files.train, files.format, bad_rows=files.bad_rows)
        counts = _draw(train, paths, seed, report)
        if files.validation:  # in the layout of the parts
            like_train = files.format.of_later_files(train.layout.columns)
            held_out_rows = Corpus(files.validation, like_train, bad_rows=files.bad_rows)
            _draw(held_out_rows, [validation], seed, report, every_row=True)
        known = {"rows": counts, "classes": len(train.labels.names)}
        (folder / _DONE).write_text(json.dumps(known))
    counts, fewest = known["rows"], max(_FEWEST, _FEWEST_A_CLASS * known["classes"])
    kept = [path for path, count in zip(paths, counts, strict=False) if count >= fewest]
    held_out = (str(validation),) if files.validation else ()
    whole = replace(files, test=(), bad_rows=replace(files.bad_rows, rejects=None))
    parts = [TrainingFiles((str(path),), held_out, format=_LAYOUT) for path in kept]
    return Samples(counts[-1], (*parts, whole))


def _known(folder: Path) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads((folder / _DONE).read_text())
    except (OSError, ValueError):
        return None
    return known


def _draw(
    corpus: Corpus, paths: list[Path], seed: int, report: Report, every_row: bool = False
) -> list[int]:
    """Write rows, to each path a third as many as to the next; return how many, and all."""
    draw = np.random.default_rng(seed)
    shares = [1.0 if every_row else 1 / FACTOR ** (len(paths) - i) for i in range(len(paths))]
    counts, rows = [0] * len(paths), 0
    with ExitStack() as stack:
        outs = [stack.enter_context(path.open("w", encoding="utf-8")) for path in paths]
        for block in corpus.blocks():
            assert block.labels is not None
            labels, texts = corpus.labels.names, block.texts()
            places = draw.random(len(block))
            for i, out in enumerate(outs):
                chosen = np.flatnonzero(places < shares[i]).tolist()
                for row in chosen:
                    line = {"label": labels[block.labels[row]], "text": texts[row]}
                    out.write(json.dumps(line, ensure_ascii=False) + "\n")
                counts[i] += len(chosen)
            rows += len(block)
            report(Progress("sample", rows))
    return [*counts, rows]
