"""`kill -9` at moments all over a job: `current` always loads, and the next run goes on.

TEXTCLF_TEST_KILLS is how often a job with a stand-in for the network is killed, and
TEXTCLF_TEST_REAL_KILLS how often one that really trains is; --log-level=INFO shows what was hit.
"""

import collections
import json
import logging
import os
import random
import subprocess
import sys
import time

import pytest
from unattended_jobs import QUICK, environment, hidden, runs

from textclf.classifier import Classifier

KILLS = int(os.environ.get("TEXTCLF_TEST_KILLS", "8"))
REAL_KILLS = int(os.environ.get("TEXTCLF_TEST_REAL_KILLS", "3"))
log = logging.getLogger(__name__)


def started(command, folder, **variables):
    """Start a job, and return it when its run's hidden folder is there."""
    before = set(folder.glob(".run-*"))
    process = subprocess.Popen(
        [*map(str, command)], env=environment(**variables),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    # That of a run that was killed is renamed.
    while not set(folder.glob(".run-*")) - before:
        assert process.poll() is None, "it ended before it began"
        time.sleep(0.001)
    return process


def seconds_of(command, folder, **variables):
    """Return how long a job takes from its beginning on."""
    process = started(command, folder, **variables)
    began = time.monotonic()
    assert process.wait(120) == 0
    return time.monotonic() - began


def where(folder, before):
    """Return what a run that was killed was at."""
    new = set(folder.iterdir()) - before
    if left := [path for path in new if path.name.startswith(".run-")]:
        if (left[0] / "model").exists():
            return "publishing"
        ready = (left[0] / "work" / "prepared.json").exists()
        return "training" if ready else "reading"
    return "publishing"


def killed(command, folder, moment, **variables):
    """Kill a job so many seconds after its beginning; return at what, or None if it had ended."""
    before = {path for path in folder.iterdir() if not path.name.startswith(".run-")}
    process = started(command, folder, **variables)
    time.sleep(moment)
    process.kill()
    return where(folder, before) if process.wait() == -9 else None


def loads(folder):
    """Return whether the published model can be loaded and predicts."""
    try:
        return len(Classifier.load(folder / "current").predict(["a fine film"])) == 1
    except Exception:
        log.exception("current is broken")
        return False


def test_current_always_loads_whenever_a_job_is_killed(quick, tmp_path, job):
    assert quick(*job).returncode == 0
    folder, draw = tmp_path / "models" / "films", random.Random(4)
    command = [*QUICK, *job, "--keep", 3, "--seed"]
    length = seconds_of([*command, 5], folder, QUICK_STEP="0.02")
    hits, broken, late = collections.Counter(), 0, 0
    while hits.total() < KILLS:
        seed = hits.total() % 3
        hit = killed([*command, seed], folder, draw.uniform(0, length), QUICK_STEP="0.02")
        hits[hit] += hit is not None
        late += hit is None
        assert late <= KILLS + 5
        broken += not loads(folder)
    log.info("%d kills: %s; %d more came too late; broken: %d", KILLS, +hits, late, broken)
    assert broken == 0
    result = quick(*job, "--seed", 99, "--keep", 3)
    assert result.returncode == 0, result.stderr
    assert hidden(tmp_path) == []
    assert len(runs(tmp_path)) <= 3


def test_current_always_loads_whichever_change_of_files_is_the_last(quick, tmp_path, job):
    for seed in (1, 2):
        assert quick(*job, "--seed", seed).returncode == 0
    folder = tmp_path / "models" / "films"
    command = [*map(str, [*QUICK, *job, "--keep", 2, "--quiet", "--seed"])]
    counted = environment(QUICK_KILL=f"{folder}:0")
    assert subprocess.run([*command, "3"], env=counted).returncode == 0
    changes = int(folder.with_name("films.changes").read_text())
    assert changes > 20
    # The last ones are those of publishing.
    chosen = sorted({*random.Random(1).sample(range(1, changes + 1), min(KILLS, changes))})
    for number in chosen:
        doomed = environment(QUICK_KILL=f"{folder}:{number}")
        code = subprocess.run([*command, str(number + 10)], env=doomed).returncode
        assert code in (-9, 0)  # fewer changes, where it goes on
        assert loads(folder), number
        if number % 3:  # else the next run finds what several have left
            seed = 4 if number % 3 == 1 else number + 10  # another job, or the same one
            assert quick(*job, "--seed", seed, "--keep", 2).returncode == 0
            assert hidden(tmp_path) == []
            assert len(runs(tmp_path)) == 2
    log.info("killed before %d of %d changes of files", len(chosen), changes)
    assert quick(*job, "--seed", 4, "--keep", 2).returncode == 0
    assert hidden(tmp_path) == []


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_with_the_weights_of_one_that_was_not(tmp_path):
    # This training is shorter than the time from one checkpoint to the next.
    each_epoch = "from textclf import checkpoints; checkpoints.EVERY = 0.0"
    job = [
        sys.executable, "-c", f"{each_epoch}; from textclf.cli.main import run; run()",
        "train", "--dataset", "sample",
        "--set", "training.epochs=12", "--set", "training.patience=12",
        "--set", "training.threads=1", "--models-dir",
    ]  # fmt: skip
    calm, folder = tmp_path / "calm" / "sample", tmp_path / "models" / "sample"
    folder.mkdir(parents=True)
    length = seconds_of([*job, calm.parent], calm)
    wanted = (calm / "current" / "model" / "model.safetensors").read_bytes()
    draw, hits, late, resumed = random.Random(5), collections.Counter(), 0, 0
    while hits.total() < REAL_KILLS:
        # The next one begins further on: of a job that is killed thrice, each in its first half.
        for _ in range(3):
            hit = killed([*job, folder.parent], folder, draw.uniform(0, length / 2))
            hits[hit] += hit is not None
            late += hit is None
        done = subprocess.run(
            [*job, str(folder.parent), "--json"], capture_output=True, text=True, env=environment()
        )
        assert done.returncode == 0, done.stderr
        resumed += json.loads(done.stdout)["resumed"]
        assert (folder / "current" / "model" / "model.safetensors").read_bytes() == wanted
        assert list(folder.glob(".run-*")) == []
    log.info("%s; %d came too late; %d runs went on, all the same", +hits, late, resumed)
