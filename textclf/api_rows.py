"""Texts and labels as the Python interface takes them: checked, and written to a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import column_or_1d

from textclf.corpus.block import TextBlock, encode_text
from textclf.corpus.layout import COLUMN_BREAK, Columns, CorpusFormat
from textclf.escapes import encodable

WRITTEN = CorpusFormat(format="jsonl", label_column="label", text_columns=("text",))


def table_columns(table: Any) -> Columns | None:
    """Return the columns of a table that names them by strings; None for all else."""
    names = tuple(getattr(table, "columns", ()))
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return Columns(len(names), None, tuple(range(len(names))), dict(enumerate(names)))


def repeated(names: Iterable[str]) -> str | None:
    """Return a name that is there more than once, or None."""
    listed = list(names)
    return next((name for name in listed if listed.count(name) > 1), None)


def width(texts: Any) -> int:
    """Return how many columns a table has; one of all else."""
    shape: tuple[int, ...] = getattr(texts, "shape", ())
    return shape[1] if len(shape) == 2 else 1


def checked_texts(
    texts: Any, trained: Columns | None = None, expected: int | None = None
) -> list[str]:
    """Return texts as a list.

    Args:
        texts: Strings in a sequence, an array, a Series or an iterator; or a table, the columns of
            which are joined as the text columns of a file are.
        trained: The columns that the model was trained on: of a table that names these, they are
            taken, in their order.
        expected: How many columns of texts another table must have; by default those of `trained`.

    Raises:
        ValueError: If it is something else, has other columns, or names some of them and not all.
    """
    if isinstance(texts, (str, bytes)):
        raise ValueError("X is one string: give a sequence of texts")
    shape: tuple[int, ...] = getattr(texts, "shape", (0,))
    if isinstance(texts, (Mapping, Set)) or not isinstance(texts, Iterable) or shape == ():
        raise ValueError(f"X is a {type(texts).__name__}, not a sequence of texts")
    if len(shape) == 1:
        return _strings(texts, "text")
    if len(shape) > 2 or shape[1] == 0:
        raise ValueError(f"X is of the shape {shape}: give texts, or a table of them")
    table: Any = texts  # of which list() would return the names of the columns
    cells = table.iloc if hasattr(table, "iloc") else table
    places = _places(table_columns(table), trained) or list(range(shape[1]))
    if expected is None and trained is not None:
        expected = len(trained.texts)
    if expected is not None and len(places) != expected:
        found = f"{len(places)} column{'s' * (len(places) > 1)}"
        raise ValueError(f"X has {found}; the model was trained on {expected}")
    columns = (_strings(cells[:, c], f"column {c + 1}, text") for c in places)
    return [COLUMN_BREAK.join(row) for row in zip(*columns, strict=True)]


def _places(given: Columns | None, trained: Columns | None) -> list[int]:
    """Return where a table has the text columns of another; none if it has none of them."""
    if given is None or trained is None or not trained.names:
        return []
    wanted = [trained.names[place] for place in trained.texts]
    names = list(given.names.values())
    if not set(wanted) & set(names):
        return []
    for name in wanted:
        if (times := names.count(name)) != 1:
            raise ValueError(
                f"X has {times or 'no'} column{'s' * (times > 1)} {name!r}; the model was trained "
                f"on {', '.join(map(repr, wanted))}"
            )
    return [names.index(name) for name in wanted]


def _strings(texts: Iterable[Any], name: str) -> list[str]:
    found = list(texts)
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise ValueError(f"{name} {i} is a {type(text).__name__}, not a string")
    return found


def checked_blocks(X: Any, y: Any) -> Iterator[tuple[list[str], NDArray[Any]]]:
    """Yield texts and labels, checked.

    Args:
        X: Texts; or without `y` blocks, or pairs of texts and labels.
        y: (texts,) labels.

    Raises:
        ValueError: If they are not such, or do not fit each other.
    """
    if y is None and not isinstance(X, Iterable):
        raise ValueError(f"X is a {type(X).__name__}, not texts")
    for block in X if y is None else [(X, y)]:
        if isinstance(block, TextBlock):
            block = (block.texts(), block.labels)
        try:
            texts, labels = block
        except (TypeError, ValueError):
            raise ValueError("y is missing, and X has no (texts, labels) pairs") from None
        if labels is None or isinstance(texts, str):
            raise ValueError("y is missing: a classifier is trained on labelled texts")
        checked, column = checked_texts(texts), column_or_1d(_plain(labels))
        if column.dtype.kind in "mM":
            raise ValueError("Unknown label type: y holds times; make strings of them")
        if column.dtype.kind == "f" and np.any(column[np.isfinite(column)] % 1 != 0):
            raise ValueError("Unknown label type: y holds measurements; classes may be strings")
        if len(checked) != len(column):
            raise ValueError(f"X has {len(checked)} texts, but y {len(column)} labels")
        yield checked, column


def _plain(labels: Any) -> Any:
    """Return labels, those of pandas' own types of numbers as Python's: floats merge large ones."""
    kind: Any = getattr(labels, "dtype", None)
    if hasattr(kind, "na_value") and kind.kind in ("i", "u", "b"):
        return labels.astype(object)
    return labels


def write_rows(path: Path, blocks: Iterable[tuple[list[str], NDArray[Any]]]) -> dict[str, Any]:
    """Write rows as JSON lines, laid out as WRITTEN.

    Args:
        path: The file.
        blocks: What `checked_blocks` yields.

    Returns:
        Each label by the name that it has in the file.

    Raises:
        ValueError: If there are no rows, or one has no label.
    """
    names: dict[Any, str] = {}
    written: set[str] = set()
    with path.open("wb") as file:
        for texts, labels in blocks:
            for text, label in zip(texts, labels.tolist(), strict=True):
                if _is_missing(label):
                    raise ValueError("y has a missing label")
                if label not in names:
                    own = str(label).strip().removeprefix("\ufeff").strip()
                    names[label] = own or "(blank)"
                    if names[label] in written:
                        raise ValueError(
                            f"two labels are written {names[label]!r}: white space around them "
                            "does not tell them apart"
                        )
                    written.add(names[label])
                    if encodable(names[label]) != names[label] or "\0" in names[label]:
                        raise ValueError(f"the label {label!r} has characters that are no text")
                row = {"label": names[label], "text": encode_text(text).decode()}
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    if not names:
        raise ValueError("there are no texts to train on")
    if 0 < sum(isinstance(label, str) for label in names) < len(names):
        raise ValueError("y mixes strings and other labels: make strings of all")
    try:
        sorted(names)
    except TypeError as error:
        raise ValueError(f"labels have no order ({error}): make strings of them") from error
    return {name: label for label, name in names.items()}


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA is neither equal to itself nor different
        return True
