"""textclf export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, output_options
from .options import PATH

if TYPE_CHECKING:
    from textclf.exporting import ExportFormat

_NAMES = {"onnx": "model.onnx", "saved_model": "saved_model", "sklearn": "model.skops"}


@click.command(short_help="Write a model in another program's format.")
@click.argument("model", type=PATH)
@click.option(
    "--format",
    "kind",
    type=click.Choice(sorted(_NAMES)),
    required=True,
    help="onnx, a TensorFlow SavedModel, or a scikit-learn pipeline in a skops file.",
)
@click.option("-o", "--output", type=PATH, help="File or folder; must not exist.")
@output_options
def export(model: Path, kind: ExportFormat, output: Path | None, console: Console) -> None:
    """Write MODEL for use without textclf's trainer.

    onnx and saved_model hold the network alone: they take the rows, columns and values of the
    features that textclf's vectorizer makes of texts. The scikit-learn pipeline takes texts; it
    needs textclf installed where it is loaded.
    """
    from textclf.classifier import Classifier
    from textclf.exporting import export as write

    path = output or Path(_NAMES[kind])
    write(Classifier.load(model), kind, path)
    console.result(str(path))
