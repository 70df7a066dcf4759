"""When a network is trained on all rows in the end, and what is judged by held-out rows then."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from textclf.errors import ConfigError, QualityGateError
from textclf.gates import Gates
from textclf.job import TrainingFiles
from textclf.pipeline import Policy, TrainedRun, train
from textclf.refitting import AllRows, rows_to_refit
from textclf.settings import TrainingSettings, resolve

QUICK = ["training.epochs=2", "training.threads=1", "network.units=4", "network.members=1"]


def parts(held_out: int) -> SimpleNamespace:
    shards = SimpleNamespace(n_rows=held_out, n_classes=2, __len__=lambda: 1)
    return SimpleNamespace(train=shards, validation=shards)


@pytest.mark.parametrize(
    ("training", "held_out", "wanted"),
    [
        (TrainingSettings(), 799, True),
        (TrainingSettings(), 800, False),
        (TrainingSettings(), 0, False),
        (TrainingSettings(refit=False), 200, False),
        (TrainingSettings(schedule="linear"), 200, False),
    ],
)
def test_it_is_worth_its_time_where_few_rows_are_held_out(
    training: TrainingSettings, held_out: int, wanted: bool
) -> None:
    assert isinstance(rows_to_refit(parts(held_out), training), AllRows) is wanted


@pytest.fixture
def files(themes: tuple[list[str], list[str]], tmp_path: Path) -> TrainingFiles:
    path = tmp_path / "themes.csv"
    rows = zip(*reversed(themes), strict=True)
    path.write_text("label,text\n" + "".join(f"{a},{b}\n" for a, b in rows))
    return TrainingFiles((str(path),))


def run(files: TrainingFiles, folder: Path, policy: Policy, *overrides: str) -> TrainedRun:
    return train("m", files, resolve((), [*QUICK, *overrides]), folder, policy=policy)


def trained_on(trained: TrainedRun) -> int:
    """Return the rows that the run's report says the model was trained on."""
    report = json.loads((trained.run.folder / "report.json").read_text())
    return sum(report["profile"]["train"])


def first_kernel(trained: TrainedRun) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(trained.run.folder / "model" / "model.safetensors")["layer0.kernel"]


def test_the_model_is_that_of_all_rows_and_the_figures_are_of_rows_it_had_not_seen(
    files: TrainingFiles, tmp_path: Path
) -> None:
    found = run(files, tmp_path / "a", Policy())
    plain = run(files, tmp_path / "b", Policy(), "training.refit=false")
    assert (found.metrics["refit"], plain.metrics["refit"]) == (True, False)
    assert found.metrics["validation"] == plain.metrics["validation"]
    assert not np.array_equal(first_kernel(found), first_kernel(plain))
    samples = found.metrics["samples"]
    assert trained_on(found) == samples["train"] + samples["validation"]
    assert trained_on(plain) == samples["train"]


@pytest.mark.parametrize("policy", [Policy(gates=Gates(max_drop=0.1)), Policy(warm_start=True)])
def test_rows_that_a_later_run_is_judged_by_are_not_trained_on(
    policy: Policy, files: TrainingFiles, tmp_path: Path
) -> None:
    assert not run(files, tmp_path, policy).metrics["refit"]


def test_rows_of_a_validation_file_are_not_trained_on(files: TrainingFiles, tmp_path: Path) -> None:
    both = TrainingFiles(files.train, validation=files.train)
    assert not run(both, tmp_path, Policy()).metrics["refit"]


def published_with(accuracy: float, files: TrainingFiles, folder: Path, *overrides: str) -> None:
    """Publish a model, and have its run say that of its held-out rows."""
    path = run(files, folder, Policy(), *overrides).run.folder / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["validation"]["accuracy"] = accuracy
    path.write_text(json.dumps(metrics))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ()),
        (("training.refit=false",), ("training.seed=7",)),
        (("training.refit=false",), ("training.validation_split=0.4",)),
    ],
)
def test_a_drop_is_measured_from_what_the_published_model_said_before_it_saw_the_rows(
    files: TrainingFiles, tmp_path: Path, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    """It saw them in the end, or held others out."""
    published_with(1.5, files, tmp_path, *before)  # which no model reaches
    with pytest.raises(QualityGateError, match=r"published model's 1\.5000"):
        run(files, tmp_path, Policy(gates=Gates(max_drop=0.1)), *after)


def test_a_drop_is_not_measured_on_rows_that_a_larger_share_holds_out_of_fewer(
    files: TrainingFiles, tmp_path: Path
) -> None:
    published_with(1.5, files, tmp_path, "training.refit=false")
    lines = Path(files.train[0]).read_text().splitlines(keepends=True)
    Path(files.train[0]).write_text("".join(lines[: len(lines) // 2]))
    metrics = next(tmp_path.glob("m/current/metrics.json"))
    found = json.loads(metrics.read_text())
    found["samples"]["train"] *= 2  # as of a corpus of which a smaller share was held out
    metrics.write_text(json.dumps(found))
    with pytest.raises(QualityGateError, match=r"published model's 1\.5000"):
        run(files, tmp_path, Policy(gates=Gates(max_drop=0.1)))


def test_a_label_that_no_row_has_any_more_is_warned_of(
    files: TrainingFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(files, tmp_path, Policy())
    lines = Path(files.train[0]).read_text().splitlines(keepends=True)
    lost = lines[1].partition(",")[0]
    Path(files.train[0]).write_text("".join(x for x in lines if not x.startswith(f"{lost},")))
    assert run(files, tmp_path, Policy()).run.current
    assert f"no row has the label '{lost}'" in caplog.text


def test_a_drop_on_a_validation_file_is_measured_there(
    files: TrainingFiles, tmp_path: Path
) -> None:
    published_with(1.5, files, tmp_path)
    both = TrainingFiles(files.train, validation=files.train)
    assert run(both, tmp_path, Policy(gates=Gates(max_drop=0.1))).run.current


def test_no_training_starts_from_a_model_that_has_seen_its_held_out_rows(
    files: TrainingFiles, tmp_path: Path
) -> None:
    run(files, tmp_path, Policy())
    with pytest.raises(ConfigError, match="refit=false"):
        run(files, tmp_path, Policy(warm_start=True))
