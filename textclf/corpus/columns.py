"""Which columns are the label and the text, and whether the first row names them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import ALL_COLUMNS, Column, Columns, CorpusFormat, Layout
from textclf.errors import DataError

LABEL_NAMES = (
    "label", "labels", "class", "category", "target", "sentiment", "topic", "intent", "polarity",
    "rating", "stars", "score", "class_index", "label_id", "class_id", "y",
)  # fmt: skip
TEXT_NAMES = (
    "text", "texts", "title", "headline", "subject", "body", "content", "contents", "description",
    "summary", "abstract", "review", "review_text", "review_title", "sentence", "comment",
    "message", "document", "tweet", "post", "question", "answer", "utterance", "article",
    "paragraph", "query", "email", "sms", "news", "phrase",
)  # fmt: skip
ID_NAMES = (
    "", "id", "idx", "index", "row", "row_id", "uuid", "guid", "key", "date", "time", "timestamp",
    "url", "unnamed:_0",
)  # fmt: skip

_WORD = re.compile(r"[^\W\d][\w.\- ]{0,63}")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ENOUGH_ROWS = 10
_MOST_WORDS = 3  # of a column's name


def looks_like_header(
    rows: Sequence[Sequence[str]], fmt: CorpusFormat, known: LabelMap | None = None
) -> bool:
    """Return whether the first of a file's first rows names the columns.

    It does if it names a column that is asked for, or that the model in use was trained on; or if
    columns are asked for by name and it has a usual one such as `label` or `text`. Else every cell
    of it must look like a name; no cell is a number. Its label must not be a label known already.
    Usual names of both a label and a text are enough then. Else no cell may recur in its column,
    and there must be a positive sign: a usual name; or different names, the label's above nothing
    but numbers, or all of them identifiers above labels that all recur.

    Args:
        rows: The file's first rows, cells as strings.
        fmt: What the user said.
        known: Labels known before this file was opened.
    """
    first = [cell.strip() for cell in rows[0]]
    if names_one_of(first, fmt.names) or (fmt.names and has_usual_name(first)):
        return True
    if fmt.trained is not None and any(
        len(_places(name, first)) == 1 for name in fmt.trained.names.values()
    ):
        return True
    folded = [_fold(cell) for cell in first]
    if not all(_WORD.fullmatch(cell) or (cell == "" and i == 0) for i, cell in enumerate(first)):
        return False
    others = [row for row in rows[1:] if len(row) == len(first)]
    place = _guess_label(folded, fmt)
    if known is not None and fmt.has_labels and first[place] in known:
        return False
    if fmt.has_labels and _names_both(folded):  # a text may be the word "text"
        return True
    if has_usual_name(first):  # of files put together, a header comes again
        others = [row for row in others if list(row) != list(rows[0])]
    recurs = any(cell == row[i].strip() for i, cell in enumerate(first) if cell for row in others)
    if recurs or not all(len(cell.split()) <= _MOST_WORDS for cell in first):
        return False
    if not fmt.has_labels:
        return any(name in TEXT_NAMES for name in folded)
    below = [row[place].strip() for row in others]
    if has_usual_name(first):
        return True
    if len(set(folded)) < len(folded):
        return False
    if below and all(_NUMBER.fullmatch(label) for label in below):
        return True
    recur = len(below) >= _ENOUGH_ROWS and min(Counter(below).values()) >= 2
    return recur and all(_IDENTIFIER.fullmatch(cell) for cell in first)


def has_usual_name(header: Sequence[str]) -> bool:
    """Return whether a row has a name that is usual for a column of labels or texts."""
    return any(_fold(name) in (*LABEL_NAMES, *TEXT_NAMES) for name in header)


def _names_both(folded: Sequence[str]) -> bool:
    """Return whether a row has usual names of columns of labels and of texts."""
    return any(name in LABEL_NAMES for name in folded) and any(
        name in TEXT_NAMES for name in folded
    )


def _fold(name: str) -> str:
    return "_".join(name.strip().lower().split())


def _guess_label(folded: Sequence[str], fmt: CorpusFormat) -> int:
    """Return the place of the label among named columns."""
    if isinstance(fmt.label_column, int):
        return min(fmt.label_column, len(folded)) - 1
    for name in LABEL_NAMES:
        if name in folded:
            return list(folded).index(name)
    return next((i for i, name in enumerate(folded) if _is_plain(name)), 0)


def _is_plain(name: str) -> bool:
    """Return whether a column of this name may as well hold labels as anything else."""
    return name not in TEXT_NAMES and name not in ID_NAMES


def label_candidates(header: Sequence[str]) -> list[str]:
    """Return the columns of which any may be the label; none if one has a usual name."""
    folded = [_fold(name) for name in header]
    if any(name in LABEL_NAMES for name in folded):
        return []
    return [name for name, known in zip(header, folded, strict=True) if _is_plain(known)]


def _places(name: str, header: Sequence[str]) -> list[int]:
    """Return the places of a column by its name, or else by what is like it."""
    found = [i for i, other in enumerate(header) if other.strip() == name.strip()]
    return found or [i for i, other in enumerate(header) if _fold(other) == _fold(name)]


def names_one_of(header: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether a row names one of these columns."""
    return any(_places(name, header) for name in wanted)


def _as_trained(
    where: str,
    trained: Columns,
    places: Sequence[int],
    width: int,
    header: Sequence[str] | None,
) -> tuple[int, ...]:
    """Return where a file has columns that the model's training files had; none if it has none.

    Columns are told by their names or, where the file names none, by their places if there are as
    many.

    Raises:
        DataError: If a file names some of the columns and not all, or one of them twice.
    """
    if header is None:
        return tuple(places) if width == trained.width else ()
    names = [trained.names[place] for place in places if place in trained.names]
    if not names_one_of(header, names):
        return ()
    return tuple(find_column(where, name, width, header) for name in names)


