"""Every setting with its default; TOML files and `section.key=value` overrides read into them."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from textclf.errors import ConfigError


@dataclass(frozen=True)
class NgramSettings:
    """How text becomes features.

    Attributes:
        analyzer: `word` for word n-grams, `char` for character n-grams, `char_wb` for character
            n-grams inside words padded with spaces.
        tokens: What a word is: `words+punctuation` is `\\w+|[^\\w\\s]`, `words` is the guide's
            `\\w\\w+`.
        min_n: Shortest n-gram.
        max_n: Longest n-gram.
        lowercase: Whether text is lower-cased.
        strip_accents: Whether accents are stripped (compatibility decomposition).
        min_df: Least number of training rows an n-gram must occur in.
        max_features: Number of n-grams kept, the best by `selection`; 0 keeps all.
        selection: The score that chooses n-grams.
        sublinear_tf: Whether tf becomes 1 + ln(tf).
        use_idf: Whether tf is weighted by inverse document frequency.
        smooth_idf: Whether one is added to document frequencies, as if one more row held
            every n-gram.
        norm: The norm that rows are scaled to.
        count_memory_mb: Memory in MiB for counting n-grams; the rarest are dropped when it is
            full.
    """

    analyzer: Literal["word", "char", "char_wb"] = "word"
    tokens: Literal["words+punctuation", "words"] = "words+punctuation"
    min_n: int = 1
    max_n: int = 2
    lowercase: bool = True
    strip_accents: bool = False
    min_df: int = 2
    max_features: int = 100_000
    selection: Literal["chi2", "f_classif"] = "chi2"
    sublinear_tf: bool = True
    use_idf: bool = True
    smooth_idf: bool = True
    norm: Literal["l2", "none"] = "l2"
    count_memory_mb: int = 160


@dataclass(frozen=True)
class NetworkSettings:
    """The multi-layer perceptron.

    Attributes:
        layers: Number of layers, the output layer included, as in the guide: 2 is one hidden layer.
        units: Units of each hidden layer.
        input_dropout: Share of the input features dropped in training.
        dropout: Share of the hidden units dropped in training.
    """

    layers: int = 2
    units: int = 32
    input_dropout: float = 0.3
    dropout: float = 0.5


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained.

    Attributes:
        seed: Seed of the split, the shuffles, the initial weights and dropout.
        batch_size: Rows a batch.
        epochs: Most epochs.
        patience: Epochs without a better validation loss before training stops.
        learning_rate: Adam's learning rate.
        validation_split: Share of the training rows held out for early stopping.
        class_weight: `balanced` weighs each class by n / (k * its rows).
        threads: Threads that TensorFlow and the kernels use; 0 means all cores.
    """

    seed: int = 1
    batch_size: int = 512
    epochs: int = 30
    patience: int = 2
    learning_rate: float = 1e-3
    validation_split: float = 0.1
    class_weight: Literal["none", "balanced"] = "none"
    threads: int = 0


@dataclass(frozen=True)
class Settings:
    """All settings of a training run, a section each."""

    ngrams: NgramSettings = field(default_factory=NgramSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)


# https://developers.google.com/machine-learning/guides/text-classification
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "default": {},
    "guide": {
        "ngrams": {
            "tokens": "words",
            "max_features": 20_000,
            "selection": "f_classif",
            "sublinear_tf": False,
        },
        "network": {"layers": 2, "units": 64, "input_dropout": 0.2, "dropout": 0.2},
        "training": {"batch_size": 128, "learning_rate": 1e-3, "epochs": 1000, "patience": 2},
    },
}
