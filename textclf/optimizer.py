"""Adam that touches only the rows of a kernel that a batch has features for."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class LazyAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam whose moments and weights stay as they are where the gradient has no rows.

    For a gradient without gaps it is Adam. For `IndexedSlices`, as `SparseDense` gives, Adam
    would go over the whole kernel at each step, tens of times as many rows as a batch has
    features; and a rare feature would move on for many steps after it was seen.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a variable.

        Args:
            gradient: A tensor, or `IndexedSlices` whose indices do not repeat.
            variable: What is trained.
            learning_rate: Scalar.
        """
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        slot = self._get_variable_index(variable)
        momentum, velocity = self._momentums[slot].value, self._velocities[slot].value
        rows, change = gradient.indices, gradient.values
        step = tf.cast(self.iterations.value + 1, tf.float32)
        rate = learning_rate * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)

        m = tf.gather(momentum, rows)
        m += (change - m) * (1 - self.beta_1)
        v = tf.gather(velocity, rows)
        v += (tf.square(change) - v) * (1 - self.beta_2)
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        velocity.scatter_update(tf.IndexedSlices(v, rows))
        moved = tf.gather(variable, rows) - rate * m / (tf.sqrt(v) + self.epsilon)
        variable.scatter_update(tf.IndexedSlices(moved, rows))  # `scatter_sub` takes far longer
