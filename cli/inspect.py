"""textclf inspect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import DataError, UsageError

from .console import Console, output_options
from .options import (
    FILE,
    corpus_format,
    data_dir_option,
    dataset_format,
    format_options,
    layout_words,
    refuse_beside_dataset,
)
from .tolerance import bad_row_options

if TYPE_CHECKING:
    from textclf.corpus.bad_rows import BadRow, BadRows
    from textclf.inspection import Inspection


@click.command(short_help="Look at a corpus before training on it.")
@click.argument("files", type=FILE, nargs=-1, metavar="[FILE]...")
@click.option("--dataset", help="A named dataset; see 'textclf datasets list'.")
@click.option(
    "--test-file", "test_files", type=FILE, multiple=True, help="Rows that training must not see."
)
@format_options
@data_dir_option
@bad_row_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_options
def inspect(
    files: tuple[str, ...],
    dataset: str | None,
    test_files: tuple[str, ...],
    data_dir: Path | None,
    bad_rows: BadRows,
    as_json: bool,
    console: Console,
    **layout: Any,
) -> None:
    """Read FILE, or standard input for -, or a named dataset once, and tell what is in it.

    Exits with 65, after the report, if training would refuse the files.

    \b
    textclf inspect --dataset ag_news
    textclf inspect reviews.csv --label-column stars --text-column review
    """
    from textclf.corpus.bad_rows import BadRows
    from textclf.corpus.reader import Corpus
    from textclf.inspection import inspect as look

    console.stop_at_once()
    names: Mapping[str, str] = {}
    if dataset:
        if files:
            raise UsageError("FILE and --dataset exclude each other")
        refuse_beside_dataset(layout_words(layout))
        from textclf import datasets

        found = datasets.find(dataset)
        here = datasets.fetch(found, data_dir, progress=console.report)
        files, names = (str(here.train),), found.class_names
        if here.test and not test_files:
            test_files = (str(here.test),)
        fmt = dataset_format(found, here.train)
    elif files:
        lines = layout["file_format"] == "lines"
        fmt = corpus_format(**layout, has_labels=not lines)
    else:
        raise UsageError("there is nothing to inspect", remedy="give a FILE or --dataset NAME")
    # Every bad row is tolerated at first, so that the report is complete.
    everything = BadRows(1.0, bad_rows.rejects)
    corpus = Corpus(files, fmt, bad_rows=everything)
    test = None
    if test_files:
        later = fmt.of_later_files(corpus.layout.columns)
        test = Corpus(test_files, later, labels=corpus.labels, bad_rows=everything)
    inspection = look(corpus, test, console.report, tolerated=bad_rows)
    if as_json:
        console.json(inspection.as_dict())
    else:
        from .inspect_report import render

        console.result(render(inspection, names), as_it_is=True)
    if (error := _refusal(inspection, bad_rows)) is not None:
        raise error


def _refusal(inspection: Inspection, tolerated: BadRows) -> DataError | None:
    """Return what training would end with, or None."""
    from textclf.findings import refusal

    test = inspection.test
    if not tolerated.allows(inspection.bad_rows, inspection.rows):
        return _bad(inspection.first_bad[0], inspection.bad_rows)
    if test is not None and not tolerated.allows(test.bad_rows, test.rows):
        return _bad(test.first_bad[0], test.bad_rows)
    return refusal(inspection)


def _bad(first: BadRow, count: int) -> DataError:
    more = f", the first of {count:,} bad rows" if count > 1 else ""
    return DataError(f"{first.what}{more}", where=first.where, remedy=first.remedy)
