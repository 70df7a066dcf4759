"""textclf predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .console import Console, output_options
from .options import PATH, corpus_format, format_options


@click.command(short_help="Label texts with a trained model.")
@click.argument("model", type=PATH)
@click.argument("file", default="-")
@format_options
@click.option("--probabilities", is_flag=True, help="Add the probability of each label.")
@click.option("--labelled", is_flag=True, help="The file has labels, laid out as for training.")
@output_options
def predict(
    model: Path,
    file: str,
    probabilities: bool,
    labelled: bool,
    console: Console,
    **layout: Any,
) -> None:
    """Print a label for each row of FILE, or of standard input: label and its probability.

    By default FILE has one text a line. For a CSV, TSV, JSON-lines or Parquet file name the text
    with --text-column, or say --labelled if it is laid out like the training file.
    """
    from textclf.classifier import Classifier
    from textclf.corpus.reader import Corpus

    classifier = Classifier.load(model)
    if not labelled and not layout["text_columns"] and not layout["file_format"]:
        layout["file_format"] = "lines"
    corpus = Corpus((file,), corpus_format(**layout, has_labels=labelled))
    out = sys.stdout
    if probabilities:
        out.write("\t".join(["label", *classifier.labels]) + "\n")
    for _, rows in classifier.predict_blocks(corpus.blocks()):
        console.check()
        best = rows.argmax(axis=1).tolist()
        if probabilities:
            for place, row in zip(best, rows.tolist(), strict=True):
                out.write("\t".join([classifier.labels[place], *(f"{p:.6f}" for p in row)]) + "\n")
        else:
            for place, p in zip(best, rows.max(axis=1).tolist(), strict=True):
                out.write(f"{classifier.labels[place]}\t{p:.6f}\n")
        out.flush()
