"""Batch generators as what `model.fit` takes: datasets, an iteration of which is an epoch.

Given a generator itself, Keras resumes it for the next validation wherever the last one, with
what was prefetched after it, left it: each epoch would be validated on other rows. And where
TensorFlow makes several steps in one call, an epoch must end by itself, or its last call would
go on with rows of the next one. A generator dataset of TensorFlow's takes twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import tensorflow as tf

from textclf.batches import BatchGenerator
from textclf.memory import keep_freed_memory
from textclf.sparse_batches import DTYPES, SparseBatch
from textclf.tensorflow_runtime import weakly

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
        self._make, self._iterations = make, 0
        self._generator: BatchGenerator | None = None
        self.error: Exception | None = None
        kinds = [*DTYPES.values(), "int32", *(["float32"] if weighted else [])]
        next_batch = weakly(self._batch)

        @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def batch(step: Any) -> tuple[Any, ...]:
            arrays = tf.numpy_function(next_batch, [step], kinds)
            for array in arrays:
                array.set_shape((None,))
            return SparseBatch(*arrays[: len(DTYPES)]), *arrays[len(DTYPES) :]

        options = tf.data.Options()
        # There is nothing to tune, and the tuner's thread may take a minute to end.
        options.autotune.enabled = False
        self.dataset = (
            tf.data.Dataset.range(steps).map(batch).prefetch(_AHEAD).with_options(options)
        )

    def _batch(self, step: int) -> tuple[Any, ...]:
        """Return the arrays of the next batch; with step 0 an iteration begins."""
        try:
            if step == 0 or self._generator is None:
                self.close()
                keep_freed_memory()  # TensorFlow may have set it back
                self._generator = self._make(self._iterations)
                self._iterations += 1
            x, *others = next(self._generator)
            return *x, *others
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
