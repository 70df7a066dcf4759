"""Training: `model.fit` on batch generators, early stopping, checkpoints."""

from __future__ import annotations

import dataclasses
import gc
import logging
import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from textclf.batches import BatchGenerator, steps_per_epoch, steps_per_execution
from textclf.checkpoints import load_checkpoint, save_checkpoint
from textclf.errors import UsageError
from textclf.joining import SVMBeside, fit_svm_weight, join
from textclf.layers import Weights
from textclf.ngrams.shards import Shard
from textclf.progress import Report, silent
from textclf.settings import NetworkSettings, TrainingSettings
from textclf.sizes import with_batch_size, with_margin, with_shape, with_stopping

if TYPE_CHECKING:
    import keras

    from textclf.fitting import Loop, State
    from textclf.losses import CalibratedLoss

log = logging.getLogger(__name__)

OnEpoch = Callable[[Mapping[str, float]], None]
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
class _Data:
    """The rows, and what is known of them."""

    train: Sequence[Shard]
    validation: Sequence[Shard]
    train_rows: int
    validation_rows: int
    n_features: int
    n_classes: int
    class_weight: NDArray[np.float32] | None


def fit(
    train: Sequence[Shard],
    validation: Sequence[Shard],
    network: NetworkSettings,
    training: TrainingSettings,
    *,
    seed: int,
    report: Report | None = None,
    checkpoint_dir: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_epoch: OnEpoch = lambda _: None,
    initial: Sequence[NDArray[np.float32]] | None = None,
    all_rows: Sequence[Shard] = (),
) -> FitResult:
    """Train a network until the validation loss gets no better, and machines beside it.

    A training that was stopped or killed goes on from its last checkpoint when it is called again
    with the same data and settings, and ends with the weights it would have had.

    Args:
        train: Rows to train on.
        validation: Rows for early stopping; without any, all epochs are trained.
        network: Layers, units, dropout.
        training: Batch size, epochs, learning rate, ...
        seed: Seed of the weights, of dropout and of the order of the rows.
        report: Told of the steps done.
        checkpoint_dir: Where a checkpoint is written when training stops, and after an epoch if a
            while has passed since the last; and looked for at the start.
        should_stop: Asked after each batch; True writes a checkpoint and ends training.
        on_epoch: Given the figures of each epoch, as in the history; after a resumption those of
            the epochs before, too.
        initial: The weights to start from, of each layer of `build_network` its kernel and bias;
            by default random ones.
        all_rows: If given, the network is trained once more in the end, from the same random
            weights, on these rows, for as many epochs as were best.

    Raises:
        UsageError: If there are no rows to train on.
        TextclfError: If the loss becomes infinite or not a number.
        OSError: If a shard cannot be read or a checkpoint cannot be written.
    """
    from textclf.tensorflow_runtime import load_tensorflow

    training = with_batch_size(training, sum(len(train[i].y) for i in range(len(train))))
    data = _describe(train, validation, training)
    network = with_shape(network, data.n_classes, data.n_features)
    training = with_margin(training, data.n_classes)
    training = with_stopping(training, data.validation_rows, data.n_classes, svm=network.svm)
    if checkpoint_dir:
        checkpoint_dir.mkdir(parents=True, exist_ok=True)

    with ExitStack() as stack:
        beside = None
        if network.svm:
            beside = SVMBeside(
                (train, all_rows) if all_rows else (train,), validation, data.n_classes,
                seed=seed, class_weight=data.class_weight, work=checkpoint_dir,
            )  # fmt: skip
            stack.callback(beside.close)
        load_tensorflow(training.threads)
        with _own_garbage_only():
            found = _fit(
                _Trainer(data, network, training, seed, report or silent, should_stop),
                data, all_rows, checkpoint_dir, on_epoch, initial,
            )  # fmt: skip
        if beside is None or found.stopped:
            return found
        return _joined(found, beside, validation, should_stop)


