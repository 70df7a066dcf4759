"""What the search may change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from textclf.settings import Settings, as_table

if TYPE_CHECKING:
    import optuna

# Given a trial, a setting's name and its present value, asks the trial for another.
Propose = Callable[["optuna.Trial", str, Any], Any]


def _one_of(*values: Any) -> Propose:
    def ask(trial: optuna.Trial, name: str, own: Any) -> Any:
        return trial.suggest_categorical(name, values if own in values else (*values, own))

    return ask


def _between(low: float, high: float) -> Propose:
    def ask(trial: optuna.Trial, name: str, own: Any) -> Any:
        return trial.suggest_float(name, min(low, own), max(high, own), log=True)

    return ask


SPACE: dict[str, Propose] = {
    "ngrams.analyzer": _one_of("word", "char_wb"),
    "ngrams.max_n": _one_of(1, 2, 3),
    "ngrams.affixes": _one_of(True, False),
    "ngrams.subwords": _one_of(0, 4),
    "ngrams.min_df": _one_of(1, 2, 4),
    "ngrams.max_features": _one_of(30_000, 100_000, 300_000),
    "ngrams.log_count_ratio": _one_of(True, False),
    "network.layers": _one_of(1, 2, 3),
    "network.units": _one_of(0, 16, 64),
    "network.members": _one_of(1, 4),
    "network.dropout": _one_of(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    "network.input_dropout": _one_of(0.0, 0.1, 0.3),
    "training.margin": _one_of(0.0, 5.0, 20.0),
    "training.learning_rate": _between(3e-4, 3e-2),
}
# Characters are counted in runs of two to five, within words.
_CHARACTERS = {"ngrams.min_n": 2, "ngrams.max_n": 5, "ngrams.affixes": False}


def flat(settings: Settings) -> dict[str, Any]:
    """Return the settings as {section.key: value}."""
    return {f"{s}.{key}": v for s, keys in as_table(settings).items() for key, v in keys.items()}


def starting_point(settings: Settings, fixed: frozenset[str]) -> dict[str, Any]:
    """Return the settings' own place in the search space."""
    values = flat(settings)
    return {name: values[name] for name in _free(fixed)}


def _free(fixed: frozenset[str]) -> list[str]:
    """Return the names of the settings that may change."""
    # A length that was given is one of words or of characters: it does not suit the other.
    given = fixed | ({"ngrams.analyzer"} if fixed & {"ngrams.min_n", "ngrams.max_n"} else set())
    return [name for name in SPACE if name not in given]


def propose(trial: optuna.Trial, settings: Settings, fixed: frozenset[str]) -> dict[str, Any]:
    """Return {section.key: value} of the settings that a trial changes.

    Args:
        trial: Is asked for each value.
        settings: Where the search starts.
        fixed: Names of settings that stay as they are.
    """
    own = flat(settings)
    found = {name: SPACE[name](trial, name, own[name]) for name in _free(fixed)}
    if found == starting_point(settings, fixed):
        return {}
    if found.get("ngrams.analyzer") == "char_wb":
        found |= {name: value for name, value in _CHARACTERS.items() if name not in fixed}
    if 0 < found.get("ngrams.max_n", own["ngrams.max_n"]) < own["ngrams.min_n"]:
        found["ngrams.max_n"] = own["ngrams.min_n"]
    return {name: value for name, value in found.items() if own[name] != value}


def apply(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return the settings with some changed."""
    found = settings
    for name, value in changes.items():
        section, _, key = name.partition(".")
        changed = dataclasses.replace(getattr(found, section), **{key: value})
        found = dataclasses.replace(found, **{section: changed})
    return found
