"""One network trained by `model.fit` on batch generators, from its weights to its best epoch."""

from __future__ import annotations

import dataclasses
import gc
import math
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from textclf.batches import BatchGenerator, steps_per_epoch, steps_per_execution
from textclf.checkpoints import load_checkpoint, save_checkpoint
from textclf.errors import UsageError
from textclf.layers import Weights
from textclf.ngrams.shards import Shard
from textclf.progress import OnEpoch, Report
from textclf.settings import NetworkSettings, TrainingSettings

if TYPE_CHECKING:
    import keras

    from textclf.adagrad import AdagradKernel
    from textclf.fitting import Loop, State
    from textclf.losses import CalibratedLoss

Ended = Literal["patience", "epochs", "time", "asked"]


@dataclass(frozen=True)
class FitResult:
    """A trained network.

    Attributes:
        weights: (name, array) of each layer's kernel (inputs, units) and bias (units,), first
            layer first: `dense_0.kernel`, `dense_0.bias`, `dense_1.kernel`, ... They are those of
            the best epoch, or if none was completed, the last ones; and with `network.svm` those of
            support vector machines, joined with them.
        history: Figures of each epoch, of the network alone: epoch, loss, accuracy, val_loss,
            val_accuracy, learning_rate, seconds. Losses are weighted as the samples are; that of
            the training rows has the margin in it. Without validation rows there are no val_
            figures.
        best_epoch: The epoch that the weights are of, from 1; 0 if none was completed.
        epochs: Epochs completed.
        ended: Why training ended: validation got no better, all epochs are done, time is up, or
            `should_stop` said so.
        refitted: As `weights`, but trained once more on all rows; None if they were not.
        svm_weight: What the scores of support vector machines, which are in the weights, count
            beside a logit of the network; None if there are none.
    """

    weights: Weights
    history: list[dict[str, float]]
    best_epoch: int
    epochs: int
    ended: Ended
    refitted: Weights | None = None
    svm_weight: float | None = None

    @property
    def stopped(self) -> bool:
        """Whether training was stopped before its end, and can be resumed."""
        return self.ended == "asked"


@dataclass(frozen=True)
class Rows:
    """The rows of a training, and what is known of them.

    Attributes:
        train: Shards of rows to train on.
        validation: Shards of rows for early stopping.
        train_rows: How many the former are.
        validation_rows: How many the latter are.
        n_features: Columns of each.
        n_classes: Classes.
        class_weight: (classes,) what a row of each counts; None: all the same.
    """

    train: Sequence[Shard]
    validation: Sequence[Shard]
    train_rows: int
    validation_rows: int
    n_features: int
    n_classes: int
    class_weight: NDArray[np.float32] | None

    @classmethod
    def of(
        cls, train: Sequence[Shard], validation: Sequence[Shard], training: TrainingSettings
    ) -> Rows:
        """Look through the labels.

        Raises:
            UsageError: If there are no rows to train on.
        """
        labels = [train[i].y for i in range(len(train))]
        rows = sum(map(len, labels))
        if rows == 0:
            raise UsageError("there are no rows to train on")
        n_classes = getattr(train, "n_classes", 0) or max(
            int(y.max()) + 1 for y in labels if len(y)
        )
        weight = None
        if training.class_weight == "balanced":
            counts = sum(np.bincount(y, minlength=n_classes) for y in labels)
            present = np.maximum(counts, 1)
            weight = (rows / (np.count_nonzero(counts) * present)).astype(np.float32)
        held_out = sum(len(validation[i].y) for i in range(len(validation)))
        return cls(train, validation, rows, held_out, train[0].x.shape[1], n_classes, weight)


class Trainer:
    """A compiled network, and how it is trained.

    Args:
        rows: What it is made for.
        network: Its units chosen.
        training: Batch size and patience chosen.
        seed: Seed of the weights, of dropout and of the order of the rows.
        report: Told of the steps done.
        should_stop: Asked after each batch.
        kernel: That of the first layer, which is trained by itself unless there is a GPU; by
            default the optimizer trains it.
    """

    def __init__(
        self,
        rows: Rows,
        network: NetworkSettings,
        training: TrainingSettings,
        seed: int,
        report: Report,
        should_stop: Callable[[], bool],
        kernel: AdagradKernel | None = None,
    ) -> None:
        from textclf.losses import CalibratedLoss

        self._network, self.training, self._seed = network, training, seed
        self._report, self._should_stop = report, should_stop
        self._calibrated = CalibratedLoss()
        self._model = _compiled(rows, network, training, self._calibrated, seed, kernel)
        limit = training.time_limit
        self._deadline = time.monotonic() + limit if limit else math.inf
        first = self._model.get_layer("dense_0").kernel  # large: made anew
        variables = [*self._model.variables, *self._model.optimizer.variables]
        self._beginning = [(v, v.numpy()) for v in variables if v is not first]

    def begin_again(self) -> None:
        """Go back to the random weights of the beginning."""
        gc.collect()  # callbacks and the network hold each other, and so the last averages
        self._model.get_layer("dense_0").begin()
        for variable, value in self._beginning:
            variable.assign(value)

    def train(
        self,
        rows: Rows,
        epochs: int,
        checkpoint_dir: Path | None,
        on_epoch: OnEpoch = lambda _: None,
        initial: Sequence[NDArray[np.float32]] | None = None,
    ) -> FitResult:
        """Train for some epochs, or until the validation loss gets no better; see `fit`."""
        from textclf.averaging import WeightAverage
        from textclf.fitting import Loop, State, Stop
        from textclf.weights import weights_of, write_weight

        model, training = self._model, dataclasses.replace(self.training, epochs=epochs)
        weights = weights_of(model)
        for weight, start in zip(weights, initial or (), strict=initial is not None):
            write_weight(weight, start)
        steps = steps_per_epoch(rows.train_rows, training.batch_size)
        average = WeightAverage(weights, training.averaged_steps, steps, model.steps_per_execution)
        if checkpoint_dir:
            checkpoint_dir.mkdir(exist_ok=True)  # that of all rows is another
        state = State(model, average, checkpoint_dir)
        identity = _identity(rows, self._network, training, self._seed)
        identity["variables"] = state.shapes()
        if initial is not None:
            identity["initial"] = [zlib.crc32(start.tobytes()) for start in initial]
        if checkpoint_dir and (found := load_checkpoint(checkpoint_dir, identity)):
            state.restore(*found)
        told = 0

        def tell() -> None:
            nonlocal told
            for figures in state.position.history[told:]:
                on_epoch(figures)
            told = len(state.position.history)

        def save() -> None:
            if checkpoint_dir:
                save_checkpoint(checkpoint_dir, state.position, state.arrays(), identity)

        tell()
        loop = Loop(
            state, rows.train_rows, training, self._calibrated, self._deadline, self._report,
            self._should_stop, tell=tell, save=save,
        )  # fmt: skip
        ended = "epochs"
        try:
            while state.position.epoch < epochs and not loop.out_of_patience:
                _fit_epochs(state, loop, rows, training, self._seed)
        except Stop as stop:
            ended = stop.why
        if ended == "epochs" and loop.out_of_patience:
            ended = "patience"
        at = state.position
        return FitResult(state.weights(), at.history, at.best_epoch, at.epoch, cast(Ended, ended))


