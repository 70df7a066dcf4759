"""Whether the parts of a saved model fit each other: whoever made the file, no kernel reads past
the end of an array, and no number is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from textclf.classifier import Dense
    from textclf.ngrams.vectorizer import Vocabulary
    from textclf.quantization import Storage

_DTYPES = {
    "hashes": np.uint64, "columns": np.int32, "idf": np.float32, "text": np.uint8,
    "text_ends": np.int64,
}  # fmt: skip
_STORED: dict[Any, Storage] = {
    np.dtype(np.float32): "float32", np.dtype(np.float16): "float16", np.dtype(np.int8): "int8",
}  # fmt: skip


def check_labels(labels: Sequence[Any]) -> list[str]:
    """Return the labels.

    Raises:
        ValueError: If they are not strings, or not different.
    """
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("the labels are not a list of strings")
    if len(set(labels)) < len(labels):
        raise ValueError("a label occurs twice")
    return labels


def check_temperature(value: Any) -> float:
    """Return the temperature.

    Raises:
        ValueError: If it is no positive number.
    """
    temperature = float(value)
    if not 0 < temperature < float("inf"):
        raise ValueError(f"the temperature is {temperature}")
    return temperature


def check_vocabulary(vocabulary: Vocabulary) -> None:
    """Check a vocabulary.

    Raises:
        ValueError: If its arrays have other types than they should, or do not fit each other.
    """
    for name, dtype in _DTYPES.items():
        array: NDArray[Any] = getattr(vocabulary, name)
        if array.dtype != dtype or array.ndim != 1:
            raise ValueError(f"vocabulary.{name} is {array.dtype} of {array.ndim} dimensions")
    entries, size = len(vocabulary.hashes), vocabulary.size
    if not entries == len(vocabulary.columns) == len(vocabulary.idf):
        raise ValueError("the vocabulary's parts differ in length")
    if not np.all(vocabulary.hashes[1:] > vocabulary.hashes[:-1]):
        raise ValueError("the vocabulary's hashes do not ascend")
    if vocabulary.columns.min(initial=0) < -1 or size > entries:
        raise ValueError("the vocabulary has columns that cannot be")
    used = np.bincount(vocabulary.columns[vocabulary.columns >= 0], minlength=size)
    if not np.all(used == 1):
        raise ValueError("the vocabulary's columns are not used once each")
    if not np.isfinite(vocabulary.idf).all():
        raise ValueError("the vocabulary's weights are not all numbers")
    ends = vocabulary.text_ends
    if len(ends) != size + 1:
        raise ValueError("the vocabulary's texts are not as many as its columns")
    if ends[0] != 0 or ends[-1] != len(vocabulary.text) or np.any(ends[1:] < ends[:-1]):
        raise ValueError("the vocabulary's texts do not lie end to end")
    if not _is_utf8(vocabulary.text, ends):
        raise ValueError("the vocabulary's texts are not UTF-8")


def _is_utf8(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> bool:
    """Return whether the whole is UTF-8 and no text begins within a character."""
    try:
        text.tobytes().decode()
    except UnicodeDecodeError:
        return False
    starts = ends[ends < len(text)]
    return not np.any(text[starts] & 0xC0 == 0x80)


def check_stored_kernel(i: int, kernel: NDArray[Any], scales: NDArray[Any] | None) -> Storage:
    """Return how the kernel of layer `i` is stored.

    Raises:
        ValueError: If it has another type than a kernel may have, or scales that do not fit it.
    """
    if kernel.ndim != 2:
        raise ValueError(f"layer {i} has shape {kernel.shape}")
    stored = _STORED.get(kernel.dtype)
    if stored is None:
        raise ValueError(f"the kernel of layer {i} is {kernel.dtype}")
    if (stored == "int8") != (scales is not None):
        has = "no scales" if scales is None else "scales"
        raise ValueError(f"the kernel of layer {i} is {kernel.dtype} and has {has}")
    if scales is not None:
        if scales.dtype != np.float32 or scales.shape != kernel.shape[1:]:
            raise ValueError(f"the scales of layer {i} are {scales.dtype} of shape {scales.shape}")
        if not np.all((scales > 0) & np.isfinite(scales)):
            raise ValueError(f"the scales of layer {i} are not all positive numbers")
    return stored


def check_layers(layers: Sequence[Dense], inputs: int, outputs: int) -> None:
    """Check a network.

    Args:
        layers: Its layers.
        inputs: Number of features.
        outputs: Number of labels.

    Raises:
        ValueError: If the layers do not fit each other, or a weight is not a number.
    """
    widths = [inputs]
    for i, layer in enumerate(layers):
        if layer.kernel.dtype != np.float32 or layer.bias.dtype != np.float32:
            raise ValueError(f"layer {i} is not float32")
        if layer.bias.ndim != 1 or layer.kernel.shape != (widths[-1], len(layer.bias)):
            raise ValueError(f"layer {i} has shape {layer.kernel.shape}")
        if not np.isfinite(layer.kernel).all() or not np.isfinite(layer.bias).all():
            raise ValueError(f"the weights of layer {i} are not all numbers")
        widths.append(len(layer.bias))
    if not layers or widths[-1] != outputs:
        raise ValueError(f"{widths[-1]} outputs for {outputs} labels")
