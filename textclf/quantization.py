"""Kernels in fewer bits on disk: float16, or int8 with a scale for each unit.

A quantized layer computes with the float32 numbers that its saved form stands for, so a model says
the same before it is saved and after it is loaded.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textclf.errors import UsageError
from textclf.ngrams.vectorizer import Rows

if TYPE_CHECKING:
    from textclf.classifier import Classifier
    from textclf.layers import Dense

Floats = NDArray[np.float32]
Storage: TypeAlias = Literal["float32", "float16", "int8"]

log = logging.getLogger(__name__)

# Accuracy that float16 may cost: of thousands of rows, one or two stand on the edge.
_TOLERATED = 5e-4
_ROWS = 1 << 14  # of a kernel that are looked at at once
_LARGEST_CODE = 127  # -128 is left out, so that codes are symmetric
_LARGEST_HALF = float(np.finfo(np.float16).max)


def quantize(classifier: Classifier, storage: Storage) -> Classifier:
    """Return the model with its kernels as they are when stored so; biases stay float32.

    Args:
        classifier: The model, which stays as it is.
        storage: `float16`, or `int8`: a code from -127 to 127 times the unit's scale.

    Raises:
        UsageError: If a weight is too large for float16.
    """
    twin = copy.copy(classifier)
    twin.layers = [_quantized(layer, storage) for layer in classifier.layers]
    return twin


def _quantized(layer: Dense, storage: Storage) -> Dense:
    if storage == "float32":
        return dataclasses.replace(layer, stored=storage, scales=None)
    if storage == "float16":
        if _largest(layer.kernel).max(initial=0.0) > _LARGEST_HALF:
            raise UsageError("a weight is too large for float16", remedy="choose int8")
        halves = np.empty_like(layer.kernel)
        for start in range(0, len(halves), _ROWS):  # a large one takes no third as much memory
            rows = slice(start, start + _ROWS)
            halves[rows] = layer.kernel[rows].astype(np.float16)
        return dataclasses.replace(layer, kernel=halves, stored=storage, scales=None)
    largest = _largest(layer.kernel).astype(np.float64)
    scales = (largest / _LARGEST_CODE).astype(np.float32)
    scales[scales == 0] = 1  # of units without weights
    codes = _codes(layer.kernel, scales)
    return dataclasses.replace(layer, kernel=codes * scales, stored=storage, scales=scales)


def _largest(kernel: Floats) -> Floats:
    """Return (units,) the largest absolute value of each unit's weights, without a copy."""
    return np.asarray(np.maximum(kernel.max(axis=0, initial=0.0), -kernel.min(axis=0, initial=0.0)))


def _codes(kernel: Floats, scales: Floats) -> NDArray[np.int8]:
    rounded = np.rint(kernel / scales)
    return np.asarray(np.clip(rounded, -_LARGEST_CODE, _LARGEST_CODE), dtype=np.int8)


def pack(layer: Dense) -> dict[str, NDArray[Any]]:
    """Return a layer's arrays as they are saved: kernel, bias, and the scales of int8 codes."""
    if layer.scales is not None:
        codes = _codes(layer.kernel, layer.scales)
        return {"kernel": codes, "scales": layer.scales, "bias": layer.bias}
    kernel = layer.kernel.astype(np.float16) if layer.stored == "float16" else layer.kernel
    return {"kernel": kernel, "bias": layer.bias}


def unpack(kernel: NDArray[Any], scales: Floats | None) -> Floats:
    """Return the float32 kernel that a saved one, checked before, stands for.

    Args:
        kernel: (inputs, units) float32, float16 or int8.
        scales: (units,) of int8 codes.
    """
    if scales is None:
        return kernel.astype(np.float32, copy=False)
    with np.errstate(over="ignore"):  # infinite weights are refused later
        return np.asarray(kernel * scales, dtype=np.float32)


def choose(
    classifier: Classifier, validation: Iterable[Any], wanted: Literal["auto"] | Storage
) -> tuple[Classifier, dict[str, Any]]:
    """Return the model as it is to be stored, and what that costs in accuracy.

    Args:
        classifier: The model, of float32.
        validation: Shards of rows to measure on.
        wanted: How to store kernels; `auto` is float16, unless accuracy falls by more than 0.0005.

    Returns:
        The model, and `stored` with the `validation_accuracy` of float32 and of what was tried.
    """
    tried: Storage = "float16" if wanted == "auto" else wanted
    if tried == "float32":
        return classifier, {"stored": tried}
    try:
        small = quantize(classifier, tried)
    except UsageError as error:
        log.warning("the weights are saved as float32: %s", error.what)
        return classifier, {"stored": "float32"}
    measured = _accuracies((classifier, small), validation)
    accuracy = dict(zip(("float32", tried), measured, strict=False))
    if wanted == "auto" and (not measured or measured[1] < measured[0] - _TOLERATED):
        return classifier, {"stored": "float32", "validation_accuracy": accuracy}
    return small, {"stored": tried, "validation_accuracy": accuracy}


def _accuracies(classifiers: tuple[Classifier, ...], validation: Iterable[Any]) -> list[float]:
    """Return the accuracy of each on the rows; nothing if there are none."""
    from textclf.parallel import ordered_map

    def count(part: tuple[Rows, NDArray[np.int32]]) -> list[int]:
        rows, true = part
        found = (classifier.logits(rows).argmax(axis=1) for classifier in classifiers)
        return [len(true), *(int((classes == true).sum()) for classes in found)]

    parts = Rows.parts(validation, len(classifiers[0].labels))
    counts = np.array(list(ordered_map(count, parts)), dtype=np.int64)
    total, *right = counts.reshape(-1, 1 + len(classifiers)).sum(axis=0).tolist()
    return [n / total for n in right] if total else []
