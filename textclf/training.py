"""Training: a network, support vector machines beside it, and once more on all rows."""

from __future__ import annotations

import dataclasses
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textclf.joining import SVMBeside, fit_svm_weight, join
from textclf.memory import map_large_arrays, return_freed_memory
from textclf.ngrams.shards import Shard
from textclf.progress import OnEpoch, Report, silent
from textclf.settings import NetworkSettings, TrainingSettings
from textclf.sizes import (
    first_units,
    with_averaging,
    with_batch_size,
    with_margin,
    with_shape,
    with_stopping,
)
from textclf.trainer import FitResult, Rows, Trainer

__all__ = ["FitResult", "fit"]

log = logging.getLogger(__name__)


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
        UsageError: If there are no rows to train on, or this process was forked from one that
            has trained.
        ConfigError: If the loss becomes infinite or not a number.
        OSError: If a shard cannot be read or a checkpoint cannot be written.
    """
    from textclf.adagrad import AdagradKernel
    from textclf.tensorflow_runtime import check_fork, load_tensorflow

    check_fork()
    training = with_batch_size(training, sum(len(train[i].y) for i in range(len(train))))
    rows = Rows.of(train, validation, training)
    network = with_shape(network, rows.n_classes, rows.n_features)
    training = with_margin(with_averaging(training, rows.train_rows), rows.n_classes)
    training = with_stopping(training, rows.validation_rows, rows.n_classes, svm=network.svm)
    if checkpoint_dir:
        checkpoint_dir.mkdir(parents=True, exist_ok=True)

    with ExitStack() as stack:
        beside = None
        if network.svm:
            beside = SVMBeside(
                (train, all_rows) if all_rows else (train,), validation, rows.n_classes,
                seed=seed, class_weight=rows.class_weight, work=checkpoint_dir,
            )  # fmt: skip
            stack.callback(beside.close)
        kernels: list[AdagradKernel | None] = [None]
        if training.optimizer == "rowwise_adagrad":  # now, while a thread imports TensorFlow
            units = first_units(network, rows.n_classes)
            kernels = [AdagradKernel(rows.n_features, units, seed, training.threads)]
        load_tensorflow(training.threads)
        with _own_garbage_only():
            found = _fit(
                # The kernel is large: who trains it is to let go of it.
                Trainer(
                    rows, network, training, seed, report or silent, should_stop, kernels.pop()
                ),
                rows, all_rows, checkpoint_dir, on_epoch, initial,
            )  # fmt: skip
        map_large_arrays()  # again: what batches took is free, and weights are to be joined
        return_freed_memory()
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
    trainer: Trainer,
    rows: Rows,
    all_rows: Sequence[Shard],
    checkpoint_dir: Path | None,
    on_epoch: OnEpoch,
    initial: Sequence[NDArray[np.float32]] | None,
) -> FitResult:
    training = trainer.training
    found = trainer.train(rows, training.epochs, checkpoint_dir, on_epoch, initial)
    if not all_rows or found.ended not in ("patience", "epochs"):
        return found
    log.info("training once more, on all rows")
    trainer.begin_again()
    own_dir = checkpoint_dir / "all_rows" if checkpoint_dir else None
    again = trainer.train(Rows.of(all_rows, (), training), found.best_epoch, own_dir)
    if again.ended == "asked":
        return dataclasses.replace(found, ended="asked")
    if again.ended == "time":  # no reason to take what was trained half as long
        log.info("the time limit ended training on all rows: the weights before it are taken")
        return dataclasses.replace(found, ended="time")
    return dataclasses.replace(found, refitted=again.weights)


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
