"""The same rows read twice: models that were trained on different columns are compared on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from textclf.corpus.block import TextBlock
from textclf.errors import DataError


def paired(
    first: Iterable[TextBlock], second: Iterable[TextBlock]
) -> Iterator[tuple[TextBlock, TextBlock]]:
    """Yield blocks of two corpora side by side, cut so that both have the same rows.

    Raises:
        DataError: If one corpus has a row that the other has not.
    """
    others = iter(second)
    other = next(others, None)
    for block in first:
        start = 0
        while start < len(block):
            if other is None:
                raise _only_one(block, start)
            n = min(len(block) - start, len(other))
            ours, theirs = block.part(start, start + n), other.part(0, n)
            if different := np.flatnonzero(ours.rows != theirs.rows).tolist():
                raise _only_one(ours, different[0])
            yield ours, theirs
            start += n
            other = other.part(n, len(other)) if n < len(other) else next(others, None)
    if other is not None:
        raise _only_one(other, 0)


def _only_one(block: TextBlock, i: int) -> DataError:
    return DataError(
        "is a good row for one of the models only, which read different columns",
        where=f"{block.source}, row {block.rows[i]}",
        remedy="correct it",
    )
