"""Linear support vector machines of sparse rows in shards, one for each class, by dual descent.

Hsieh et al. 2008, A Dual Coordinate Descent Method for Large-scale Linear SVM, with the squared
hinge loss, as in LIBLINEAR; shard by shard as in Yu et al. 2010, Large Linear Classification When
Data Cannot Fit in Memory. A network is stopped before it knows its rows by heart; this loss is
convex, and its minimum a few passes away: a second or two of one core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.ngrams.shards import Shard

# What a row's loss costs beside half the squared norm of the weights: LIBLINEAR's C.
COST = 0.5
_PASSES = 6  # after four or five its accuracy stayed as it was on five sets
_SEED = 0x5F3D


@dataclass(frozen=True)
class LinearSVM:
    """Hyperplanes: the rows of a class should score 1 on its own, all others -1.

    Attributes:
        kernel: (features, classes) float32.
        bias: (classes,) float32.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


def train_linear_svm(
    shards: Sequence[Shard],
    n_classes: int,
    *,
    seed: int,
    class_weight: NDArray[np.float32] | None = None,
    costs: Sequence[float] = (COST,),
    passes: int = _PASSES,
    should_stop: Callable[[], bool] = lambda: False,
    work: Path | None = None,
) -> list[LinearSVM]:
    """Train a machine for each class against all others; of two classes, one serves both.

    One shard is in memory at a time; the dual variable of each row and machine waits in a file.

    Args:
        shards: The rows to train on.
        n_classes: Classes, 2 or more.
        seed: Seed of the order of shards and rows.
        class_weight: (classes,) what the cost of a class' rows is multiplied by.
        costs: What a row's loss costs: each begins where the one before has ended.
        passes: How often the rows are gone over for each cost.
        should_stop: Asked before each shard; True ends training with what is there.
        work: Folder of that file; by default that of temporary files.

    Returns:
        The machines of each cost.

    Raises:
        OSError: If a shard cannot be read, or the file cannot be written.
    """
    machines = 1 if n_classes == 2 else n_classes
    # The last is the bias: as in LIBLINEAR, the weight of a feature that each row has.
    weights = np.zeros((shards[0].x.shape[1] + 1, machines), np.float32)
    weighed = np.ones(n_classes, np.float32) if class_weight is None else class_weight
    random, found = np.random.default_rng([seed, _SEED]), []
    with tempfile.TemporaryFile(dir=work) as file:
        duals = _Duals(file, [len(shards[i].y) for i in range(len(shards))], machines)
        for cost in costs:
            for i in (int(i) for _ in range(passes) for i in random.permutation(len(shards))):
                if should_stop():
                    break
                shard, own = shards[i], duals.read(i)
                _descend(
                    shard.x.indptr, shard.x.indices, shard.x.data, shard.y,
                    random.permutation(len(shard.y)), cost * weighed, own, weights,
                )  # fmt: skip
                duals.write(i, own)
                del shard  # before the next one is mapped
            found.append(_machines(weights if cost == costs[-1] else weights.copy()))
    return found


def _machines(weights: NDArray[np.float32]) -> LinearSVM:
    kernel, bias = weights[:-1], weights[-1]
    if len(bias) == 1:
        kernel, bias = np.hstack((-kernel, kernel)), np.hstack((-bias, bias))
    return LinearSVM(kernel, bias)


class _Duals:
    """The dual variables of each shard, in a file: zeros at first."""

    def __init__(self, file: Any, rows: Sequence[int], machines: int) -> None:
        self._file, self._rows, self._machines = file, rows, machines
        self._starts = np.cumsum([0, *rows]) * machines * np.float32().itemsize
        file.truncate(int(self._starts[-1]))

    def read(self, i: int) -> NDArray[np.float32]:
        """Return those of a shard: (rows, machines)."""
        values = np.empty((self._rows[i], self._machines), np.float32)
        self._file.seek(int(self._starts[i]))
        self._file.readinto(values)
        return values

    def write(self, i: int, values: NDArray[np.float32]) -> None:
        self._file.seek(int(self._starts[i]))
        self._file.write(values)
        self._file.flush()  # or a full disk would be told when it is closed


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _descend(indptr, indices, data, labels, order, costs, duals, weights):  # type: ignore[no-untyped-def]
    """Go to the minimum along the dual variables of each row in turn: algorithm 1 of Hsieh et al.

    A row's machines are gone over together, since they read the same rows of the weights.
    """
    machines, bias = weights.shape[1], weights.shape[0] - 1
    first = 1 if machines == 1 else 0  # the class of the first machine
    zero, one = np.float32(0.0), np.float32(1.0)
    moves = np.empty(machines, np.float32)
    for row in order:
        start, end = indptr[row], indptr[row + 1]
        squares = one
        scores = weights[bias].copy()
        for i in range(start, end):
            column, value = indices[i], data[i]
            squares += value * value
            for m in range(machines):
                scores[m] += value * weights[column, m]
        diagonal = np.float32(0.5) / costs[labels[row]]
        moved = False
        for m in range(machines):
            sign = one if labels[row] == first + m else -one
            dual = duals[row, m]
            slope = sign * scores[m] - one + diagonal * dual
            best = max(dual - slope / (squares + diagonal), zero)
            moves[m] = sign * (best - dual)
            duals[row, m] = best
            moved |= best != dual
        if moved:
            for m in range(machines):
                weights[bias, m] += moves[m]
            for i in range(start, end):
                column, value = indices[i], data[i]
                for m in range(machines):
                    weights[column, m] += value * moves[m]
