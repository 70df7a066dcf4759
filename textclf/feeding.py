"""Batch generators as what `model.fit` takes: datasets, an iteration of which is an epoch.

Given a generator itself, Keras resumes it for the next validation wherever the last one, with
what was prefetched after it, left it: each epoch would be validated on other rows. And where
TensorFlow makes several steps in one call, an epoch must end by itself, or its last call would
go on with rows of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any

import tensorflow as tf

from textclf.batches import BatchGenerator
from textclf.memory import keep_freed_memory
from textclf.network import SparseBatch

_AHEAD = 2  # batches that TensorFlow holds; the generator makes more ahead


class Feed:
    """The batches of one epoch after the other, each of a generator made when it begins.

    One iteration at a time: the next one closes the generator of the last.

    Args:
        make: Makes the generator of an iteration, given their number so far, with a
            `SparseEncoder` as its transform.
        steps: Batches of an iteration.
        weighted: Whether the generators yield sample weights.

    Attributes:
        dataset: Yields (SparseBatch, y) or (SparseBatch, y, weights).
        error: What the generator raised; TensorFlow hides it in an error of its own.
    """

    def __init__(
        self, make: Callable[[int], BatchGenerator], steps: int, *, weighted: bool
    ) -> None:
        self._make, self._steps, self._iterations = make, steps, 0
        self._generator: BatchGenerator | None = None
        self.error: Exception | None = None
        integers, numbers = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32)
        x = SparseBatch(integers, tf.TensorSpec((None, 2), tf.int64), numbers, integers)
        signature = (x, integers, numbers)[: 3 if weighted else 2]
        options = tf.data.Options()
        # There is nothing to tune, and the tuner's thread may take a minute to end.
        options.autotune.enabled = False
        self.dataset = (
            tf.data.Dataset.from_generator(self._batches, output_signature=signature)
            .apply(tf.data.experimental.assert_cardinality(steps))  # else Keras goes on with it
            .prefetch(_AHEAD)
            .with_options(options)
        )

    def _batches(self) -> Iterator[tuple[Any, ...]]:
        self.close()
        keep_freed_memory()  # generator datasets have set it back
        try:
            self._generator = self._make(self._iterations)
            self._iterations += 1
            yield from islice(self._generator, self._steps)
        except Exception as error:
            self.error = error
            raise

    def close(self) -> None:
        """End the iteration under way."""
        if self._generator is not None:
            self._generator.close()

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; an error that TensorFlow made of the generator's becomes that again."""
        self.close()
        if self.error is not None and isinstance(error, tf.errors.OpError):
            raise self.error from None
