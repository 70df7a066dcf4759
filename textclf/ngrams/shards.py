"""CSR shards on disk: written row by row in scattered order, memory-mapped back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BUFFERED = 16 << 20  # bytes of rows held before they are written
_PARTS = {"indptr": np.int64, "indices": np.int32, "data": np.float32, "labels": np.int32}


@dataclass(frozen=True)
class Shard:
    """Some rows of the matrix.

    Attributes:
        x: (rows, n-grams) float32 CSR, memory-mapped.
        y: (rows,) int32, the classes.
    """

    x: csr_matrix
    y: NDArray[np.int32]


@dataclass(frozen=True)
class ShardSet(Sequence[Shard]):
    """A matrix in shards on disk.

    Attributes:
        folder: Where they lie.
        rows: Rows of each shard.
        nonzeros: Non-zeros of each shard.
        n_features: Columns.
        n_classes: Classes.
    """

    folder: Path
    rows: tuple[int, ...]
    nonzeros: tuple[int, ...]
    n_features: int
    n_classes: int

    @classmethod
    def open(cls, folder: Path) -> ShardSet:
        """Open a folder that `ShardWriter` wrote.

        Raises:
            FileNotFoundError: If the writer was not closed.
        """
        stored = json.loads((folder / "shards.json").read_text())
        return cls(
            folder,
            tuple(stored["rows"]),
            tuple(stored["nonzeros"]),
            stored["n_features"],
            stored["n_classes"],
        )

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return sum(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, i: int) -> Shard: ...
    @overload
    def __getitem__(self, i: slice) -> list[Shard]: ...
    def __getitem__(self, i: int | slice) -> Shard | list[Shard]:
        """Map a shard anew, so that its pages are dropped with the last reference to it."""
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        from scipy.sparse import csr_matrix

        i %= len(self)
        indptr, indices, data, labels = (self._map(i, part) for part in _PARTS)
        x = csr_matrix((self.rows[i], self.n_features), dtype=np.float32)
        # Set one by one: the constructor would look through every index, and read it all.
        x.indptr, x.indices, x.data = indptr, indices, data
        return Shard(x, labels.astype(np.int32, copy=False))

    def _map(self, i: int, part: str) -> NDArray[np.generic]:
        size = {"indptr": self.rows[i] + 1, "labels": self.rows[i]}.get(part, self.nonzeros[i])
        if size == 0:
            return np.empty(0, dtype=_PARTS[part])
        path = _path(self.folder, i, part)
        return np.asarray(np.memmap(path, dtype=_PARTS[part], mode="r", shape=(size,)))


class ShardWriter:
    """Scatters rows over shards at random, so that every shard is a sample of the whole corpus.

    A file sorted by class thus needs no sorting before it is trained on: an epoch can go shard
    by shard. Where a row goes depends only on the seed and the row's number.

    Args:
        folder: A folder to fill; it must exist.
        n_features: Columns.
        n_classes: Classes.
        n_shards: Shards.
        seed: Seed of the scattering.
    """

    def __init__(
        self, folder: Path, n_features: int, n_classes: int, n_shards: int, seed: int
    ) -> None:
        self._folder, self._n_features, self._n_classes = folder, n_features, n_classes
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._pending: list[list[tuple[NDArray[np.generic], ...]]] = [[] for _ in range(n_shards)]
        self._buffered = 0
        self._rows, self._nonzeros = [0] * n_shards, [0] * n_shards
        for i in range(n_shards):
            _path(folder, i, "indptr").write_bytes(np.zeros(1, np.int64).tobytes())

    def append(
        self,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        data: NDArray[np.float32],
        labels: NDArray[np.int32],
    ) -> None:
        """Add rows in CSR form; `indptr` is (rows + 1,)."""
        shards = len(self._rows)
        where = self._random.integers(0, shards, size=len(labels))
        for shard in np.unique(where):
            rows = np.flatnonzero(where == shard)
            lengths, columns, values = take_rows(indptr, indices, data, rows)
            self._pending[shard].append((lengths, columns, values, labels[rows]))
            self._rows[shard] += len(rows)
            self._buffered += columns.nbytes + values.nbytes
        if self._buffered > _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        for shard, pieces in enumerate(self._pending):
            if not pieces:
                continue
            lengths, *others = zip(*pieces, strict=True)
            ends = self._nonzeros[shard] + np.cumsum(np.concatenate(lengths))
            self._nonzeros[shard] = int(ends[-1])
            for (part, dtype), arrays in zip(_PARTS.items(), ([ends], *others), strict=True):
                with _path(self._folder, shard, part).open("ab") as file:
                    for array in arrays:  # one by one: joined, they would be in memory twice
                        file.write(array.astype(dtype, copy=False).data)
            pieces.clear()
        self._buffered = 0

    def close(self) -> ShardSet:
        """Write what is pending, then the list of shards, and open the set."""
        self._flush()
        stored = {
            "rows": self._rows,
            "nonzeros": self._nonzeros,
            "n_features": self._n_features,
            "n_classes": self._n_classes,
        }
        (self._folder / "shards.json").write_text(json.dumps(stored))
        return ShardSet.open(self._folder)


def shard_writers(
    folder: Path, n_features: int, n_classes: int, n_shards: int, seed: int
) -> tuple[ShardWriter, ShardWriter]:
    """Return writers of training and of validation rows, into two new folders of this one."""
    parts = (folder / "train", folder / "validation")
    for part in parts:
        part.mkdir()
    train, validation = (
        ShardWriter(part, n_features, n_classes, n_shards, seed + i) for i, part in enumerate(parts)
    )
    return train, validation


@njit(cache=True, nogil=True)
def take_rows(indptr, indices, data, rows):  # type: ignore[no-untyped-def]
    """Return (lengths, indices, data) of some rows of a CSR matrix, one after the other."""
    lengths = np.empty(rows.size, dtype=np.int64)
    total = 0
    for i in range(rows.size):
        lengths[i] = indptr[rows[i] + 1] - indptr[rows[i]]
        total += lengths[i]
    columns = np.empty(total, dtype=indices.dtype)
    values = np.empty(total, dtype=data.dtype)
    at = 0
    for i in range(rows.size):
        start = indptr[rows[i]]
        for k in range(lengths[i]):
            columns[at] = indices[start + k]
            values[at] = data[start + k]
            at += 1
    return lengths, columns, values


def _path(folder: Path, shard: int, part: str) -> Path:
    return folder / f"{shard:05d}.{part}"
