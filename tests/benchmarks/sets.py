"""Sets of labelled rows as files, the same each time they are made."""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

Row = tuple[str, str]  # label, text

_LEAST_ROWS = 30  # of a class


def write_set(
    folder: Path, rows: Iterable[Row], *, least: int = _LEAST_ROWS, classes: int | None = None,
    most: int | None = None,
) -> None:  # fmt: skip
    """Write train.csv and test.csv.

    Args:
        folder: Is made.
        rows: In an order that is always the same.
        least: Rows of a class; classes of fewer are left out.
        classes: The largest classes that are kept; by default all.
        most: Rows kept, drawn at random.
    """
    unique: dict[str, str] = {}
    for label, text in rows:
        if line := " ".join(text.split()):
            unique.setdefault(line, label)
    counts = Counter(unique.values()).most_common(classes)
    kept = {label for label, n in counts if n >= least}
    chosen = [(label, text) for text, label in unique.items() if label in kept]
    random.Random(1).shuffle(chosen)
    parts: dict[bool, list[Row]] = {True: [], False: []}
    for row in chosen[:most]:
        parts[int(hashlib.md5(row[1].encode()).hexdigest(), 16) % 4 > 0].append(row)
    write_parts(folder, parts[True], parts[False])


def write_parts(
    folder: Path, train: Iterable[Sequence[str]], test: Iterable[Sequence[str]]
) -> None:
    """Write train.csv and test.csv; test rows of labels that no training row has are left out."""
    train = list(train)
    known = {row[0] for row in train}
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", train), ("test", test)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerows(row for row in part if row[0] in known)
