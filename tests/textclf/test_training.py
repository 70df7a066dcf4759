"""Training: what it learns, when it ends, and that it can be interrupted anywhere."""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from textclf.adagrad import AdagradKernel
from textclf.errors import ConfigError, UsageError
from textclf.feeding import Feed
from textclf.ngrams.shards import Shard, ShardSet, ShardWriter
from textclf.progress import Progress
from textclf.settings import NetworkSettings, TrainingSettings
from textclf.trainer import Trainer
from textclf.training import FitResult, fit

FEATURES, CLASSES = 60, 3
NETWORK = NetworkSettings(layers=2, units=8, input_dropout=0.2, dropout=0.2, svm=False)
TRAINING = TrainingSettings(batch_size=32, epochs=3, patience=5, learning_rate=0.02, threads=1)


def rows(n: int, seed: int, noise: float = 0.0) -> tuple[csr_matrix, NDArray[np.int32]]:
    """Return rows whose class a linear rule gives, but for a share of noise."""
    x = csr_matrix(random_array((n, FEATURES), density=0.2, rng=seed, dtype=np.float32))
    rule = np.random.default_rng(0).normal(size=(FEATURES, CLASSES))
    y = (x @ rule).argmax(axis=1).astype(np.int32)
    random = np.random.default_rng(seed)
    y = np.where(random.random(n) < noise, random.integers(0, CLASSES, n), y)
    return x, y.astype(np.int32)


def shard_set(folder: Path, n: int, seed: int, noise: float = 0.0, shards: int = 3) -> ShardSet:
    """Write rows to shards."""
    folder.mkdir()
    x, y = rows(n, seed, noise)
    writer = ShardWriter(folder, FEATURES, CLASSES, shards, seed)
    writer.append(x.indptr.astype(np.int64), x.indices.astype(np.int32), x.data, y)
    return writer.close()


