"""Rows of words distributed as in language: few words often, and ever new ones.

A word's rank follows Zipf's law as Mandelbrot has it, drawn from its continuous form (Lomax):
P(rank > r) = (1 + r / OFFSET) ** -TAIL. There is no greatest rank, so the vocabulary always grows:
by Heaps' law with the tokens to the power of 1 / (1 + TAIL).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OFFSET, TAIL = 10.0, 0.6
CLASSES, TOPICAL, NOISE = 4, 0.15, 0.05  # share of a class' own words; of rows of another label
_WORDS, _BLOCK = 40, 10_000
_SYLLABLES = [c + v for c in "bdfghjklmnprstvz" for v in "aeiou"]


def ranks(count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return ranks of words, from 0; (count,) int64."""
    import numpy as np

    found = OFFSET * (random.random(count) ** (-1 / TAIL) - 1)
    return np.minimum(found, 2.0**58).astype(np.int64)


def spell(number: int) -> str:
    """Return a word of its own for each number from 0."""
    syllables = []
    while True:
        number, rest = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[rest])
        if number == 0:
            return "".join(syllables)
        number -= 1


def write(path: Path, rows: int, seed: int) -> None:
    """Write a CSV of label and text: rows of 40 words."""
    import numpy as np

    random = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, rows, _BLOCK):
            n = min(_BLOCK, rows - start)
            classes = random.integers(CLASSES, size=n)
            words = ranks(n * _WORDS, random).reshape(n, _WORDS)
            owner = np.where(random.random(words.shape) < TOPICAL, classes[:, None] + 1, 0)
            unique, places = np.unique(words * (CLASSES + 1) + owner, return_inverse=True)
            spelled = np.array([spell(number) for number in unique.tolist()], dtype=object)
            told = np.where(random.random(n) < NOISE, random.integers(CLASSES, size=n), classes)
            for label, row in zip(told.tolist(), spelled[places].reshape(n, _WORDS), strict=True):
                file.write(f'"{label + 1}","{" ".join(row)}"\n')
