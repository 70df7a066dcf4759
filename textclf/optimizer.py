"""An optimizer that keeps one number for a feature, and touches only the features of the batch."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from textclf.adagrad import ROW_RATE
from textclf.network import SparseDense


class RowwiseAdagrad(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam; but a sparse gradient is followed by Adagrad, with one sum for a row.

    What `AdagradKernel` does by compiled kernels, by TensorFlow's operations: see there for why.

    Args:
        learning_rate: As for Adam; rows move 30 times as far.
        sparse: The layer whose kernel gets a sparse gradient.
    """

    def __init__(self, learning_rate: Any, sparse: SparseDense) -> None:
        super().__init__(learning_rate)
        self._layer = sparse

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Any:
        """Create a moment: Adam's, or the sum of each row."""
        if reference_variable is self._layer.kernel:
            rows = reference_variable.shape[0] if name == "velocity" else 0
            return self.add_variable(shape=(rows,), initializer=initializer, name=f"row_{name}")
        return super().add_variable_from_reference(reference_variable, name, initializer)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable.

        Args:
            gradient: A tensor; that of the sparse layer's kernel is `IndexedSlices` of the rows
                that it has just gathered.
            variable: What is trained.
            learning_rate: Scalar.
        """
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        sums = self._velocities[self._get_variable_index(variable)].value
        rows, change = gradient.indices, gradient.values
        # The norm is computed in one go, without a square of each number on the way.
        mean_square = tf.square(tf.math.reduce_euclidean_norm(change, axis=1)) / change.shape[1]
        total = tf.gather(sums, rows) + mean_square
        sums.scatter_update(tf.IndexedSlices(total, rows))
        rate = ROW_RATE * learning_rate / (tf.sqrt(total) + self.epsilon)
        moved = self._layer.gathered - rate[:, tf.newaxis] * change
        variable.scatter_update(tf.IndexedSlices(moved, rows))  # `scatter_sub` takes far longer
