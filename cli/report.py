"""textclf report."""

from __future__ import annotations

from pathlib import Path

import click

from textclf.errors import UsageError

from .console import Console, output_options
from .options import models_dir_option

_REMEDY = "give --output with a file in a folder that you may write to"


@click.command(short_help="Write the page of a run, or one that compares two.")
@click.argument("run")
@click.argument("other", metavar="[OTHER]", required=False)
@models_dir_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where the page goes; - is standard output.  [default: report.html in the run's folder, "
    "or compare-RUN-OTHER.html here]",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_options
def report(
    run: str,
    other: str | None,
    models_dir: Path,
    output: str | None,
    as_json: bool,
    console: Console,
) -> None:
    """Write the page of RUN anew and print where it is; with OTHER, one that compares the two.

    A run is a model's name (its published run), NAME/RUN_ID, or the folder of a run or model.

    \b
    textclf report ag_news
    textclf report ag_news/20261123T082514 ag_news/current
    """
    if as_json and output == "-":
        raise UsageError("--json and --output - both want standard output")
    from textclf.atomic import write_text
    from textclf.locate import locate
    from textclf.report.compare import compare, comparison_page
    from textclf.report.data import PAGE, RunData
    from textclf.report.page import run_page

    first = RunData.load(locate(run, models_dir))
    if other is None:
        page, result = run_page(first), {"run": first.id}
        target = Path(output) if output else first.folder / PAGE
    else:
        second = RunData.load(locate(other, models_dir))
        found = compare(first, second)
        page, result = comparison_page(first, second, found), found.as_dict()
        target = Path(output or f"compare-{first.id}-{second.id}.html")
    if output == "-":
        console.result(page.rstrip("\n"), as_it_is=True)
        return
    write_text(target, page, _REMEDY)
    if as_json:
        console.json({"report": str(target), **result})
    else:
        console.done(str(target))