def choose_columns(
    where: str, width: int, header: Sequence[str] | None, fmt: CorpusFormat
) -> tuple[int | None, tuple[int, ...], tuple[tuple[str, int], ...]]:
    """Return the places of the label, of the texts, and of the columns passed through.

    They are those of the files that the model in use was trained on, where the file has them.
    Else, without a header, column 1 is the label and every other column text. With one, the label
    is the column with a usual name such as `label` or `class`, else the first that is neither text
    nor an identifier; the text is every column with a usual name such as `text` or `title`, else
    all but the label and identifiers.

    Raises:
        DataError: If a column is missing.
    """
    everything = fmt.extra_columns == ALL_COLUMNS
    extras = (
        _all_columns(width, header)
        if everything
        else tuple((str(c), find_column(where, c, width, header)) for c in fmt.extra_columns)
    )
    texts = tuple(find_column(where, c, width, header) for c in fmt.text_columns)
    folded = [_fold(name) for name in header] if header is not None else []
    label = None
    if fmt.label_column is not None:
        label = find_column(where, fmt.label_column, width, header)
    elif fmt.trained is not None and fmt.trained.label is not None:
        found = _as_trained(where, fmt.trained, (fmt.trained.label,), width, header)
        label = next((place for place in found if place not in texts), None)
        unusual = not any(name in LABEL_NAMES for name in folded)
        if fmt.has_labels and header is not None and not found and fmt.trained.names and unusual:
            find_column(where, fmt.trained.names[fmt.trained.label], width, header)  # raises
    if not texts and fmt.trained is not None:
        known = _as_trained(where, fmt.trained, fmt.trained.texts, width, header)
        texts = tuple(place for place in known if place != label)
    if fmt.has_labels and label is None:
        free = [i for i in range(width) if i not in texts]
        if not free:
            raise _one_column(where, width)
        masked = [name if i in free else "text" for i, name in enumerate(folded)]
        label = _guess_label(masked, fmt) if header is not None else free[0]
        label = label if label in free else free[0]
        if header is not None and masked.count(folded[label]) > 1:
            find_column(where, header[label], width, header)  # raises: several have the name
    if not texts:
        taken = set() if everything else {place for _, place in extras}
        texts = _guess_texts(width, folded, label, taken, fmt)
    if not texts or (label in texts and fmt.has_labels):
        raise _one_column(where, width)
    return label if fmt.has_labels else None, texts, extras


def _all_columns(width: int, header: Sequence[str] | None) -> tuple[tuple[str, int], ...]:
    """Return every column with its name; one without a name of its own goes by its number."""
    own = [name.strip() for name in header] if header is not None else [""] * width
    names: dict[str, int] = {}
    for place, name in enumerate(own):
        if name:
            names.setdefault(name, place)
    taken = set(names.values())
    for place in range(width):
        name = str(place + 1)
        while place not in taken and name in names:  # another column's name is a number
            name = f"column_{name}"
        if place not in taken:
            names[name] = place
    return tuple(sorted(names.items(), key=lambda item: item[1]))


def _guess_texts(
    width: int, folded: Sequence[str], label: int | None, extras: set[int], fmt: CorpusFormat
) -> tuple[int, ...]:
    rest = [i for i in range(width) if i != label]
    if not folded:
        return tuple(i for i in rest if i not in extras)
    named = [i for i in rest if folded[i] in TEXT_NAMES]
    plain = [i for i in rest if i not in extras and folded[i] not in ID_NAMES]
    if not fmt.has_labels:
        plain = [i for i in plain if folded[i] not in LABEL_NAMES] or plain
    return tuple(named or plain or rest)


def find_column(where: str, column: Column, width: int, header: Sequence[str] | None) -> int:
    """Return the place of a column given by name or by number from 1.

    Raises:
        DataError: If there is no such column, or several have the name.
    """
    if isinstance(column, int):
        if column > width:
            raise DataError(
                f"there is no column {column}: a row has {width}",
                where=where,
                remedy=f"give a number from 1 to {width}, or another --delimiter",
            )
        return column - 1
    if header is None:
        raise DataError(
            f"there is no column {column!r}: the file has no header",
            where=where,
            remedy=f"give a number from 1 to {width}, or --header if row 1 names the columns",
        )
    shown = ", ".join(name.strip() for name in header[:20])
    found = _places(column, header)
    if not found:
        raise DataError(
            f"there is no column {column!r}", where=where, remedy=f"the columns are {shown}"
        )
    if len(found) > 1:
        raise DataError(
            f"{len(found)} columns are named {column!r}",
            where=where,
            remedy=f"give the column's number: {' or '.join(str(i + 1) for i in found)}",
        )
    return found[0]


def same_columns(like: Layout, header: tuple[str, ...], where: str) -> Layout:
    """Return the layout of a later file that names its columns: they are found by name.

    Raises:
        DataError: If one is missing, or several have its name.
    """
    assert like.header is not None
    if header == like.header:
        return like
    place = {p: find_column(where, like.header[p], len(header), header) for p in like.used}
    return replace(
        like,
        header=header,
        width=len(header),
        label=None if like.label is None else place[like.label],
        texts=tuple(place[p] for p in like.texts),
        extras=tuple((name, place[p]) for name, p in like.extras),
    )


def _one_column(where: str, width: int) -> DataError:
    what = "has only one column: no label and text" if width < 2 else "no column is left for both"
    return DataError(
        f"{what}",
        where=where,
        remedy="name --label-column and --text-column, or give another --delimiter or --format",
    )
