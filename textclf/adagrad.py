"""The kernel of the sparse first layer, multiplied and trained where it lies by compiled kernels.

TensorFlow copies the rows of a batch out of a variable, computes a gradient and then new rows of
the same size, and copies these back, which took most of the time of a step. Here a row is read
for the product, and once more to be changed, as soon as its gradient is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from textclf.compiled import njit
from textclf.parallel import Pool, cores
from textclf.sparse_batches import SparseBatch

# How far a row of the sparse layer moves where any other weight moves 1: features are rare, and
# Adagrad's steps get shorter while Adam's do not. 15 to 60 were equally accurate.
ROW_RATE = 30.0
EPSILON = 1e-7
_LEAST = 1 << 18  # products that are worth another thread


class AdagradKernel:
    """A kernel that Adagrad trains, with one sum for a row.

    A row belongs to a feature. The sum of its mean squared gradients tells how often and how
    strongly the feature has spoken: frequent features settle down, rare ones learn from the few
    rows that they have. Adam's two moments for every weight take three times the memory, and as
    long. Rows without a gradient stay as they are.

    Duchi et al. 2011, Adaptive Subgradient Methods; one sum a row as in Mudigere et al. 2022,
    Software-Hardware Co-design for Fast and Scalable Training of Deep Learning Recommendation
    Models.

    Args:
        n_features: Rows of the kernel.
        units: Columns of the kernel.
        seed: Seed of its values at the beginning: uniform, as wide as Glorot and Bengio 2010 say
            in Understanding the Difficulty of Training Deep Feedforward Neural Networks.
        threads: Threads that work on a batch; 0: one a core. They change nothing but the time.

    Attributes:
        weights: (features, units) float32.
        sums: (features,) float32.
    """

    def __init__(self, n_features: int, units: int, seed: int, threads: int = 0) -> None:
        self._shape = n_features, units
        self._seed, self._threads = seed, threads or cores()
        self._pool = Pool(self._threads)
        finalize(self, self._pool.shutdown, wait=False)
        self.begin()

    def begin(self) -> None:
        """Go to the values of the beginning, in arrays of their own: the old ones may be kept."""
        self.weights = np.empty(self._shape, np.float32)
        self.sums = np.zeros(self._shape[0], np.float32)
        np.random.default_rng(self._seed).random(dtype=np.float32, out=self.weights)
        width = np.float32(np.sqrt(6.0 / sum(self._shape)))
        self.weights *= 2 * width
        self.weights -= width

    def multiply(self, batch: SparseBatch) -> NDArray[np.float32]:
        """Multiply a sparse batch with the kernel: (batch, units) float32."""
        product = np.empty((len(batch.lengths), self.weights.shape[1]), np.float32)
        by_row = batch.lengths, batch.places, batch.values, batch.columns
        self._share(batch, partial(_multiply, *by_row, self.weights, product))
        return product

    def learn(self, batch: SparseBatch, gradient: NDArray[np.float32], rate: float) -> None:
        """Change the rows of a batch's columns.

        Args:
            batch: As it was multiplied.
            gradient: (batch, units) float32, of the loss by the product.
            rate: The learning rate of all other weights; rows move 30 times as far.
        """
        own = self.weights, self.sums, np.float32(ROW_RATE * rate)
        self._share(batch, partial(_learn, *batch[2:], gradient, *own))

    def _share(self, batch: SparseBatch, work: Callable[[int, int], None]) -> None:
        """Have work done by threads, of which each begins with another row and skips the others'.

        So they have equally many frequent and rare columns.
        """
        products = batch.values.size * self.weights.shape[1]
        threads = max(1, min(self._threads, products // _LEAST))
        others = [self._pool.submit(work, i, threads) for i in range(1, threads)]
        work(0, threads)
        for other in others:
            self._pool.result(other)


# Sums may be vectorized, and multiplied and added at once.
_SUMS = {"reassoc", "nsz", "contract"}


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _multiply(lengths, places, values, columns, weights, product, first, step):  # type: ignore[no-untyped-def]
    """Compute the rows first, first + step, ... of the product."""
    units = weights.shape[1]
    start = 0
    for row in range(lengths.size):
        end = start + lengths[row]
        if row % step == first:
            for unit in range(units):
                product[row, unit] = 0.0
            k = start
            while k + 1 < end:  # two at once: their weights come from anywhere in memory
                a, b = columns[places[k]], columns[places[k + 1]]
                u, v = values[k], values[k + 1]
                for unit in range(units):
                    product[row, unit] += u * weights[a, unit] + v * weights[b, unit]
                k += 2
            if k < end:
                a, u = columns[places[k]], values[k]
                for unit in range(units):
                    product[row, unit] += u * weights[a, unit]
        start = end


@njit(cache=True, nogil=True, fastmath=_SUMS)
def _learn(values, columns, ends, order, rows, gradient, weights, sums, rate, first, step):  # type: ignore[no-untyped-def]
    """Change the weights of the columns first, first + step, ... of the batch."""
    units = weights.shape[1]
    slope = np.empty(units, np.float32)
    for i in range(first, columns.size, step):
        slope[:] = 0.0
        for k in range(ends[i - 1] if i else 0, ends[i]):
            value, row = values[order[k]], rows[k]
            for unit in range(units):
                slope[unit] += value * gradient[row, unit]
        squares = np.float32(0.0)
        for unit in range(units):
            squares += slope[unit] * slope[unit]
        column = columns[i]
        sums[column] += squares / np.float32(units)
        move = rate / (np.sqrt(sums[column]) + np.float32(EPSILON))
        for unit in range(units):
            weights[column, unit] -= move * slope[unit]
