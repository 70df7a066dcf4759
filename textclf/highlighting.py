"""Lays the contributions of n-grams back over the text that they were cut from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textclf.corpus.layout import COLUMN_BREAK
from textclf.ngrams import reference
from textclf.ngrams.hashing import END, START
from textclf.settings import NgramSettings

if TYPE_CHECKING:
    from textclf.explanation import Explanation

_CHUNK = re.compile(r"\S+")
_COLUMN = re.compile(f"[^{COLUMN_BREAK}]+")

_Unit = tuple[str, int, int]  # a word or character as n-grams have it, and its place in the text


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
    found: dict[str, list[list[_Unit]]] = defaultdict(list)
    for ngram, units in _occurrences(explanation.text, settings):
        if ngram in known:
            found[ngram].append(units)
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for ngram, occurrences in found.items():
        for units in occurrences:
            for _, start, end in units:
                weights[start, end] += known[ngram] / len(occurrences) / len(units)
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


def _occurrences(text: str, settings: NgramSettings) -> Iterator[tuple[str, list[_Unit]]]:
    for units in _segments(text, settings):
        for ngram, _, start, stop in reference.grams([unit[0] for unit in units], settings):
            # The spaces around a word have no place in the text, nor have its boundaries.
            yield ngram, [unit for unit in units[start:stop] if unit[2] > unit[1]]


def _segments(text: str, settings: NgramSettings) -> list[list[_Unit]]:
    if settings.analyzer == "word" and settings.boundaries:
        columns = (_word_units(c[0], c.start(), settings) for c in _COLUMN.finditer(text))
        return [[(START, 0, 0), *words, (END, 0, 0)] for words in columns if words]
    if settings.analyzer == "word":
        return [_word_units(text, 0, settings)]
    if settings.analyzer == "char":
        return [_characters(text, 0, settings)]
    return [
        [(" ", 0, 0), *_characters(word[0], word.start(), settings), (" ", 0, 0)]
        for word in _CHUNK.finditer(text)
    ]


def _characters(text: str, start: int, settings: NgramSettings) -> list[_Unit]:
    changed = reference.normalize(text, settings)
    if len(changed) != len(text):  # a character became several: they cannot be told apart
        return [(unit, start, start + len(text)) for unit in changed]
    return [(unit, start + i, start + i + 1) for i, unit in enumerate(changed)]


def _word_units(text: str, offset: int, settings: NgramSettings) -> list[_Unit]:
    units: list[_Unit] = []
    for chunk in _CHUNK.finditer(text):
        start, end = offset + chunk.start(), offset + chunk.end()
        changed = reference.normalize(chunk[0], settings)
        place = 0
        for word in reference.split_words(changed, settings):
            if len(changed) != len(chunk[0]):  # a character became several
                units.append((word, start, end))
                continue
            place = changed.index(word, place)
            units.append((word, start + place, start + place + len(word)))
            place += len(word)
    return units
