"""Which rows are held out for validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.ngrams.kernels import hash_rows

if TYPE_CHECKING:
    from textclf.corpus.block import TextBlock

# Rows that tell one epoch from another, and the largest share given for them.
_WANTED, _MOST = 200, 0.2
_HEAD_BYTES = 32 << 20
_SAME_SHARE = 1.1  # times as much may be held out by chance


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
        return np.asarray(self.draws(block) >= self.share)

    def draws(self, block: TextBlock) -> NDArray[np.float64]:
        """Return (rows,) numbers from [0, 1): rows below the share are held out."""
        drawn = hash_rows(block.text, block.offsets, self.seed) >> np.uint64(11)
        return np.asarray(drawn * 2.0**-53)


def settle(
    blocks: Iterable[TextBlock], share: float, seed: int
) -> tuple[Split, Iterator[TextBlock]]:
    """Return the split of a corpus, and its blocks.

    Of a small corpus more is held out than was asked for: 200 texts, but at most a fifth; and one
    text at least, if there are two. The beginning of the corpus tells how small it is.

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
        # Rows up to that which is too much: where blocks end, a pipe's writer decides.
        within = int(np.searchsorted(block.offsets, _HEAD_BYTES - text, side="right"))
        rows, text = rows + min(within, len(block)), text + len(block.text)
        if rows * share >= _WANTED or text > _HEAD_BYTES:
            break
    else:  # that was all of it
        return Split(_exact_share(head, share, seed), seed), chain(head)
    return Split(_enlarged(share, rows), seed), chain(head, rest)


def _enlarged(share: float, rows: int) -> float:
    return max(share, min(_MOST, _WANTED / max(1, rows)))


def _exact_share(blocks: list[TextBlock], share: float, seed: int) -> float:
    """Return the share by which as many different texts are held out as it says."""
    draws = np.unique([draw for block in blocks for draw in Split(share, seed).draws(block)])
    if len(draws) < 2:
        return 0.0
    wanted = round(_enlarged(share, len(draws)) * len(draws))
    return float(draws[min(max(1, wanted), len(draws) - 1)])


def more_held_out(train: int, validation: int, before: Mapping[str, Any]) -> bool:
    """Return whether a larger share is held out than by another run: some that it trained on.

    Of a corpus with fewer rows it is, see `settle`; of one share, the rows are the same ones.

    Args:
        train: Rows that are trained on.
        validation: Rows that are held out.
        before: The other run's metrics.
    """
    had = before.get("samples") or {}
    return _share(train, validation) > _SAME_SHARE * _share(
        had.get("train", 0), had.get("validation", 0)
    )


def _share(trained_on: int, held_out: int) -> float:
    return held_out / max(1, trained_on + held_out)