@pytest.fixture(autouse=True)
def checkpoint_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textclf.checkpoints.EVERY", 0.0)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    """300 rows: 10 steps of 32."""
    return shard_set(tmp_path_factory.mktemp("train") / "shards", 300, 1)


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> ShardSet:
    """150 rows: not a multiple of the batch."""
    return shard_set(tmp_path_factory.mktemp("validation") / "shards", 150, 2)


@pytest.fixture(scope="module")
def uninterrupted(train: ShardSet, validation: ShardSet) -> FitResult:
    """A training that nothing disturbed."""
    return fit(train, validation, NETWORK, TRAINING, seed=1)


def logits(result: FitResult, x: csr_matrix) -> NDArray[Any]:
    """Compute the logits in numpy."""
    arrays = [array for _, array in result.weights]
    out: Any = x
    for i, (kernel, bias) in enumerate(zip(arrays[::2], arrays[1::2], strict=True)):
        out = (np.maximum(out, 0) if i else out) @ kernel + bias
    return np.asarray(out, dtype=np.float64)


def figures(result: FitResult, shards: ShardSet) -> tuple[float, float]:
    """Compute loss and accuracy in numpy."""
    losses, hits = [], []
    for shard in shards:
        z = logits(result, shard.x)
        z -= z.max(axis=1, keepdims=True)
        losses.append(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), shard.y])
        hits.append(z.argmax(axis=1) == shard.y)
    return float(np.concatenate(losses).mean()), float(np.concatenate(hits).mean())


def same(one: FitResult, other: FitResult) -> bool:
    """Whether the weights are equal, bit for bit."""
    return [n for n, _ in one.weights] == [n for n, _ in other.weights] and all(
        np.array_equal(a, b) for (_, a), (_, b) in zip(one.weights, other.weights, strict=True)
    )


def after(batches: int) -> Callable[[], bool]:
    """Return a `should_stop` that says yes from the given batch on."""
    asked = iter(range(1, 1 << 30))
    return lambda: next(asked) >= batches


def test_it_learns_a_rule(train: ShardSet, validation: ShardSet) -> None:
    long = dataclasses.replace(TRAINING, epochs=15)
    result = fit(train, validation, NETWORK, long, seed=1)
    assert figures(result, validation)[1] > 0.75


def test_history_has_the_figures_of_each_epoch(uninterrupted: FitResult) -> None:
    keys = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_calibrated_loss"]
    keys += ["learning_rate", "seconds"]
    assert [list(row) for row in uninterrupted.history] == [keys] * 3
    assert [row["epoch"] for row in uninterrupted.history] == [1, 2, 3]
    assert uninterrupted.history[-1]["loss"] < uninterrupted.history[0]["loss"]
    assert (uninterrupted.epochs, uninterrupted.ended) == (3, "epochs")


def test_validation_figures_are_those_of_all_validation_rows(
    uninterrupted: FitResult, validation: ShardSet
) -> None:
    row = uninterrupted.history[uninterrupted.best_epoch - 1]
    loss, accuracy = figures(uninterrupted, validation)
    assert row["val_loss"] == pytest.approx(loss, rel=1e-4)
    assert row["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_each_epoch_is_told_once_also_after_a_resumption(
    uninterrupted: FitResult, train: ShardSet, validation: ShardSet, tmp_path: Path
) -> None:
    stopped: list[Any] = []
    options: dict[str, Any] = {"seed": 1, "checkpoint_dir": tmp_path / "checkpoint"}
    fit(train, validation, NETWORK, TRAINING, **options,
        should_stop=after(15), on_epoch=stopped.append)  # fmt: skip
    assert [line["epoch"] for line in stopped] == [1]
    for _ in range(2):  # stopped, and finished
        told: list[Any] = []
        result = fit(train, validation, NETWORK, TRAINING, **options, on_epoch=told.append)
        assert told == result.history
        assert [line["epoch"] for line in told] == [1, 2, 3]
    assert same(result, uninterrupted)


def test_the_seed_decides_the_weights(
    train: ShardSet, validation: ShardSet, uninterrupted: FitResult
) -> None:
    assert same(fit(train, validation, NETWORK, TRAINING, seed=1), uninterrupted)
    assert not same(fit(train, validation, NETWORK, TRAINING, seed=2), uninterrupted)


def stopped_and_resumed(
    asked: list[int],
    train: ShardSet,
    validation: ShardSet,
    training: TrainingSettings,
    folder: Path,
) -> FitResult:
    """Train to the end, stopped each time after `should_stop` was asked so often."""
    how: dict[str, Any] = {"seed": 1, "checkpoint_dir": folder}
    for n in asked:
        assert fit(train, validation, NETWORK, training, should_stop=after(n), **how).stopped
    return fit(train, validation, NETWORK, training, **how)


@pytest.mark.parametrize("batches", [[1], [9, 1], [10], [15, 12], [29]])
def test_stopped_and_resumed_it_ends_with_the_same_weights(
    batches: list[int],
    train: ShardSet,
    validation: ShardSet,
    uninterrupted: FitResult,
    tmp_path: Path,
) -> None:
    resumed = stopped_and_resumed(batches, train, validation, TRAINING, tmp_path)
    assert resumed.ended == "epochs"
    assert same(resumed, uninterrupted)
    for row, expected in zip(resumed.history, uninterrupted.history, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert row[name] == pytest.approx(expected[name], rel=1e-5)


# 75 steps, of which TensorFlow makes 9 in one call: the last call of an epoch is short.
FINE = dataclasses.replace(TRAINING, batch_size=4)


def test_an_epoch_of_many_steps_has_every_row_once(train: ShardSet) -> None:
    steps: list[Progress] = []
    result = fit(train, [], NETWORK, FINE, seed=1, report=steps.append)
    assert steps[-1].done == 3 * 75
    once = dataclasses.replace(FINE, epochs=1, averaged_steps=0, learning_rate=1e-9)
    still = fit(
        train, [], dataclasses.replace(NETWORK, input_dropout=0.0, dropout=0.0), once, seed=1
    )
    # Weights that hardly move give the loss of all rows, each weighed alike.
    assert still.history[0]["accuracy"] == pytest.approx(figures(still, train)[1], abs=1e-6)
    assert result.history[-1]["loss"] < result.history[0]["loss"]


@pytest.mark.parametrize("calls", [[3], [9], [12, 5]])
def test_stopped_between_calls_of_several_steps_it_ends_with_the_same_weights(
    calls: list[int], train: ShardSet, validation: ShardSet, tmp_path: Path
) -> None:
    whole = fit(train, validation, NETWORK, FINE, seed=1)
    assert same(stopped_and_resumed(calls, train, validation, FINE, tmp_path), whole)


@pytest.mark.parametrize("batches", [5, 25])
def test_killed_it_goes_on_from_the_last_epoch(
    batches: int,
    train: ShardSet,
    validation: ShardSet,
    uninterrupted: FitResult,
    tmp_path: Path,
) -> None:
    stop = after(batches)

    def killed() -> bool:
        if stop():
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        fit(
            train, validation, NETWORK, TRAINING, seed=1,
            checkpoint_dir=tmp_path, should_stop=killed,
        )  # fmt: skip
    resumed = fit(train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path)
    assert same(resumed, uninterrupted)


def test_a_checkpoint_is_written_after_an_epoch_only_if_a_while_has_passed(
    train: ShardSet, validation: ShardSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textclf.checkpoints.EVERY", 3600.0)
    fit(train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("textclf.checkpoints.EVERY", 0.0)
    fit(train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_finished_training_is_not_trained_again(
    train: ShardSet, validation: ShardSet, uninterrupted: FitResult, tmp_path: Path
) -> None:
    fit(train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path)
    steps: list[Progress] = []
    again = fit(
        train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path, report=steps.append
    )
    assert steps == []
    assert same(again, uninterrupted)


def test_more_epochs_go_on_where_fewer_ended(
    train: ShardSet, validation: ShardSet, tmp_path: Path
) -> None:
    # A falling learning rate depends on the number of epochs, and so would begin anew.
    three = dataclasses.replace(TRAINING, schedule="constant")
    two = dataclasses.replace(three, epochs=2)
    fit(train, validation, NETWORK, two, seed=1, checkpoint_dir=tmp_path)
    steps: list[Progress] = []
    longer = fit(
        train, validation, NETWORK, three, seed=1, checkpoint_dir=tmp_path, report=steps.append
    )
    assert steps[0].done == 21
    assert same(longer, fit(train, validation, NETWORK, three, seed=1))


@pytest.mark.parametrize("what", ["seed", "garbage", "cut short"])
def test_a_checkpoint_that_does_not_fit_is_left_out_of_account(
    what: str,
    train: ShardSet,
    validation: ShardSet,
    uninterrupted: FitResult,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fit(
        train, validation, NETWORK, TRAINING, seed=2 if what == "seed" else 1,
        checkpoint_dir=tmp_path, should_stop=after(12),
    )  # fmt: skip
    (file,) = tmp_path.iterdir()
    if what == "garbage":
        file.write_bytes(b"\x10" * 100)
    elif what == "cut short":
        file.write_bytes(file.read_bytes()[:-100])
    result = fit(train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path)
    assert same(result, uninterrupted)
    assert "training begins anew" in caplog.text


def test_it_stops_when_validation_gets_no_better_and_keeps_the_best(tmp_path: Path) -> None:
    train = shard_set(tmp_path / "train", 200, 1, noise=0.6)
    validation = shard_set(tmp_path / "validation", 100, 2, noise=0.6)
    eager = dataclasses.replace(TRAINING, epochs=100, patience=2, learning_rate=0.05)
    result = fit(train, validation, NETWORK, eager, seed=1)
    losses = [row["val_loss"] for row in result.history]
    assert result.ended == "patience"
    assert result.best_epoch == int(np.argmin(losses)) + 1
    assert result.epochs == result.best_epoch + 2 < 100
    assert figures(result, validation)[0] == pytest.approx(min(losses), rel=1e-4)


def test_what_hardly_gets_better_is_not_waited_for(train: ShardSet, validation: ShardSet) -> None:
    eager = dataclasses.replace(TRAINING, epochs=100, patience=2, min_improvement=0.9)
    result = fit(train, validation, NETWORK, eager, seed=1)
    losses = [row["val_calibrated_loss"] for row in result.history]
    assert (result.ended, result.epochs) == ("patience", 3)
    assert result.best_epoch == int(np.argmin(losses)) + 1 == 3


def test_of_epochs_within_the_tolerance_the_last_has_the_best_weights(tmp_path: Path) -> None:
    train = shard_set(tmp_path / "train", 200, 1, noise=0.6)
    validation = shard_set(tmp_path / "validation", 100, 2, noise=0.6)
    eager = dataclasses.replace(TRAINING, epochs=100, patience=4, learning_rate=0.05)
    strict = fit(train, validation, NETWORK, eager, seed=1)
    losses = np.array([row["val_calibrated_loss"] for row in strict.history])
    tolerance = float(losses[strict.best_epoch] / losses.min() - 1) + 1e-6  # of the next epoch
    lax = fit(train, validation, NETWORK, dataclasses.replace(eager, tolerance=tolerance), seed=1)
    within = np.flatnonzero(losses <= losses.min() * (1 + tolerance)) + 1
    assert lax.epochs == strict.epochs
    assert lax.best_epoch == within[-1] > strict.best_epoch


def test_without_validation_rows_all_epochs_are_trained(train: ShardSet) -> None:
    result = fit(train, [], NETWORK, TRAINING, seed=1)
    assert (result.epochs, result.best_epoch, result.ended) == (3, 3, "epochs")
    assert "val_loss" not in result.history[0]


def test_it_ends_when_time_is_up_with_a_checkpoint(
    train: ShardSet, validation: ShardSet, uninterrupted: FitResult, tmp_path: Path
) -> None:
    hurried = dataclasses.replace(TRAINING, time_limit=1e-6)
    result = fit(train, validation, NETWORK, hurried, seed=1, checkpoint_dir=tmp_path)
    assert (result.ended, result.epochs, result.stopped) == ("time", 0, False)
    assert [array.shape for _, array in result.weights] == [(60, 32), (32,), (32, 3), (3,)]
    resumed = fit(train, validation, NETWORK, TRAINING, seed=1, checkpoint_dir=tmp_path)
    assert same(resumed, uninterrupted)


def test_a_loss_that_is_not_a_number_is_one_clear_error(validation: ShardSet) -> None:
    x, y = rows(100, 1)
    x.data[:] = np.inf
    with pytest.raises(ConfigError, match=r"the loss became nan in epoch 1; lower training"):
        fit([Shard(x, y)], validation, NETWORK, TRAINING, seed=1)


def test_no_rows_are_one_clear_error(validation: ShardSet) -> None:
    with pytest.raises(UsageError, match="no rows"):
        fit([], validation, NETWORK, TRAINING, seed=1)


class Failing(list[Shard]):
    """Shards that cannot be read any more, after some reads."""

    reads = 0

    def __getitem__(self, i: Any) -> Any:
        self.reads += 1
        if self.reads > 8:
            raise OSError("the disk is gone")
        return super().__getitem__(i)


def test_a_shard_that_cannot_be_read_is_the_error_it_is(
    train: ShardSet, validation: ShardSet
) -> None:
    with pytest.raises(OSError, match=r"^the disk is gone$"):
        fit(Failing(train), validation, NETWORK, TRAINING, seed=1)
    assert not [t for t in threading.enumerate() if t.name == "textclf-prefetch"]


def test_balanced_class_weights_find_the_rare_class(tmp_path: Path) -> None:
    x, y = rows(400, 1, noise=0.3)
    rare = np.flatnonzero(y == 0)
    kept = np.sort(np.concatenate([rare[:12], np.flatnonzero(y != 0)]))
    train, held_out = [Shard(x[kept], y[kept])], [Shard(*rows(300, 2))]
    found = {}
    for weight in ("none", "balanced"):
        settings = dataclasses.replace(TRAINING, epochs=8, class_weight=weight)
        result = fit(train, [], NETWORK, settings, seed=1)
        guessed = logits(result, held_out[0].x).argmax(axis=1)
        found[weight] = int((guessed == 0).sum())
    assert found["balanced"] > found["none"] + 10


def test_progress_counts_the_steps(train: ShardSet, validation: ShardSet) -> None:
    steps: list[Progress] = []
    fit(train, validation, NETWORK, TRAINING, seed=1, report=steps.append)
    assert {(step.stage, step.total) for step in steps} == {("train", 30)}
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == 30
    assert steps[-1].figures["val_loss"] > 0


@pytest.mark.parametrize("optimizer", ["rowwise_adagrad", "adam"])
def test_one_layer_is_trained_too(optimizer: Any, train: ShardSet, validation: ShardSet) -> None:
    linear = dataclasses.replace(NETWORK, layers=1, input_dropout=0.0)
    settings = dataclasses.replace(TRAINING, epochs=6, learning_rate=0.05, optimizer=optimizer)
    result = fit(train, validation, linear, settings, seed=1)
    assert [name for name, _ in result.weights] == ["dense_0.kernel", "dense_0.bias"]
    assert figures(result, validation)[1] > 0.7


def test_afterwards_neither_weights_nor_batches_are_kept(
    train: ShardSet, validation: ShardSet
) -> None:
    fit(train, validation, NETWORK, TRAINING, seed=1)
    gc.collect()
    kept = [type(o).__name__ for o in gc.get_objects() if isinstance(o, AdagradKernel | Feed)]
    assert not kept


@pytest.mark.parametrize("gpu", [False, True])
def test_afterwards_tensorflow_keeps_no_gradient_and_so_no_graph(
    gpu: bool, train: ShardSet, validation: ShardSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorflow.python.framework import ops

    def known() -> set[str]:
        gc.collect()
        return {name for name in ops.gradient_registry.list() if name.startswith("Custom")}

    monkeypatch.setattr("textclf.tensorflow_runtime.has_gpu", lambda: gpu)
    before = known()
    fit(train, validation, NETWORK, TRAINING, seed=1)
    assert known() <= before


def test_where_there_is_a_gpu_tensorflow_trains_the_first_layer_alike(
    train: ShardSet, validation: ShardSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    shapes = ((FEATURES, 32), (32,), (4, 8, CLASSES), (4, CLASSES))
    initial = [random.normal(scale=0.1, size=shape).astype(np.float32) for shape in shapes]

    def trained() -> FitResult:
        return fit(train, validation, NETWORK, TRAINING, seed=1, initial=initial)

    by_kernels = trained()
    monkeypatch.setattr("textclf.tensorflow_runtime.has_gpu", lambda: True)
    by_tensorflow = trained()
    assert not same(by_kernels, by_tensorflow)  # sums have another order
    for (_, one), (_, other) in zip(by_kernels.weights, by_tensorflow.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


SILENT = """
import sys, textclf.training
assert "tensorflow" not in sys.modules
from textclf.tensorflow_runtime import load_tensorflow, preload
preload(1, lean=True).join()
assert "tensorflow" in sys.modules
from textclf.ngrams.shards import ShardSet
from textclf.settings import NetworkSettings, TrainingSettings
from pathlib import Path
data = ShardSet.open(Path(sys.argv[1]))
textclf.training.fit(data, data, NetworkSettings(), TrainingSettings(epochs=2), seed=1)
assert not {"sklearn", "pandas", "tensorflow.lite.python.lite"} & set(sys.modules)
import pandas, tensorflow
assert tensorflow.lite.TFLiteConverter
"""


def test_the_library_is_silent_and_imports_no_more_than_it_needs(train: ShardSet) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT, str(train.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_averaging_the_last_weights_of_an_epoch_are_taken(
    train: ShardSet, validation: ShardSet, uninterrupted: FitResult
) -> None:
    plain = dataclasses.replace(TRAINING, averaged_steps=0)
    result = fit(train, validation, NETWORK, plain, seed=1)
    assert result.epochs == uninterrupted.epochs
    assert not same(result, uninterrupted)


def all_of(*parts: ShardSet) -> list[Shard]:
    return [shard for part in parts for shard in part]


def best_again(result: FitResult, train: ShardSet, validation: ShardSet) -> FitResult:
    """Train anew on all rows for the epochs that were best."""
    training = dataclasses.replace(TRAINING, epochs=result.best_epoch)
    return fit(all_of(train, validation), (), NETWORK, training, seed=1)


def refitted_same(result: FitResult, other: FitResult) -> bool:
    assert result.refitted is not None
    return same(dataclasses.replace(result, weights=result.refitted), other)


def test_trained_once_more_it_is_as_if_all_rows_had_been_trained_on_at_once(
    train: ShardSet, validation: ShardSet, uninterrupted: FitResult
) -> None:
    rows = all_of(train, validation)
    result = fit(train, validation, NETWORK, TRAINING, seed=1, all_rows=rows)
    assert same(result, uninterrupted)
    assert refitted_same(result, best_again(result, train, validation))
    assert not refitted_same(result, uninterrupted)


def test_trained_once_more_in_calls_of_several_steps_no_row_is_left_out(
    train: ShardSet, validation: ShardSet
) -> None:
    # Of 75 steps one call makes 9; were it of all rows from the start, of 113 steps 14.
    last = dataclasses.replace(FINE, averaged_steps=0)
    rows = all_of(train, validation)
    result = fit(train, validation, NETWORK, last, seed=1, all_rows=rows)
    again = dataclasses.replace(last, epochs=result.best_epoch)
    assert refitted_same(result, fit(rows, (), NETWORK, again, seed=1))


@pytest.mark.parametrize("batches", [[5], [31], [40, 35], [44]])
def test_stopped_while_trained_once_more_it_ends_with_the_same_weights(
    batches: list[int], train: ShardSet, validation: ShardSet, tmp_path: Path
) -> None:
    how = {"seed": 1, "all_rows": all_of(train, validation)}
    whole = fit(train, validation, NETWORK, TRAINING, **how)
    for n in batches:
        stopped = fit(
            train, validation, NETWORK, TRAINING, **how,
            checkpoint_dir=tmp_path, should_stop=after(n),
        )  # fmt: skip
        assert stopped.stopped
        assert stopped.refitted is None
    resumed = fit(train, validation, NETWORK, TRAINING, **how, checkpoint_dir=tmp_path)
    assert same(resumed, whole)
    assert refitted_same(resumed, dataclasses.replace(whole, weights=whole.refitted))


def test_when_time_is_up_it_is_not_trained_once_more(train: ShardSet, validation: ShardSet) -> None:
    short = dataclasses.replace(TRAINING, epochs=1000, patience=1000, time_limit=0.5)
    rows = all_of(train, validation)
    assert fit(train, validation, NETWORK, short, seed=1, all_rows=rows).refitted is None


def test_training_once_more_that_the_time_limit_ended_says_so(
    train: ShardSet, validation: ShardSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, original = [], Trainer.train

    def hurried(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        found = original(*args, **kwargs)
        return dataclasses.replace(found, ended="time") if len(calls) == 2 else found

    monkeypatch.setattr(Trainer, "train", hurried)
    rows = all_of(train, validation)
    found = fit(train, validation, NETWORK, TRAINING, seed=1, all_rows=rows)
    assert (len(calls), found.ended, found.refitted) == (2, "time", None)
