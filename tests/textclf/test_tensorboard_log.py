"""The figures of epochs as TensorBoard reads them."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from textclf.errors import OutputError, UsageError
from textclf.ngrams.shards import ShardWriter
from textclf.settings import NetworkSettings, TrainingSettings
from textclf.tensorboard_log import TensorBoardLog, check_tensorboard

EPOCHS = [
    {"epoch": 1, "loss": 0.5, "accuracy": 0.75, "val_loss": 0.625, "val_accuracy": 0.5,
     "learning_rate": 0.004, "seconds": 2.0},
    {"epoch": 2, "loss": 0.25, "accuracy": 1.0, "val_loss": 0.5, "val_accuracy": 0.625,
     "learning_rate": 0.002, "seconds": 1.0},
]  # fmt: skip


def read(folder):
    """Return {chart: [(step, value)]} as TensorBoard reads a folder."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util.tensor_util import make_ndarray

    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {
        tag: [(each.step, float(make_ndarray(each.tensor_proto))) for each in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard")
    log = TensorBoardLog(tmp_path / "run")
    for row in EPOCHS:
        log(row)
    names = {"loss": "loss", "accuracy": "accuracy", "learning_rate": "learning_rate"}
    assert read(tmp_path / "run" / "train") == {
        chart: [(row["epoch"], np.float32(row[name])) for row in EPOCHS]
        for chart, name in names.items()
    }
    assert read(tmp_path / "run" / "validation") == {
        chart: [(row["epoch"], np.float32(row[f"val_{chart}"])) for row in EPOCHS]
        for chart in ("loss", "accuracy")
    }


def test_without_validation_rows_there_is_no_chart_of_them(tmp_path):
    pytest.importorskip("tensorboard")
    TensorBoardLog(tmp_path)({"epoch": 1, "loss": 0.5, "accuracy": 0.75, "learning_rate": 0.004})
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_training_ends_with_the_same_weights(tmp_path):
    pytest.importorskip("tensorboard")
    from textclf.training import fit

    random = np.random.default_rng(1)
    x = csr_matrix(random.random((200, 30), dtype=np.float32))
    writer = ShardWriter(tmp_path, 30, 2, 1, 1)
    labels = (x[:, [0]].toarray()[:, 0] > 0.5).astype(np.int32)
    writer.append(x.indptr.astype(np.int64), x.indices.astype(np.int32), x.data, labels)
    shards = writer.close()
    training = TrainingSettings(batch_size=32, epochs=2, threads=1)
    results = [
        fit(shards, shards, NetworkSettings(units=4), training, seed=1, **options)
        for options in ({}, {"on_epoch": TensorBoardLog(tmp_path / "events")})
    ]
    for (_, one), (_, other) in zip(*(result.weights for result in results), strict=True):
        np.testing.assert_array_equal(one, other)
    found = read(tmp_path / "events" / "validation")["loss"]
    expected = [(line["epoch"], np.float32(line["val_loss"])) for line in results[1].history]
    assert found == expected


def test_a_folder_that_cannot_be_written_is_told_once_and_training_goes_on(tmp_path, caplog):
    pytest.importorskip("tensorboard")
    (tmp_path / "run").write_text("a file")
    log = TensorBoardLog(tmp_path / "run")
    for row in EPOCHS:
        log(row)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "training goes on" in caplog.text


def test_a_folder_that_cannot_be_made_is_told_before_training(tmp_path):
    pytest.importorskip("tensorboard")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        check_tensorboard(tmp_path / "file" / "folder")


def test_a_missing_package_is_named_before_training(tmp_path):
    code = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "from textclf.cli.main import main; main(sys.argv[1:])"
    )
    rows = tmp_path / "rows.csv"
    rows.write_text("a,one\nb,two\n")
    command = ["train", "--train-file", rows, "--tensorboard", tmp_path / "events"]
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 2
    assert "pip install 'textclf[tensorboard]'" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv"]


def test_a_missing_package_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="tensorboard is not installed"):
        check_tensorboard(tmp_path)
