"""Every setting with its default; TOML files and `section.key=value` overrides read into them."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
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
        tokens: What a word is: with `words+punctuation` a run of letters, digits and marks, or any
            other character but white space; with `words` the guide's `\\w\\w+`.
        min_n: Shortest n-gram.
        max_n: Longest n-gram; 0 chooses 3, or 2 words for more than 16 classes.
        unspaced_max_n: Longest n-gram in scripts written without spaces, where each character is a
            word.
        affixes: Whether words also count by their first five characters and by their last three.
        subwords: Longest part of a word, in characters, that counts beside it, in place of
            `affixes`; 0: none; -1 chooses 4 for little text or words that are rare, else none.
        boundaries: Whether the beginning and the end of a text count as words beside others.
        gaps: Whether a space between two characters of scripts written without spaces counts, with
            one or two of them before it or after it.
        as_written: Whether a word that lower-casing or stripping changes also counts as it stands.
        lowercase: Whether text is lower-cased.
        strip_accents: Whether accents are stripped (compatibility decomposition).
        min_df: Least number of training rows an n-gram must occur in.
        max_features: Number of n-grams kept, the best by `selection`; 0 keeps all.
        selection: The score that chooses n-grams.
        sublinear_tf: Whether tf becomes 1 + ln(tf).
        use_idf: Whether tf is weighted by inverse document frequency.
        smooth_idf: Whether one is added to document frequencies, as if one more row held
            every n-gram.
        log_count_ratio: Whether tf-idf is multiplied by the root of how far the n-gram's log-count
            ratios, as of naive Bayes, lie apart over the classes (their standard deviation).
        norm: The norm that rows are scaled to.
        count_memory_mb: Memory in MiB for counting n-grams; the rarest are dropped when it is
            full.
    """

    analyzer: Literal["word", "char", "char_wb"] = "word"
    tokens: Literal["words+punctuation", "words"] = "words+punctuation"
    min_n: int = 1
    max_n: int = 0
    unspaced_max_n: int = 4
    affixes: bool = True
    subwords: int = -1
    boundaries: bool = True
    gaps: bool = True
    as_written: bool = True
    lowercase: bool = True
    strip_accents: bool = False
    min_df: int = 2
    max_features: int = 300_000
    selection: Literal["chi2", "f_classif"] = "chi2"
    sublinear_tf: bool = True
    use_idf: bool = True
    smooth_idf: bool = True
    log_count_ratio: bool = True
    norm: Literal["l2", "none"] = "l2"
    count_memory_mb: int = 160


