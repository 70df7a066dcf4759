"""textclf predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import UsageError

from .console import Console, output_options
from .options import FILE, MODEL, TEXTS, corpus_format, format_options, is_table
from .tolerance import bad_row_options

if TYPE_CHECKING:
    from textclf.corpus.bad_rows import BadRows
    from textclf.sinks import Format

# Smaller than in training: the blocks under way take less memory, and both cores are busy sooner.
_BLOCK = 1 << 20


@click.command(short_help="Label texts with a trained model.")
@click.argument("model", type=MODEL)
@click.argument("file", type=TEXTS, default="-")
@format_options
@bad_row_options
@click.option("--labelled", is_flag=True, help="The file has labels, laid out as for training.")
@click.option(
    "--top-k",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Labels a row, best first.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Least probability: a row below it gets the --abstain-label.",
)
@click.option(
    "--abstain-label", default="abstain", show_default=True, help="What such a row is labelled."
)
@click.option("--probabilities", is_flag=True, help="Add the probability of every label.")
@click.option(
    "--pass-through",
    multiple=True,
    metavar="COLUMN",
    help="Copy a column of the input, by name or number; 'all' copies all of them.",
)
@click.option(
    "-o", "--output", type=FILE, default="-", help="Write to this file.  [default: standard output]"
)
@click.option(
    "--output-format",
    type=click.Choice(["tsv", "csv", "jsonl", "parquet"]),
    help="By default told from the name of --output, else tsv.",
)
@output_options
def predict(
    model: Path,
    file: str,
    labelled: bool,
    top_k: int,
    threshold: float,
    abstain_label: str,
    probabilities: bool,
    pass_through: tuple[str, ...],
    output: str,
    output_format: Format | None,
    bad_rows: BadRows,
    console: Console,
    **layout: Any,
) -> None:
    """Print a label for each row of FILE, or of standard input: label and its probability.

    Standard input and plain files have a text a line, each answered when it comes. The columns of
    a CSV, TSV, fastText, JSON-lines or Parquet file are those of the training file where it has
    them, and are detected otherwise; --text-column names the text. TSV has a header only if there
    is more than labels and their probabilities.
    """
    from textclf.classifier import Classifier
    from textclf.corpus.layout import ALL_COLUMNS
    from textclf.corpus.reader import Corpus
    from textclf.prediction import AnswerSettings, answer_corpus
    from textclf.sinks import format_of, open_sink

    everything = "all" in pass_through
    settings = AnswerSettings(top_k, threshold, abstain_label, probabilities, everything)
    kind = output_format or format_of(output) or "tsv"
    if kind == "parquet" and output == "-" and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError("Parquet is nothing for a terminal", remedy="give --output FILE")
    classifier = Classifier.load(model)
    table = labelled or (pass_through and not everything) or is_table(file, layout)
    if not table:
        layout["file_format"] = "lines"
    fmt = corpus_format(
        **layout,
        has_labels=labelled,
        extra_columns=ALL_COLUMNS if everything else pass_through,
        trained=classifier.columns,
    )
    corpus = Corpus((file,), fmt, bad_rows=bad_rows, block_bytes=_BLOCK)
    if table and not layout["text_columns"]:
        console.say(corpus.layout.describe())
    header = kind == "csv" or bool(pass_through) or probabilities
    with open_sink(output, kind, header=header) as sink:
        for answers in console.each(answer_corpus(classifier, corpus, settings)):
            sink.write(answers)
