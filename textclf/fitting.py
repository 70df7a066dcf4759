"""What happens around the batches of `model.fit`: figures, early stopping, stops, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from textclf import checkpoints
from textclf.averaging import WeightAverage
from textclf.batches import steps_per_epoch
from textclf.checkpoints import Blocks, Position
from textclf.errors import ConfigError
from textclf.losses import CalibratedLoss
from textclf.progress import Progress, Report
from textclf.settings import TrainingSettings
from textclf.stored_weights import StoredWeights
from textclf.weights import (
    merge_members,
    own_arrays,
    read_blocks,
    read_weight,
    weights_of,
    write_weight,
)

_REPORT_EVERY = 0.1  # seconds
_FIGURES = ("loss", "accuracy", "val_loss", "val_accuracy", "val_calibrated_loss")
Weights = list[tuple[str, NDArray[np.float32]]]


class Stop(Exception):
    """Leaves `model.fit` between two batches.

    Args:
        why: `asked` or `time`.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class State:
    """All that training changes: where it stands, the weights and what the optimizer knows.

    Args:
        network: Compiled, its optimizer built.
        average: Of its weights.
        folder: Where the best weights are kept.

    Attributes:
        position: Where it stands.
    """

    def __init__(
        self, network: keras.Model, average: WeightAverage, folder: Path | None = None
    ) -> None:
        self.network, self.average = network, average
        self.position = Position()
        # Those of the best epoch so far, averaged over it.
        self._weights = weights_of(network)
        self._best = StoredWeights([tuple(w.shape) for w in self._weights], folder)

    def weights(self) -> Weights:
        """Return the best weights, or the last ones before the first epoch's end, as one network.

        Named and shaped as by `named_weights`. Training is over: the averages are let go of, and
        what is an array of the network's itself is returned, not copied.
        """
        self.average.sums.clear()
        found = [w if isinstance(w, np.ndarray) else read_weight(w) for w in self._weights]
        if self._best.kept:
            self._best.read_into(found)
        _, members, classes = self.network.output_shape
        return merge_members(found, members, classes)

    def keep_best(self) -> None:
        """Keep the weights as they are."""
        self._best.keep(read_blocks(w) for w in self._weights)

    def arrays(self) -> dict[str, NDArray[Any] | Blocks]:
        """Return the arrays of a checkpoint."""
        found = {name: _stored(v) for name, v in self._variables().items()}
        if self.average.count > 0:
            found |= {f"average.{i}": array for i, array in enumerate(self._averaged())}
        best = self._best.blocks() if self._best.kept else []
        return found | {f"best.{i}": array for i, array in enumerate(best)}

    def shapes(self) -> dict[str, list[int]]:
        """Return the shape of each variable: a checkpoint with others is of another network."""
        return {name: list(variable.shape) for name, variable in self._variables().items()}

    def restore(self, position: Position, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go to where a checkpoint was written."""
        for name, variable in self._variables().items():
            write_weight(variable, arrays[name])
        for i, array in enumerate(self._averaged()):
            array[...] = arrays.get(f"average.{i}", 0.0)
        self.position = position
        count = len(self._weights) if "best.0" in arrays else 0
        if count:
            self._best.keep([arrays[f"best.{i}"]] for i in range(count))

    def _averaged(self) -> list[NDArray[np.float32]]:
        return [self.average.count, *self.average.sums]

    def _variables(self) -> dict[str, Any]:
        # By number: names of variables depend on how many were made before in this process.
        kinds = {
            "network": [variable.value for variable in self.network.variables],
            "optimizer": [variable.value for variable in self.network.optimizer.variables],
            "own": own_arrays(self.network),
        }
        return {f"{kind}.{i}": v for kind, found in kinds.items() for i, v in enumerate(found)}


def _stored(weight: Any) -> NDArray[Any] | Blocks:
    if isinstance(weight, np.ndarray):
        return weight
    if not weight.shape.rank:
        return np.asarray(weight.numpy())
    kind = np.dtype(weight.dtype.as_numpy_dtype)
    return Blocks(tuple(weight.shape), kind, lambda: read_blocks(weight))


class Loop(keras.callbacks.Callback):  # type: ignore[misc]
    """Follows `model.fit` through its epochs and batches.

    Args:
        state: Kept up to date.
        n_rows: Rows to train on.
        training: Batch size, epochs, and when to stop before.
        calibrated: The metric of that name, which counts in validation only.
        deadline: When to stop, as `time.monotonic` counts.
        report: Told of the steps done.
        should_stop: Asked after each batch.
        tell: Called after each epoch.
        save: Called for a checkpoint.
    """

    def __init__(
        self,
        state: State,
        n_rows: int,
        training: TrainingSettings,
        calibrated: CalibratedLoss,
        deadline: float,
        report: Report,
        should_stop: Callable[[], bool],
        *,
        tell: Callable[[], None],
        save: Callable[[], None],
    ) -> None:
        super().__init__()
        self._state, self._epoch_ended, self._write = state, tell, save
        self._saved = time.monotonic()
        self._n_rows, self._training = n_rows, training
        self._steps = steps_per_epoch(n_rows, training.batch_size)
        self._deadline, self._calibrated = deadline, calibrated
        self._monitor = f"val_{training.monitor}"
        self._report, self._should_stop = report, should_stop
        self._began = self._reported = -math.inf
        self._first_step = 0

    @property
    def out_of_patience(self) -> bool:
        """Whether validation has not got better for as many epochs as was asked for."""
        at = self._state.position
        return 0 < at.counted_epoch <= at.epoch - self._training.patience

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start the clock."""
        self._began = time.monotonic()
        self._first_step = self._state.position.step

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the loss, report, and stop if so asked.

        Raises:
            ConfigError: If the loss is not finite.
            Stop: If training should stop; a checkpoint was written.
        """
        step = min(self._first_step + batch + 1, self._steps)  # the last of this call
        figures = _without_calibrated(logs)
        if not math.isfinite(figures["loss"]):
            raise ConfigError(
                f"the loss became {figures['loss']} in epoch {self._state.position.epoch + 1}",
                remedy="lower training.learning_rate, or check class weights and input values",
            )
        self._tell(step, figures)
        self._state.average.step(step)
        if step == self._steps:  # the validation comes next
            self._state.average.use()
        why = self._why_stop()
        # After the last batch of an epoch it waits for the validation, which is short.
        if why and step < self._steps:
            position = self._state.position
            position.partial = self._with_partial(figures, step)
            position.step = step
            self._save()
            raise Stop(why)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Let the calibrated loss count."""
        self._calibrated.active = True

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Let it rest again."""
        self._calibrated.active = False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Write the figures down, keep the best weights, and stop if they get no better.

        Raises:
            Stop: If training should stop; a checkpoint was written.
        """
        position = self._state.position
        figures = _without_calibrated(logs)
        if self._monitor in figures:  # not the mean of the members' losses
            figures["val_loss"] = self._calibrated.uncalibrated()
        seen = {name: value for name, value in figures.items() if not name.startswith("val_")}
        row = {"epoch": epoch + 1} | dict.fromkeys(_FIGURES[: len(figures)], 0.0)
        row |= figures | self._with_partial(seen, self._steps)
        row["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
        row["seconds"] = round(row.pop("seconds"), 3)
        position.history.append(row)
        position.epoch, position.step, position.partial = epoch + 1, 0, {}
        # Without validation, the last epoch is the best.
        loss = figures.get(self._monitor, -math.inf)
        position.best_loss = min(position.best_loss, loss)  # in this order: a NaN is no lowest
        if loss <= position.best_loss * (1 + self._training.tolerance):
            position.best_epoch = epoch + 1
            self._state.keep_best()
        if loss < position.counted_loss * (1 - self._training.min_improvement) or loss == -math.inf:
            position.counted_loss, position.counted_epoch = loss, epoch + 1
        self._state.average.resume()
        self._reported = -math.inf
        self._tell(0, row)
        self._epoch_ended()
        if time.monotonic() - self._saved >= checkpoints.EVERY:
            self._save()
        if self.out_of_patience:
            self.model.stop_training = True
        elif epoch + 1 < self._training.epochs and (why := self._why_stop()):
            self._save()
            raise Stop(why)

    def _save(self) -> None:
        self._write()
        self._saved = time.monotonic()

    def _why_stop(self) -> str:
        if self._should_stop():
            return "asked"
        return "time" if time.monotonic() > self._deadline else ""

    def _with_partial(self, figures: Mapping[str, float], step: int) -> dict[str, float]:
        """Return the means over an epoch's steps so far, those before a resumption included."""
        before = self._rows(self._first_step)
        share = before / self._rows(step)
        partial = self._state.position.partial if self._first_step else {}
        means = {
            name: share * partial.get(name, 0.0) + (1 - share) * value
            for name, value in figures.items()
        }
        seconds = partial.get("seconds", 0.0) + time.monotonic() - self._began
        return means | {"seconds": seconds}

    def _rows(self, steps: int) -> int:
        return min(steps * self._training.batch_size, self._n_rows)

    def _tell(self, step: int, figures: Mapping[str, float]) -> None:
        now = time.monotonic()
        if now - self._reported < _REPORT_EVERY:
            return
        self._reported = now
        done = self._state.position.epoch * self._steps + step
        shown = {k: v for k, v in figures.items() if k not in ("seconds", "learning_rate")}
        epoch = {"epoch": self._state.position.epoch + (1 if step else 0)}
        self._report(Progress("train", done, self._training.epochs * self._steps, shown | epoch))


def _without_calibrated(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Return what Keras tells as numbers, without the metric that counts in validation only."""
    figures = {name: float(value) for name, value in (logs or {}).items()}
    figures.pop("calibrated_loss", None)
    return figures