def _compiled(
    rows: Rows,
    network: NetworkSettings,
    training: TrainingSettings,
    calibrated: CalibratedLoss,
    seed: int,
    kernel: AdagradKernel | None,
) -> keras.Model:
    import keras

    from textclf.losses import MeanAccuracy, MemberLoss
    from textclf.network import build_network
    from textclf.optimizer import RowwiseAdagrad
    from textclf.tensorflow_runtime import has_gpu

    if kernel is not None and has_gpu():  # there, TensorFlow's own products are at home
        kernel = None
    model = build_network(rows.n_features, rows.n_classes, network, seed=seed, kernel=kernel)
    first, rate = model.get_layer("dense_0"), cast(Any, training.learning_rate)
    if training.schedule == "linear":
        steps = steps_per_epoch(rows.train_rows, training.batch_size) * training.epochs
        rate = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    if training.optimizer == "rowwise_adagrad" and kernel is None:
        optimizer = RowwiseAdagrad(rate, first)
    else:
        optimizer = keras.optimizers.Adam(rate)
    if kernel is not None:
        first.learning_rate = lambda: optimizer.learning_rate
    model.compile(
        optimizer=optimizer,
        loss=MemberLoss(training.margin),
        metrics=[MeanAccuracy(name="accuracy"), calibrated],
        jit_compile=False,  # XLA has no sparse products
        # Part of what is traced once: trained again on more rows, it stays.
        steps_per_execution=steps_per_execution(
            steps_per_epoch(rows.train_rows, training.batch_size)
        ),
    )
    optimizer.build(model.trainable_variables)
    return model


def _identity(
    rows: Rows, network: NetworkSettings, training: TrainingSettings, seed: int
) -> dict[str, Any]:
    """Describe all that the weights depend on, apart from how long training goes on."""
    own = dataclasses.asdict(training)
    kept = ["batch_size", "learning_rate", "schedule", "class_weight", "optimizer"]
    kept += ["averaged_steps", "monitor", "margin", "tolerance"]
    if training.schedule == "linear":
        kept.append("epochs")
    return {
        "network": dataclasses.asdict(network),
        "training": {name: own[name] for name in kept},
        "seed": seed,
        "features": rows.n_features,
        "classes": rows.n_classes,
    } | {
        part: [[len(s.y), int(s.x.indptr[-1])] for s in shards]
        for part, shards in (("train", rows.train), ("validation", rows.validation))
    }


def _fit_epochs(
    state: State, loop: Loop, rows: Rows, training: TrainingSettings, seed: int
) -> None:
    """Call `model.fit` for the rest of an epoch that was begun, or else for all epochs to come."""
    from textclf.feeding import Feed
    from textclf.sparse_batches import SparseEncoder

    begun = state.position

    def generator(shards: Sequence[Shard], **how: Any) -> BatchGenerator:
        return BatchGenerator(
            shards,
            training.batch_size,
            seed=seed,
            class_weight=rows.class_weight,
            transform=SparseEncoder(rows.n_features),
            **how,
        )

    first = begun.epoch
    steps = steps_per_epoch(rows.train_rows, training.batch_size) - begun.step
    weighted = rows.class_weight is not None
    with ExitStack() as stack:
        own = Feed(
            lambda i: generator(
                rows.train, start_epoch=first + i, start_step=0 if i else begun.step
            ),
            steps,
            weighted=weighted,
        )
        options: dict[str, Any] = {"x": stack.enter_context(own).dataset}
        if rows.validation_rows:
            validation_steps = steps_per_epoch(rows.validation_rows, training.batch_size)
            held_out = Feed(
                lambda _: generator(rows.validation, shuffle=False),
                validation_steps,
                weighted=weighted,
            )
            options["validation_data"] = stack.enter_context(held_out).dataset
            options["validation_steps"] = validation_steps
        state.network.fit(
            steps_per_epoch=steps,
            initial_epoch=begun.epoch,
            epochs=begun.epoch + 1 if begun.step else training.epochs,
            callbacks=[loop],
            shuffle=False,  # the generator does
            verbose=0,
            **options,
        )