@dataclass(frozen=True)
class NetworkSettings:
    """The multi-layer perceptron.

    Attributes:
        layers: Number of layers, the output layer included, as in the guide: 2 is one hidden layer.
        units: Units of each hidden layer; 0 chooses 4 and 2 for each class, or for more than 8
            classes 96 units of all members together, or 192 for more than 16 if memory holds them.
        members: Networks that are trained side by side and averaged into one, whose hidden layers
            are as many times as wide; 0 chooses 4, or for more than 8 classes one.
        input_dropout: Share of the input features dropped in training.
        dropout: Share of the hidden units dropped in training.
        svm: Whether linear support vector machines, one for each class, are trained beside it and
            their scores added to the logits, by a weight that the validation rows tell; not for
            classes times features above 20 millions.
    """

    layers: int = 2
    units: int = 0
    members: int = 0
    input_dropout: float = 0.0
    dropout: float = 0.3
    svm: bool = True


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained.

    Attributes:
        seed: Seed of the split, the shuffles, the initial weights and dropout.
        batch_size: Rows a batch; 0 chooses 32 to 2048, about the square root of the training rows,
            or twice that for 16,000 rows or more.
        epochs: Most epochs.
        patience: Epochs without a better validation loss before training stops; 0 chooses 2, or 1
            if 800 rows or more are held out; for more than 8 classes 1, or without support vector
            machines 3.
        min_improvement: Share by which the validation loss must fall below the last that counted,
            to count as better; the best weights are those of the lowest loss all the same. A
            negative number chooses 0.05 if patience is 1, or 0.005.
        tolerance: Share by which an epoch's validation loss may exceed the lowest for its weights
            to be taken as the best, since they have been trained longer; a negative number chooses
            0, or 0.02 for more than 8 classes.
        optimizer: `rowwise_adagrad` updates only the weights of features that occur in the batch
            (by Adagrad; all others by Adam), `adam` all of them at each step.
        margin: By how much the logit of a row's class must exceed another to be as good as equal
            without a margin; a negative number chooses 0, or 20 for more than 16 classes.
        learning_rate: The optimizer's learning rate.
        schedule: `linear` lets the learning rate fall to zero over `epochs`, `constant` keeps it.
        averaged_steps: Steps of each epoch over which the weights are averaged; 0: those at its
            end are taken; a negative number chooses 8, or 0 for 16,000 rows or more.
        monitor: The validation loss that training is stopped by: `calibrated_loss` is that at the
            best temperature.
        validation_split: Share of the training rows held out for early stopping; of few rows more,
            200 but at most a fifth.
        refit: Whether a network of a small corpus, of which fewer than 800 rows are held out, is
            trained once more on all its rows, for as many epochs as were best.
        class_weight: `balanced` weighs each class by n / (k * its rows).
        time_limit: Seconds that training may take; 0 means as long as it needs.
        threads: Threads that TensorFlow and the kernels that train use; 0 means all cores.
    """

    seed: int = 1
    batch_size: int = 0
    epochs: int = 20
    patience: int = 0
    min_improvement: float = -1.0
    tolerance: float = -1.0
    optimizer: Literal["rowwise_adagrad", "adam"] = "rowwise_adagrad"
    margin: float = -1.0
    learning_rate: float = 3e-3
    schedule: Literal["linear", "constant"] = "constant"
    averaged_steps: int = -1
    monitor: Literal["calibrated_loss", "loss"] = "calibrated_loss"
    validation_split: float = 0.05
    refit: bool = True
    class_weight: Literal["none", "balanced"] = "none"
    time_limit: float = 0.0
    threads: int = 0


@dataclass(frozen=True)
class OutputSettings:
    """What is saved.

    Attributes:
        weights: How the network's kernels are saved: `auto` is float16, unless the accuracy on
            the validation rows falls by more than 0.0005; `int8` has a scale for each unit.
    """

    weights: Literal["auto", "float32", "float16", "int8"] = "auto"


@dataclass(frozen=True)
class Settings:
    """All settings of a training run, a section each."""

    ngrams: NgramSettings = field(default_factory=NgramSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    output: OutputSettings = field(default_factory=OutputSettings)


# https://developers.google.com/machine-learning/guides/text-classification
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "default": {},
    "guide": {
        "ngrams": {
            "tokens": "words",
            "max_n": 2,
            "strip_accents": True,
            "affixes": False,
            "subwords": 0,
            "boundaries": False,
            "gaps": False,
            "as_written": False,
            "max_features": 20_000,
            "selection": "f_classif",
            "sublinear_tf": False,
            "log_count_ratio": False,
        },
        "network": {
            "layers": 2,
            "units": 64,
            "members": 1,
            "input_dropout": 0.2,
            "dropout": 0.2,
            "svm": False,
        },
        "training": {
            "batch_size": 128,
            "optimizer": "adam",
            "margin": 0.0,
            "learning_rate": 1e-3,
            "schedule": "constant",
            "epochs": 1000,
            "patience": 2,
            "min_improvement": 0.0,
            "tolerance": 0.0,
            "averaged_steps": 0,
            "monitor": "loss",
            "refit": False,
        },
    },
}

SECTIONS: dict[str, type[Any]] = {
    "ngrams": NgramSettings,
    "network": NetworkSettings,
    "training": TrainingSettings,
    "output": OutputSettings,
}

_LARGEST_CONFIG = 1 << 20  # bytes
# Bounds of numbers, both included.
_BOUNDS: dict[str, tuple[float, float]] = {
    "min_n": (1, 16),
    "max_n": (0, 16),
    "unspaced_max_n": (0, 16),
    "subwords": (-1, 16),
    "min_df": (1, 1 << 40),
    "max_features": (0, 1 << 30),
    "count_memory_mb": (1, 1 << 20),
    "layers": (1, 16),
    "units": (0, 65536),
    "members": (0, 64),
    "input_dropout": (0.0, 0.99),
    "dropout": (0.0, 0.99),
    "margin": (-1.0, 1000.0),
    "seed": (0, 2**31 - 1),
    "batch_size": (0, 1 << 20),
    "epochs": (1, 100_000),
    "patience": (0, 100_000),
    "min_improvement": (-1.0, 0.99),
    "tolerance": (-1.0, 100.0),
    "averaged_steps": (-1, 1000),
    "learning_rate": (1e-9, 100.0),
    "validation_split": (0.0, 0.9),
    "time_limit": (0.0, 1e9),
    "threads": (0, 1024),
}


def resolve(
    tables: Sequence[tuple[str, Mapping[str, Any]]] = (), overrides: Sequence[str] = ()
) -> Settings:
    """Put settings together: defaults, then each table, then the overrides; the last word counts.

    Args:
        tables: (where it comes from, {section: {key: value}}) pairs.
        overrides: `section.key=value` each, the value as in TOML; a bare word is a string.

    Raises:
        ConfigError: If a section, key or value is wrong.
    """
    merged: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for source, table in [*tables, *((f"--set {o}", _parse_override(o)) for o in overrides)]:
        for section, values in table.items():
            if section not in SECTIONS:
                raise _unknown(section, SECTIONS, "no section", source)
            if not isinstance(values, Mapping):
                remedy = f"write [{section}], and settings of it below that"
                raise ConfigError(f"{section} is {values!r}", where=source, remedy=remedy)
            read_section(SECTIONS[section], values, section, source)
            merged[section] |= values
    settings = Settings(**{n: read_section(SECTIONS[n], merged[n], n) for n in SECTIONS})
    if settings.ngrams.min_n > settings.ngrams.max_n > 0:
        raise ConfigError(
            f"ngrams.min_n is {settings.ngrams.min_n}, above max_n {settings.ngrams.max_n}",
            remedy="make it smaller",
        )
    return settings


def stored_ngrams(table: Mapping[str, Any]) -> NgramSettings:
    """Return the settings that a model was stored with; older ones know of fewer features.

    Raises:
        ConfigError: As `read_section` does.
    """
    unknown = {"boundaries": False, "gaps": False, "as_written": False, "subwords": 0}
    settings = read_section(NgramSettings, unknown | dict(table), "ngrams")
    assert isinstance(settings, NgramSettings)
    return settings


def read_section(kind: type[Any], values: Mapping[str, Any], section: str, source: str = "") -> Any:
    """Build a section's dataclass from a table, every value checked.

    Raises:
        ConfigError: If a key is unknown, or a value has the wrong type or is out of bounds.
    """
    hints = typing.get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        if key not in hints:
            raise _unknown(key, hints, f"no setting {section}.", source)
        checked[key] = _check(f"{section}.{key}", value, hints[key], source)
    return kind(**checked)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def _check(name: str, value: Any, hint: Any, source: str) -> Any:
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise ConfigError(
                f"{name} is {value!r}", where=source, remedy=f"choose one of {', '.join(choices)}"
            )
        return value
    whole = hint is float and type(value) is int  # which may be too large for a float
    if type(value) is not hint and not whole:
        raise ConfigError(f"{name} is {value!r}", where=source, remedy=f"give {_KINDS[hint]}")
    low, high = _BOUNDS.get(name.partition(".")[2], (float("-inf"), float("inf")))
    if not isinstance(value, (bool, str)) and not low <= value <= high:
        raise ConfigError(f"{name} is {value}", where=source, remedy=f"give {low} to {high}")
    return float(value) if whole else value


def _parse_override(text: str) -> dict[str, dict[str, Any]]:
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise ConfigError(
            f"--set {text} is not section.key=value",
            remedy="write for example --set training.batch_size=512",
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except ValueError:  # no TOML, or more digits than Python takes
        parsed = value.strip()
    return {section: {key: parsed}}


def _unknown(name: str, known: Mapping[str, Any], what: str, source: str) -> ConfigError:
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    joined = f"{what}{name}" if what.endswith(".") else f"{what} {name}"
    return ConfigError(joined, where=source, remedy=remedy)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: If it cannot be read or is not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_CONFIG + 1)
        if len(content) > _LARGEST_CONFIG:
            raise ConfigError("is too large for settings", where=str(path), remedy="check the path")
        return tomllib.loads(content.decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=str(path), remedy="check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(path)) from error


def table_of(tables: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """Return a section of a file of settings; an empty one where it has none that is a table."""
    found = tables.get(section)
    return found if isinstance(found, Mapping) else {}


def as_table(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return settings as a table, for TOML and JSON."""
    return dataclasses.asdict(settings)
