"""Whether the parts of a saved model fit each other: whoever made the file, no kernel reads past
the end of an array, and no number is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.corpus.rows import MAX_ROW
from textclf.errors import ConfigError
from textclf.escapes import encodable
from textclf.settings import NgramSettings, stored_ngrams

if TYPE_CHECKING:
    from textclf.layers import Dense
    from textclf.ngrams.vectorizer import Vocabulary
    from textclf.quantization import Storage

_DTYPES = {
    "hashes": np.uint64, "columns": np.int32, "idf": np.float32, "text": np.uint8,
    "text_ends": np.int64,
}  # fmt: skip
_FARTHEST = 1e6  # from 1, of a temperature and of weights of n-grams; far more than training makes
_MOST_TOKENS = float(MAX_ROW)
_LARGEST = 1e37  # logit, which float32 holds; so it does the difference of two
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
    if any(label != encodable(label) for label in labels):
        raise ValueError("a label is not Unicode text")
    return labels


def check_class_names(names: Mapping[str, Any]) -> dict[str, str]:
    """Return what people call the labels.

    Raises:
        ValueError: If a name cannot be written.
    """
    found = {label: str(name) for label, name in names.items()}
    if any(name != encodable(name) for name in found.values()):
        raise ValueError("the name of a class is not Unicode text")
    return found


def check_ngrams(table: Mapping[str, Any]) -> NgramSettings:
    """Return how text becomes features.

    Raises:
        ValueError: If a setting is unknown or cannot be.
    """
    try:
        settings = stored_ngrams(table)
    except ConfigError as error:
        raise ValueError(str(error)) from error
    if settings.min_n > settings.max_n:
        raise ValueError(f"ngrams.min_n is {settings.min_n}, ngrams.max_n {settings.max_n}")
    return settings


def check_temperature(value: float) -> float:
    """Return the temperature.

    Raises:
        ValueError: If it is no number, or one that float32 cannot divide by.
    """
    if not 1 / _FARTHEST <= value <= _FARTHEST:
        raise ValueError(f"the temperature is {str(value)[:20]}")
    return float(value)


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
    if np.abs(vocabulary.idf).max(initial=0) > _FARTHEST:
        raise ValueError("the vocabulary's weights are too large")
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


def check_reach(
    layers: Sequence[Dense], vocabulary: Vocabulary, norm: str, temperature: float
) -> None:
    """Check that no text can have logits too large for float32, of which probabilities are none.

    Args:
        layers: The network, checked.
        vocabulary: The n-grams, checked.
        norm: What rows are scaled to.
        temperature: What logits are divided by.

    Raises:
        ValueError: If one could.
    """
    first, *rest = layers
    # The most that the features of a row can sum to.
    row = float(np.abs(vocabulary.idf).max(initial=0)) * _MOST_TOKENS
    if norm == "l2":
        row = vocabulary.size**0.5
    kernel = max(float(first.kernel.max(initial=0)), -float(first.kernel.min(initial=0)))
    reach = row * kernel + np.abs(first.bias, dtype=np.float64)
    for layer in rest:
        reach = reach @ np.abs(layer.kernel, dtype=np.float64) + np.abs(layer.bias)
    if not np.all(reach / temperature < _LARGEST):
        raise ValueError("the weights are too large")
