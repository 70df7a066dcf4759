"""textclf evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import UsageError
from textclf.escapes import printable

from .console import Console, output_options
from .figures import table
from .options import FILE, MODEL, column, corpus_format, format_options
from .tolerance import bad_row_options

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.corpus.bad_rows import BadRows
    from textclf.evaluation import Measured
    from textclf.metrics import Evaluation

_MOST_CLASSES = 12  # whose confusion matrix fits on a terminal
_MOST_CONFUSIONS = 10
_WIDTH = 100
_LABEL_WIDTH = 40
_INTERVALS = {"loss": "log loss", "macro_f1": "macro F1", "weighted_f1": "weighted F1"}


@click.command(short_help="Measure a trained model on labelled rows.")
@click.argument("model", type=MODEL)
@click.argument("file", type=FILE)
@format_options
@bad_row_options
@click.option("--slice-by", metavar="COLUMN", help="Tell the figures for each value of a column.")
@click.option("--against", type=MODEL, metavar="MODEL", help="Compare with another model.")
@click.option(
    "--mistakes",
    type=click.IntRange(0, 10_000),
    default=5,
    show_default=True,
    help="Show so many mistakes, the most confident ones.",
)
@click.option(
    "--replicates",
    type=click.IntRange(0, 100_000),
    default=1000,
    show_default=True,
    help="Bootstrap replicates behind the intervals.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Their seed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_options
def evaluate(
    model: Path,
    file: str,
    slice_by: str | None,
    against: Path | None,
    mistakes: int,
    replicates: int,
    seed: int,
    as_json: bool,
    bad_rows: BadRows,
    console: Console,
    **layout: Any,
) -> None:
    """Measure MODEL on the labelled rows of FILE, laid out as for training."""
    from textclf.classifier import Classifier
    from textclf.corpus.labels import LabelMap
    from textclf.corpus.layout import COLUMN_BREAK
    from textclf.corpus.reader import Corpus
    from textclf.evaluation import EvaluationSettings, measure

    console.stop_at_once()
    classifier = Classifier.load(model)
    labels = LabelMap(classifier.labels).freeze()
    if slice_by is not None and slice_by.strip() in ("", "*"):
        raise UsageError("--slice-by takes one column", remedy="give its name or number")
    extra = (slice_by,) if slice_by else ()
    fmt = corpus_format(**layout, extra_columns=extra, trained=classifier.columns)
    corpus = Corpus((file,), fmt, labels=labels, bad_rows=bad_rows)
    if not layout["text_columns"]:
        console.say(corpus.layout.describe())
    result = measure(
        classifier,
        corpus,
        EvaluationSettings(column(slice_by) if slice_by else None, mistakes, replicates, seed=seed),
        against=Classifier.load(against) if against else None,
        report=console.report,
    )
    if as_json:
        found = result.as_dict()
        for mistake in found["mistakes"]:
            mistake["text"] = mistake["text"].replace(COLUMN_BREAK, " ")
        console.json(found)
    else:
        console.result("\n\n".join(_sections(classifier, result, slice_by)))


def _sections(classifier: Classifier, result: Measured, slice_by: str | None) -> Iterator[str]:
    found = result.overall
    yield (
        f"rows {found.rows:,}  accuracy {found.accuracy:.4f}  macro F1 {found.macro_f1:.4f}  "
        f"log loss {found.loss:.4f}  ECE {found.calibration_error:.4f}"
    )
    yield _by_class(classifier, found)
    if result.intervals:
        lines = [
            [_INTERVALS.get(name, name), f"{low:.4f}", f"{high:.4f}"]
            for name, (low, high) in result.intervals.items()
        ]
        yield table(lines, ["95 % interval", "from", "to"])
    yield _confusions(found)
    if result.slices:
        yield _slices(result.slices, str(slice_by))
    if result.comparison is not None and result.other is not None:
        yield _comparison(result)
    if result.mistakes:
        yield _mistakes(result)


def _by_class(classifier: Classifier, found: Evaluation) -> str:
    rows = [
        [
            _short(classifier.name_of(str(c["label"])), _LABEL_WIDTH),
            *(f"{c[figure]:.4f}" for figure in ("precision", "recall", "f1")),
            f"{c['support']:,}",
        ]
        for c in found.by_class()
    ]
    average = [["weighted F1", "", "", f"{found.weighted_f1:.4f}", f"{found.rows:,}"]]
    average += [["micro F1", "", "", f"{found.accuracy:.4f}", f"{found.rows:,}"]]
    return table(rows + average, ["label", "precision", "recall", "F1", "rows"])


def _confusions(found: Evaluation) -> str:
    labels = [_short(label, _LABEL_WIDTH) for label in found.labels]
    if len(labels) <= _MOST_CLASSES:
        rows = [
            [label, *(f"{n:,}" for n in line)]
            for label, line in zip(labels, found.confusion.tolist(), strict=True)
        ]
        return table(rows, ["label \\ predicted", *labels])
    pairs = sorted(
        ((n, i, j) for i, j, n in zip(*(p.tolist() for p in found.pairs()), strict=True) if i != j),
        key=lambda pair: (-pair[0], *pair[1:]),
    )
    rows = [[labels[i], labels[j], f"{n:,}"] for n, i, j in pairs[:_MOST_CONFUSIONS]]
    return table(rows, ["label", "predicted as", "rows"])


def _slices(slices: dict[str, Evaluation], column: str) -> str:
    rows = [
        [
            _short(value, _LABEL_WIDTH),
            f"{s.rows:,}",
            f"{s.accuracy:.4f}",
            f"{s.macro_f1:.4f}",
            f"{s.loss:.4f}",
        ]
        for value, s in slices.items()
    ]
    return table(rows, [column, "rows", "accuracy", "macro F1", "log loss"])


def _comparison(result: Measured) -> str:
    other, test = result.other, result.comparison
    assert other is not None
    assert test is not None
    difference = result.overall.accuracy - other.accuracy
    kind = "exact" if test.exact else "chi-squared"
    return (
        f"the other model: accuracy {other.accuracy:.4f}, macro F1 {other.macro_f1:.4f}, "
        f"log loss {other.loss:.4f}\n"
        f"difference in accuracy {difference:+.4f}: {test.only_first:,} rows only this model has "
        f"right, {test.only_second:,} only the other\n"
        f"McNemar's test ({kind}): p = {test.p_value:.3g}"
    )


def _mistakes(result: Measured) -> str:
    lines = ["most confident mistakes"]
    for m in result.mistakes:
        lines.append(
            f"row {m.row:,}: {printable(m.predicted)} ({m.confidence:.3f}), "
            f"is {printable(m.label)} ({m.probability:.3f})"
        )
        lines.append("    " + _short(m.text, _WIDTH))
    return "\n".join(lines)


def _short(text: str, width: int) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= width else text[: width - 1] + "…"