def _joined(
    found: FitResult,
    beside: SVMBeside,
    validation: Sequence[Shard],
    should_stop: Callable[[], bool],
) -> FitResult:
    """Return the network with the machines that were trained meanwhile."""
    if found.ended == "time":
        beside.hurry()
    machines = beside.wait(should_stop)
    if machines is None:
        return dataclasses.replace(found, ended="asked")
    weight = fit_svm_weight(found.weights, machines[0], validation)
    refitted = found.refitted and join(found.refitted, machines[-1], weight)
    weights = join(found.weights, machines[0], weight)
    return dataclasses.replace(found, weights=weights, refitted=refitted, svm_weight=weight)


def _fit(
    trainer: _Trainer,
    data: _Data,
    all_rows: Sequence[Shard],
    checkpoint_dir: Path | None,
    on_epoch: OnEpoch,
    initial: Sequence[NDArray[np.float32]] | None,
) -> FitResult:
    training = trainer.training
    found = trainer.train(data, training.epochs, checkpoint_dir, on_epoch, initial)
    if not all_rows or found.ended not in ("patience", "epochs"):
        return found
    log.info("training once more, on all rows")
    trainer.begin_again()
    own_dir = checkpoint_dir / "all_rows" if checkpoint_dir else None
    again = trainer.train(_describe(all_rows, (), training), found.best_epoch, own_dir)
    if again.ended == "asked":
        return dataclasses.replace(found, ended="asked")
    # A time limit is no reason to take what was trained half as long.
    return found if again.ended == "time" else dataclasses.replace(found, refitted=again.weights)


class _Trainer:
    """A compiled network, and how it is trained.

    Args:
        data: What it is made for.
        network: Its units chosen.
        training: Batch size and patience chosen.
        seed: Seed of the weights, of dropout and of the order of the rows.
        report: Told of the steps done.
        should_stop: Asked after each batch.
    """

    def __init__(
        self,
        data: _Data,
        network: NetworkSettings,
        training: TrainingSettings,
        seed: int,
        report: Report,
        should_stop: Callable[[], bool],
    ) -> None:
        from textclf.losses import CalibratedLoss

        self._network, self.training, self._seed = network, training, seed
        self._report, self._should_stop = report, should_stop
        self._calibrated = CalibratedLoss()
        self._model = _compiled(data, network, training, self._calibrated, seed)
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
        data: _Data,
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
        steps = steps_per_epoch(data.train_rows, training.batch_size)
        average = WeightAverage(weights, training.averaged_steps, steps, model.steps_per_execution)
        if checkpoint_dir:
            checkpoint_dir.mkdir(exist_ok=True)  # that of all rows is another
        state = State(model, average, checkpoint_dir)
        identity = _identity(data, self._network, training, self._seed)
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
            state, data.train_rows, training.batch_size, epochs, training.patience,
            training.min_improvement, training.tolerance, training.monitor, self._calibrated,
            self._deadline, self._report, self._should_stop, tell, save,
        )  # fmt: skip
        ended = "epochs"
        try:
            while state.position.epoch < epochs and not loop.out_of_patience:
                _fit_epochs(state, loop, data, training, self._seed)
        except Stop as stop:
            ended = stop.why
        if ended == "epochs" and loop.out_of_patience:
            ended = "patience"
        at = state.position
        return FitResult(state.weights(), at.history, at.best_epoch, at.epoch, cast(Ended, ended))


def _describe(
    train: Sequence[Shard], validation: Sequence[Shard], training: TrainingSettings
) -> _Data:
    labels = [train[i].y for i in range(len(train))]
    rows = sum(map(len, labels))
    if rows == 0:
        raise UsageError("there are no rows to train on")
    n_classes = getattr(train, "n_classes", 0) or max(int(y.max()) + 1 for y in labels if len(y))
    weight = None
    if training.class_weight == "balanced":
        counts = sum(np.bincount(y, minlength=n_classes) for y in labels)
        present = np.maximum(counts, 1)
        weight = (rows / (np.count_nonzero(counts) * present)).astype(np.float32)
    held_out = sum(len(validation[i].y) for i in range(len(validation)))
    return _Data(train, validation, rows, held_out, train[0].x.shape[1], n_classes, weight)


