"""textclf export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from textclf.errors import UsageError
from textclf.report.display import size

from .console import Console, output_options
from .options import FILE, MODEL, PATH

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.exporting import ExportFormat
    from textclf.quantization import Storage

_NAMES = {
    "onnx": "model.onnx",
    "saved_model": "saved_model",
    "sklearn": "model.skops",
    "textclf": "model",
}


@click.command(short_help="Write a model in another program's format, or smaller.")
@click.argument("model", type=MODEL)
@click.option(
    "--format",
    "kind",
    type=click.Choice(sorted(_NAMES)),
    help="onnx, a TensorFlow SavedModel, a scikit-learn pipeline in a skops file, or a folder of "
    "textclf's own.  [default with --quantize: textclf]",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help=f"File or folder; must not exist.  [default: {', '.join(_NAMES.values())}, by the format]",
)
@click.option(
    "--quantize",
    type=click.Choice(["float16", "int8"]),
    help="Save the network's kernels so; tells size and accuracy before and after.",
)
@click.option(
    "--data",
    type=FILE,
    metavar="FILE",
    help="Labelled rows for the accuracy, laid out as the run's.  [default: the run's test file]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@output_options
def export(
    model: Path,
    kind: ExportFormat | None,
    output: Path | None,
    quantize: Storage | None,
    data: str | None,
    as_json: bool,
    console: Console,
) -> None:
    """Write MODEL for use without textclf's trainer, or a smaller copy of it.

    onnx and saved_model hold the network alone, not the tokenizer: they take no raw texts but the
    rows, columns and values of the features that textclf's vectorizer makes of texts. The
    scikit-learn pipeline takes texts; it needs textclf installed where it is loaded.

    \b
    textclf export models/ag_news/current --format onnx -o ag_news.onnx
    textclf export models/ag_news/current --quantize int8 -o ag_news_int8
    """
    kind = _checked(kind, quantize, data)
    from textclf.classifier import Classifier
    from textclf.exporting import check_free
    from textclf.exporting import export as write

    path = output or Path(_NAMES[kind])
    check_free(path)
    classifier = Classifier.load(model)
    if quantize is None:
        write(classifier, kind, path)
        if as_json:
            console.json({"output": str(path)})
        else:
            console.done(str(path))
        return
    from textclf.quantization import quantize as quantized

    small = quantized(classifier, quantize)
    measured = _measured(model, classifier, small, data, console)
    write(small, kind, path)
    found = {
        "output": str(path),
        "weights": [_stored(classifier), quantize],
        "bytes": [_bytes(model), _bytes(path)],
        "measured": measured,
    }
    if as_json:
        console.json(found)
    else:
        console.done(_summary(found))


def _checked(kind: ExportFormat | None, quantize: Storage | None, data: str | None) -> ExportFormat:
    """Return the format, if the options fit each other."""
    if kind is None and quantize is None:
        raise UsageError("--format is missing", remedy=f"give one of {', '.join(sorted(_NAMES))}")
    if quantize is not None and kind not in (None, "textclf"):
        raise UsageError(
            "--quantize goes with --format textclf",
            remedy=f"quantize first, then export the smaller model as {kind}",
        )
    if data is not None and quantize is None:
        raise UsageError("--data goes with --quantize", remedy="see also 'textclf evaluate'")
    return kind or "textclf"


def _stored(classifier: Classifier) -> str:
    return ", ".join(dict.fromkeys(layer.stored for layer in classifier.layers))


def _bytes(model: Path) -> int:
    from textclf.classifier import model_folder

    return sum(path.stat().st_size for path in model_folder(model).iterdir())


def _measured(
    model: Path, before: Classifier, after: Classifier, data: str | None, console: Console
) -> dict[str, Any] | None:
    """Return figures of both models on the same rows; None if there are no rows."""
    from textclf.evaluation import EvaluationSettings, measure
    from textclf.run_rows import rows_for

    rows = rows_for(model, before, data)
    if rows is None:
        return None
    settings = EvaluationSettings(mistakes=0, replicates=0)
    result = measure(before, rows, settings, against=after, report=console.report)
    other, test = result.other, result.comparison
    assert other is not None
    assert test is not None
    return {
        "files": list(map(str, rows.files)),
        "rows": other.rows,
        "accuracy": [result.overall.accuracy, other.accuracy],
        "loss": [result.overall.loss, other.loss],
        "right_only_before": test.only_first,
        "right_only_after": test.only_second,
    }


def _summary(found: dict[str, Any]) -> str:
    weights, sizes, measured = found["weights"], found["bytes"], found["measured"]
    lines = [
        f"model     {found['output']}",
        f"weights   {weights[0]} -> {weights[1]}",
        f"size      {size(sizes[0])} -> {size(sizes[1])}",
    ]
    if measured is None:
        lines += ["accuracy  not measured: there is no test file; give --data FILE"]
        return "\n".join(lines)
    (before, after), (loss, new_loss) = measured["accuracy"], measured["loss"]
    lines += [
        f"accuracy  {before:.4f} -> {after:.4f} on {measured['rows']:,} rows of "
        f"{', '.join(measured['files'])}",
        f"log loss  {loss:.4f} -> {new_loss:.4f}",
        f"changed   right only before: {measured['right_only_before']:,} of the rows; "
        f"right only after: {measured['right_only_after']:,}",
    ]
    return "\n".join(lines)
