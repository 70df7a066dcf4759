"""Text as fastText's own classification scripts prepare it, for fastText and Vowpal Wabbit.

Their `normalize_text` puts spaces around apostrophes, full stops, commas, brackets, exclamation and
question marks, drops double quotes, semicolons and colons, and lower-cases; the rows are then
shuffled, since both programs learn in the order of the file.
https://github.com/facebookresearch/fastText/blob/main/classification-example.sh
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from .stages import rows

_MARKS = str.maketrans(
    {mark: f" {mark} " for mark in "'.,()!?"} | dict.fromkeys('";:\n\r', " ") | {'"': ""}
)


def words(text: str) -> str:
    """Return the lower-cased words and marks of a text, one space between them."""
    return " ".join(text.lower().replace("<br />", " ").translate(_MARKS).split())


def write_shuffled(
    source: Path, target: Path, line: Callable[[str, str], str], seed: int = 1
) -> None:
    """Write a line for each row of a CSV in random order, with only the places in memory.

    Args:
        source: The CSV.
        target: Where the lines go.
        line: (label, words) to a line without its end.
        seed: Of the order.
    """
    ordered = target.with_suffix(".ordered")
    places = write_in_order(rows(source), ordered, line)
    random.Random(seed).shuffle(places)
    with ordered.open("rb") as lines, target.open("wb") as out:
        for place in places:
            lines.seek(place)
            out.write(lines.readline())
    ordered.unlink()


def write_in_order(
    pairs: Iterable[tuple[str, str]], target: Path, line: Callable[[str, str], str]
) -> list[int]:
    """Write a line for each (label, text); return where each begins."""
    places, place = [], 0
    with target.open("wb") as out:
        for label, text in pairs:
            places.append(place)
            place += out.write((line(label, words(text)) + "\n").encode())
    return places
