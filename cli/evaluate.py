"""textclf evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .console import Console, output_options, table
from .options import PATH, corpus_format, format_options


@click.command(short_help="Measure a trained model on labelled rows.")
@click.argument("model", type=PATH)
@click.argument("file")
@format_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_options
def evaluate(model: Path, file: str, as_json: bool, console: Console, **layout: Any) -> None:
    """Measure MODEL on the labelled rows of FILE, laid out as for training."""
    from textclf.classifier import Classifier
    from textclf.corpus.labels import LabelMap
    from textclf.corpus.reader import Corpus
    from textclf.pipeline import evaluate as measure

    classifier = Classifier.load(model)
    labels = LabelMap(classifier.labels).freeze()
    corpus = Corpus((file,), corpus_format(**layout), labels=labels)
    result = measure(classifier, corpus, console.report)
    if as_json:
        console.json(
            result.summary()
            | {
                "rows": result.rows,
                "weighted_f1": result.weighted_f1,
                "by_class": result.by_class(),
                "confusion": result.confusion.tolist(),
            }
        )
        return
    rows = [
        [
            classifier.name_of(str(c["label"])),
            *(f"{c[figure]:.4f}" for figure in ("precision", "recall", "f1")),
            f"{c['support']:,}",
        ]
        for c in result.by_class()
    ]
    console.result(
        f"rows {result.rows:,}  accuracy {result.accuracy:.4f}  macro F1 {result.macro_f1:.4f}  "
        f"log loss {result.loss:.4f}  ECE {result.calibration_error:.4f}\n\n"
        + table(rows, ["label", "precision", "recall", "F1", "rows"])
    )
