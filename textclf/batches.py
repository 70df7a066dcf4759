"""The batch generator: endless, reshuffled every epoch, and its step arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textclf.ngrams.shards import Shard, take_rows
from textclf.prefetch import Prefetcher

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST_STEPS = 32  # a call cannot be interrupted
_Piece = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]


def steps_per_epoch(n_rows: int, batch_size: int) -> int:
    """Return the number of batches that hold every row once; the last may be short."""
    return -(-n_rows // batch_size)


def steps_per_execution(steps: int) -> int:
    """Return how many steps TensorFlow makes in one call: an eighth of an epoch, at most 32.

    Of a step of 2 ms, Python's part was a third.
    """
    return max(1, min(_MOST_STEPS, steps // 8))


class BatchGenerator:
    """Yields (x, y) for ever: every row once an epoch, in an order that is new each epoch.

    The order depends only on the seed and the number of the epoch: a permutation of the shards,
    and of the rows inside each. A batch may straddle shards; the last of an epoch is short. The
    next batches are made on a thread, which maps one shard at a time.

    x is a (batch, features) float32 CSR matrix and y (batch,) int32; with class weights a third
    element is the (batch,) float32 weight of each sample.

    Args:
        shards: The matrix; each shard is fetched when its turn comes, and dropped after it.
        batch_size: Rows a batch.
        seed: Seed of the order.
        shuffle: Whether there is an order at all; without, rows come as they lie.
        class_weight: (classes,) weight of each class.
        start_epoch: Epoch to begin with, from 0.
        start_step: Batches of that epoch to leave out.
        prefetch: Batches made ahead at most.
        transform: Makes of each CSR matrix what is yielded as x; called on the thread.

    Raises:
        ValueError: If there are no rows.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        batch_size: int,
        *,
        seed: int,
        shuffle: bool = True,
        class_weight: NDArray[np.float32] | None = None,
        start_epoch: int = 0,
        start_step: int = 0,
        prefetch: int = 4,
        transform: Callable[[csr_matrix], Any] | None = None,
    ) -> None:
        rows = [len(shards[i].y) for i in range(len(shards))]
        if sum(rows) == 0:
            raise ValueError("no rows to make batches of")
        self.steps_per_epoch = steps_per_epoch(sum(rows), batch_size)
        # Functions of the arguments only: the thread must not keep this object alive.
        pieces = _epochs(
            shards, rows, seed if shuffle else None, start_epoch, start_step, batch_size
        )
        weights = None if class_weight is None else np.asarray(class_weight, dtype=np.float32)
        self._prefetcher = Prefetcher(
            _batches(pieces, shards[0].x.shape[1], weights, transform), prefetch
        )

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        return next(self._prefetcher)

    def close(self) -> None:
        """End the thread; afterwards the generator is exhausted."""
        self._prefetcher.close()

    def __enter__(self) -> BatchGenerator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _epochs(
    shards: Sequence[Shard],
    rows: Sequence[int],
    seed: int | None,
    epoch: int,
    step: int,
    batch_size: int,
) -> Iterator[list[_Piece]]:
    """Yield the pieces of each batch, epoch after epoch."""
    skip = step * batch_size
    while True:
        yield from _epoch(shards, rows, seed, epoch, skip, batch_size)
        epoch, skip = epoch + 1, 0


def _epoch(
    shards: Sequence[Shard],
    rows: Sequence[int],
    seed: int | None,
    epoch: int,
    skip: int,
    batch_size: int,
) -> Iterator[list[_Piece]]:
    pending: list[_Piece] = []
    held = 0
    for i in _order(len(rows), seed, epoch):
        if skip >= rows[i]:
            skip -= rows[i]
            continue
        shard, order = shards[i], _order(rows[i], seed, epoch, int(i) + 1)
        at, skip = skip, 0
        while at < rows[i]:
            taken = order[at : at + batch_size - held]
            x = shard.x
            lengths, columns, values = take_rows(x.indptr, x.indices, x.data, taken)
            pending.append((lengths, columns, values, np.asarray(shard.y)[taken]))
            at, held = at + len(taken), held + len(taken)
            if held == batch_size:
                yield pending
                pending, held = [], 0
        # Before the next shard is mapped, so that one at a time is.
        del shard, x
    if held:
        yield pending


def _order(n: int, seed: int | None, *path: int) -> NDArray[np.int64]:
    """Return a permutation of n things that depends on the seed and the path alone.

    Paths that differ only by zeros at their end give the same permutation.
    """
    if seed is None:
        return np.arange(n, dtype=np.int64)
    return np.random.Generator(np.random.PCG64([seed, *path])).permutation(n)


def _batches(
    pieces: Iterator[list[_Piece]],
    n_features: int,
    class_weight: NDArray[np.float32] | None,
    transform: Callable[[csr_matrix], Any] | None,
) -> Iterator[tuple[Any, ...]]:
    from scipy.sparse import csr_matrix

    for batch in pieces:
        lengths, columns, values, y = (
            np.concatenate(parts) if len(parts) > 1 else parts[0]
            for parts in zip(*batch, strict=True)
        )
        indptr = np.zeros(len(y) + 1, dtype=np.int32)
        np.cumsum(lengths, out=indptr[1:])
        x = csr_matrix((values, columns, indptr), shape=(len(y), n_features))
        made = x if transform is None else transform(x)
        yield (made, y) if class_weight is None else (made, y, class_weight[y])
