"""From a trained network to the classifier that is saved: its weights stored, and calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textclf.calibration import calibrate
from textclf.classifier import Classifier
from textclf.layers import dense_layers
from textclf.metrics import Evaluation
from textclf.preparation import Prepared
from textclf.quantization import Storage, choose
from textclf.refitting import refitted

if TYPE_CHECKING:
    from textclf.training import FitResult


@dataclass(frozen=True)
class Finished:
    """A classifier, and what the rows held out of its training say of it.

    Attributes:
        classifier: Calibrated, with the weights that are saved.
        weights: How they are saved, and why.
        held_out: What it says of the validation rows.
        validation: Figures of that.
    """

    classifier: Classifier
    weights: dict[str, Any]
    held_out: Evaluation
    validation: dict[str, float]


def finish(
    prepared: Prepared,
    result: FitResult,
    storage: Literal["auto"] | Storage,
    class_names: Mapping[str, str] | None = None,
) -> Finished:
    """Make a classifier of a trained network; if it was trained once more, of that one.

    Args:
        prepared: The rows held out, and how text becomes features.
        result: The network; its weights are let go of.
        storage: How weights are saved; see `OutputSettings`.
        class_names: What people call the labels.
    """
    classifier = Classifier(
        prepared.labels.names,
        prepared.vectorizer,
        dense_layers(result.weights),
        class_names=class_names,
        columns=prepared.columns,
    )
    result.weights.clear()  # the classifier may come to hold others, of fewer bits
    classifier, weights = choose(classifier, prepared.validation, storage)
    held_out, validation = calibrate(classifier, prepared.validation)
    if result.refitted is not None:
        classifier = refitted(classifier, result.refitted)
    return Finished(classifier, weights, held_out, validation)
