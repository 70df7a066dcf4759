"""Lays the contributions of n-grams back over the text that they were cut from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textclf.ngrams.reference import Unit, grams, segments
from textclf.settings import NgramSettings

if TYPE_CHECKING:
    from textclf.explanation import Explanation


def highlights(
    explanation: Explanation, label: str, settings: NgramSettings
) -> list[tuple[str, float]]:
    """Return the text in pieces, each with what it adds to a class's logit.

    What an n-gram contributes is shared by its occurrences, and by the words (or characters) of
    each. The pieces joined are the text.

    Args:
        explanation: What `explain` returned.
        label: The class.
        settings: The model's settings of n-grams.
    """
    column = explanation.contributions[:, explanation.labels.index(label)]
    known = dict(zip(explanation.ngrams, column.tolist(), strict=True))
    found: dict[str, list[list[Unit]]] = defaultdict(list)
    for ngram, units in _occurrences(explanation.text, settings):
        if ngram in known:
            found[ngram].append(units)
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for ngram, occurrences in found.items():
        for units in occurrences:
            for unit in units:
                weights[unit.start, unit.end] += known[ngram] / len(occurrences) / len(units)
    return list(_pieces(explanation.text, weights))


def _pieces(text: str, weights: dict[tuple[int, int], float]) -> Iterator[tuple[str, float]]:
    done = 0
    for (start, end), weight in sorted(weights.items()):
        if start > done:
            yield text[done:start], 0.0
        yield text[max(start, done) : end], weight
        done = max(done, end)
    if done < len(text):
        yield text[done:], 0.0


def _occurrences(text: str, settings: NgramSettings) -> Iterator[tuple[str, list[Unit]]]:
    for units in segments(text, settings):
        for ngram, _, start, stop in grams(units, settings):
            # The spaces around a word have no place in the text, nor have its boundaries.
            yield ngram, [unit for unit in units[start:stop] if unit.end > unit.start]
