"""Names of classes and their codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

# What programs write where a label is missing. "None" and "NA" may be meant.
_MISSING = frozenset({"nan", "null", "<na>", "#n/a"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,100}", re.ASCII)


def hardly_recur(labels: int, rows: int) -> bool:
    """Return whether so many labels on so many rows look like texts or identifiers."""
    return rows >= 20 and labels > rows / 2


def label_refusal(labels: Sequence[str], rows: int, named: bool) -> tuple[str, str] | None:
    """Return why rows of these labels cannot be trained on, and what to do; None if they can.

    Args:
        labels: The labels.
        rows: Number of rows.
        named: Whether a header, or the format, names the columns.
    """
    if len(labels) < 2:
        only = f"only one class, {labels[0]!r}" if labels else "no rows"
        remedy = "give rows of at least two classes, or another --label-column"
        return f"{only}: there is nothing to tell apart", remedy
    if rows >= 20 and len(labels) == rows:
        remedy = "give another --label-column"
        remedy += "" if named else ", or --header if row 1 names the columns"
        return f"each of its {rows:,} rows has a label of its own", remedy
    return None


class LabelMap:
    """Codes labels as integers, in the order in which they were first seen.

    Args:
        names: Labels that are known from the start; codes 0, 1, ...
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = []
        self.frozen = False
        self.remedy = "correct it, or train with rows of that label"
        self._codes: dict[str, int] = {}
        self.encode(names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and label.strip() in self._codes

    def freeze(self, remedy: str | None = None) -> LabelMap:
        """Take no more labels; unknown ones are coded -1 from now on. Returns itself.

        Args:
            remedy: What the user can do about an unknown label.
        """
        self.frozen, self.remedy = True, remedy or self.remedy
        return self

    def alike(self, label: str) -> str | None:
        """Return a label that differs from this one in capitals or spaces only, if there is one."""
        folded = _folded(label)
        return next((name for name in self.names if _folded(name) == folded), None)

    def encode(self, values: Iterable[str]) -> NDArray[np.int32]:
        """Return the codes of labels, stripped of white space; new ones get the next code."""
        return np.fromiter((self._code(value.strip()) for value in values), dtype=np.int32)

    def _code(self, label: str) -> int:
        code = self._codes.get(label)
        if code is None:
            if self.frozen:
                return -1
            code = self._codes[label] = len(self.names)
            self.names.append(label)
        return code

    def sorted(self) -> tuple[LabelMap, NDArray[np.int32]]:
        """Return a map with the names in natural order, and what each old code becomes.

        Integers come first, by value, then other names by code point. The second result is
        (labels,) int32: `remap[old code]` is the new code.
        """
        order = sorted(range(len(self.names)), key=lambda code: natural_key(self.names[code]))
        remap = np.empty(len(order), dtype=np.int32)
        remap[order] = np.arange(len(order), dtype=np.int32)
        return LabelMap(self.names[code] for code in order), remap


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Return the names, two or more, that differ in capitals or spaces only."""
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(_folded(name), []).append(name)
    return [group for group in folded.values() if len(group) > 1]


def like_missing(names: Iterable[str]) -> list[str]:
    """Return the names that programs write where there is no label."""
    return [name for name in names if name.casefold() in _MISSING]


def natural_key(name: str) -> tuple[int, int, str]:
    """Return a key that sorts integers by value, before other names by code point."""
    return (0, int(name), name) if _INTEGER.fullmatch(name) else (1, 0, name)