def _compiled(
    data: _Data,
    network: NetworkSettings,
    training: TrainingSettings,
    calibrated: CalibratedLoss,
    seed: int,
) -> keras.Model:
    import keras

    from textclf.losses import MeanAccuracy, MemberLoss
    from textclf.network import build_network
    from textclf.optimizer import RowwiseAdagrad
    from textclf.tensorflow_runtime import has_gpu

    adagrad = training.optimizer == "rowwise_adagrad"
    compiled = adagrad and not has_gpu()  # there, TensorFlow's own products are at home
    model = build_network(
        data.n_features, data.n_classes, network,
        seed=seed, compiled=compiled, threads=training.threads,
    )  # fmt: skip
    first, rate = model.get_layer("dense_0"), cast(Any, training.learning_rate)
    if training.schedule == "linear":
        steps = steps_per_epoch(data.train_rows, training.batch_size) * training.epochs
        rate = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    if adagrad and not compiled:
        optimizer = RowwiseAdagrad(rate, first)
    else:
        optimizer = keras.optimizers.Adam(rate)
    if compiled:
        first.learning_rate = lambda: optimizer.learning_rate
    model.compile(
        optimizer=optimizer,
        loss=MemberLoss(training.margin),
        metrics=[MeanAccuracy(name="accuracy"), calibrated],
        jit_compile=False,  # XLA has no sparse products
        # Part of what is traced once: trained again on more rows, it stays.
        steps_per_execution=steps_per_execution(
            steps_per_epoch(data.train_rows, training.batch_size)
        ),
    )
    optimizer.build(model.trainable_variables)
    return model


def _identity(
    data: _Data, network: NetworkSettings, training: TrainingSettings, seed: int
) -> dict[str, Any]:
    """Describe all that the weights depend on, apart from how long training goes on."""
    own = dataclasses.asdict(training)
    kept = ["batch_size", "learning_rate", "schedule", "class_weight", "optimizer"]
    kept += ["averaged_steps", "monitor", "margin"]
    if training.schedule == "linear":
        kept.append("epochs")
    return {
        "network": dataclasses.asdict(network),
        "training": {name: own[name] for name in kept},
        "seed": seed,
        "features": data.n_features,
        "classes": data.n_classes,
    } | {
        part: [[len(s.y), int(s.x.indptr[-1])] for s in shards]
        for part, shards in (("train", data.train), ("validation", data.validation))
    }


def _fit_epochs(
    state: State, loop: Loop, data: _Data, training: TrainingSettings, seed: int
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
            class_weight=data.class_weight,
            transform=SparseEncoder(data.n_features),
            **how,
        )

    first = begun.epoch
    steps = steps_per_epoch(data.train_rows, training.batch_size) - begun.step
    weighted = data.class_weight is not None
    with ExitStack() as stack:
        own = Feed(
            lambda i: generator(
                data.train, start_epoch=first + i, start_step=0 if i else begun.step
            ),
            steps,
            weighted=weighted,
        )
        options: dict[str, Any] = {"x": stack.enter_context(own).dataset}
        if data.validation_rows:
            held_out = Feed(
                lambda _: generator(data.validation, shuffle=False),
                steps_per_epoch(data.validation_rows, training.batch_size),
                weighted=weighted,
            )
            options["validation_data"] = stack.enter_context(held_out).dataset
        state.network.fit(
            steps_per_epoch=steps,
            initial_epoch=begun.epoch,
            epochs=begun.epoch + 1 if begun.step else training.epochs,
            callbacks=[loop],
            shuffle=False,  # the generator does
            verbose=0,
            **options,
        )


@contextmanager
def _own_garbage_only() -> Iterator[None]:
    """Keep the garbage collector from going over all of TensorFlow's objects again and again.

    It took a twelfth of the processor time of training. In the end the network is collected,
    whose parts hold each other, and its memory is free again.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
