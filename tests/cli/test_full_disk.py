"""A disk that is really full, at each stage of a job: one line, and nothing lost or left over."""

import contextlib
import subprocess
import sys
import time

import pytest
from unattended_jobs import QUICK, environment

from textclf.classifier import Classifier
from textclf.runs import RunStore

SAMPLE = ["train", "--dataset", "sample", "--quiet"]


def run(command, models, *more, **variables):
    return subprocess.run(
        [*command, *SAMPLE, "--models-dir", str(models), *more],
        capture_output=True, text=True, env=environment(**variables), timeout=240,
    )  # fmt: skip


def check_refused(code, said, models, before):
    assert code == 73, said
    assert len(said.splitlines()) == 1
    assert "No space left" in said
    assert RunStore(models, "sample").current() == before
    Classifier.load(before.folder)
    assert {p.name for p in (models / "sample").glob(".*")} <= {".lock", ".published"}


def check_goes_on(models, before):
    """Check that once there is room again, the next run is published and leaves nothing."""
    assert run(QUICK, models, "--seed", "2").returncode == 0
    assert RunStore(models, "sample").current() != before
    assert {p.name for p in (models / "sample").glob(".*")} <= {".lock", ".published"}


@pytest.mark.parametrize("stage", ["reading", "publishing"])
def test_while_reading_and_publishing(mounted, stage):
    models = mounted("-t", "tmpfs", "-o", "size=20m", "tmpfs")
    assert run(QUICK, models).returncode == 0
    before = RunStore(models, "sample").current()
    filler = models / "filler"
    full = run(QUICK, models, "--seed", "2", QUICK_FILL=f"{stage}:{filler}")
    check_refused(full.returncode, full.stderr, models, before)
    filler.unlink()
    check_goes_on(models, before)


@pytest.mark.slow
def test_while_a_checkpoint_is_written(mounted):
    models = mounted("-t", "tmpfs", "-o", "size=40m", "tmpfs")
    assert run(QUICK, models).returncode == 0
    before = RunStore(models, "sample").current()
    endless = ["--seed", "2", "--set", "training.epochs=1000", "--set", "training.patience=1000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "textclf", *SAMPLE, "--models-dir", str(models), *endless],
        stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    while not list((models / "sample").glob(".run-*/work/checkpoint/checkpoint.npz")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    filler = models / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    said = process.communicate(timeout=120)[1]
    check_refused(process.returncode, said, models, before)
    filler.unlink()
    check_goes_on(models, before)
