"""Which rows are held out for validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textclf.ngrams.kernels import hash_rows

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock

# Rows that tell one epoch from another, and the largest share given for them.
_WANTED, _MOST = 200, 0.2
_HEAD_BYTES = 32 << 20


@dataclass(frozen=True)
class Split:
    """Holds a share of the rows out for validation, by a hash of their text.

    Equal texts fall on the same side, wherever they stand in the file.

    Attributes:
        share: Share of rows held out.
        seed: Seed of the hash.
    """

    share: float
    seed: int

    def training(self, block: TextBlock) -> NDArray[np.bool_]:
        """Return (rows,) True for the rows that are trained on."""
        if self.share <= 0.0:
            return np.ones(len(block), dtype=np.bool_)
        return np.asarray(self._drawn(block) >= self.share)

    def _drawn(self, block: TextBlock) -> NDArray[np.float64]:
        """Return (rows,) numbers from [0, 1)."""
        drawn = hash_rows(block.text, block.offsets, self.seed) >> np.uint64(11)
        return np.asarray(drawn * 2.0**-53)


def settle(
    blocks: Iterable[TextBlock], share: float, seed: int
) -> tuple[Split, Iterator[TextBlock]]:
    """Return the split of a corpus, and its blocks.

    Of a small corpus more is held out than was asked for: 200 rows, but at most a fifth; and one
    row at least, if it holds two different texts. The beginning of the corpus tells.

    Args:
        blocks: The corpus.
        share: Share of rows to be held out; 0: none.
        seed: Seed of the split.
    """
    rest = iter(blocks)
    if share <= 0.0:
        return Split(share, seed), rest
    head: list[TextBlock] = []
    rows = text = 0
    for block in rest:
        head.append(block)
        rows, text = rows + len(block), text + len(block.text)
        if rows * share >= _WANTED or text > _HEAD_BYTES:
            break
    else:
        share = max(share, _least_draw(head, Split(share, seed)))
    share = max(share, min(_MOST, _WANTED / max(1, rows)))
    return Split(share, seed), chain(head, rest)


def _least_draw(blocks: list[TextBlock], split: Split) -> float:
    """Return the share that holds the text with the smallest draw out, and no other."""
    draws = np.unique(np.concatenate([split._drawn(block) for block in blocks] or [np.zeros(1)]))
    return float(draws[1]) if len(draws) > 1 else 0.0
