"""What training minimizes, and what it is judged by: losses and metrics of networks side by side.

They take the (batch, members, classes) float32 logits of `build_network` and (batch,) classes.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Candidates for the temperature: 1, and to both sides factors of 1.15; the minimum is flat.
_TEMPERATURES = (1.15 ** np.arange(-4, 21)).astype(np.float32)
_ONE = 4
_CLASSES_AT_ONCE = 256


class MemberLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy, the mean of the members': each is trained as if it were alone.

    The gradient of each is divided by their number, which Adam takes no notice of.

    With a margin, the logit of a row's class counts as so much less (additive-margin softmax, Wang
    et al. 2018): training does not leave a row alone before it stands out by as much, as support
    vector machines do not.

    Args:
        margin: The margin.
    """

    def __init__(self, margin: float = 0.0) -> None:
        super().__init__()
        self._margin = margin

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the (batch,) losses."""
        # Keras has made floating-point numbers of the classes.
        column = tf.cast(tf.reshape(y_true, (-1, 1)), tf.int32)
        classes = tf.tile(column, (1, y_pred.shape[1]))
        if self._margin:
            y_pred -= tf.one_hot(classes, y_pred.shape[2], on_value=self._margin)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, y_pred)
        return tf.reduce_mean(losses, axis=1)


class MeanAccuracy(keras.metrics.Mean):  # type: ignore[misc]
    """Accuracy of the mean of the members' logits."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        chosen = tf.argmax(tf.reduce_mean(y_pred, axis=1), axis=1, output_type=tf.int32)
        right = tf.cast(chosen == tf.cast(tf.reshape(y_true, (-1,)), tf.int32), tf.float32)
        super().update_state(right, sample_weight=sample_weight)


class CalibratedLoss(keras.metrics.Metric):  # type: ignore[misc]
    """Cross-entropy of the mean logits at the temperature that suits all the rows seen best.

    A model's temperature is fitted after training, so overconfidence costs nothing: stopping by
    this loss goes on where the plain one already rises, though accuracy does too.

    Attributes:
        active: Whether it counts. A function that is traced while it does not, as that of a
            training step is, never has it: to trace it takes as long as the rest of the metrics.
    """

    def __init__(self, name: str = "calibrated_loss") -> None:
        super().__init__(name=name)
        shape = (len(_TEMPERATURES),)
        self.losses = self.add_variable(shape, "zeros", name="losses")
        self.rows = self.add_variable((), "zeros", name="rows")
        self.active = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        if not self.active:
            return
        classes = tf.cast(tf.reshape(y_true, (-1,)), tf.int32)
        logits = tf.reduce_mean(y_pred, axis=1)
        weights = tf.ones_like(logits[:, 0]) if sample_weight is None else sample_weight
        weights = tf.reshape(weights, (-1,))

        def losses_at(temperatures: Any) -> Any:
            tried = logits / temperatures[:, tf.newaxis, tf.newaxis]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.tile(classes[tf.newaxis], (tf.size(temperatures), 1)), tried
            )
            return tf.linalg.matvec(losses, weights)

        if logits.shape[1] <= _CLASSES_AT_ONCE:
            self.losses.assign_add(losses_at(_TEMPERATURES))
        else:  # one after the other: all of them are 25 times the logits
            one = tf.map_fn(
                lambda t: losses_at(t[tf.newaxis])[0], _TEMPERATURES, parallel_iterations=1
            )
            self.losses.assign_add(one)
        self.rows.assign_add(tf.reduce_sum(weights))

    def result(self) -> Any:
        """Return the loss at the best temperature; 0 without rows."""
        return tf.math.divide_no_nan(tf.reduce_min(self.losses.value), self.rows.value)

    def uncalibrated(self) -> float:
        """Return the loss of the logits as they are."""
        return float(tf.math.divide_no_nan(self.losses.value[_ONE], self.rows.value))
