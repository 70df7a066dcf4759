"""Memory that runs out: one line where that can be told, and never more than a kill leaves."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from unattended_jobs import QUICK, begun, environment, hidden, metrics, published, runs

from textclf.classifier import Classifier
from textclf.errors import OutOfMemoryError
from textclf.memory import is_out_of_memory, memory_errors

CGROUPS = Path("/sys/fs/cgroup/memory")
REAL = [sys.executable, "-m", "textclf", "train", "--dataset", "sample", "--quiet"]
REAL += ["--set", "training.epochs=2"]


def test_a_step_without_memory_ends_with_71_and_one_line(quick, tmp_path, job):
    assert quick(*job).returncode == 0
    before = published(tmp_path)
    result = quick(*job, "--seed", 2, env={"QUICK_EAT": str(1 << 30)})
    assert result.returncode == 71
    assert result.stderr.splitlines()[-1].startswith("textclf: memory ran out (Unable to allocate")
    assert "Traceback" not in result.stderr
    assert published(tmp_path) == before
    assert hidden(tmp_path) == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment from shared object"),
    ],
)
def test_what_says_that_memory_ran_out_becomes_one_error(error):
    with pytest.raises(OutOfMemoryError, match="memory ran out"), memory_errors():
        raise error


def test_what_tensorflow_says_of_memory_is_known():
    from textclf.tensorflow_runtime import load_tensorflow

    errors = load_tensorflow(lean=True).errors
    assert is_out_of_memory(errors.ResourceExhaustedError(None, None, "OOM when allocating"))
    assert not is_out_of_memory(errors.InternalError(None, None, "else"))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, ""), RuntimeError("x"), ImportError("y")])
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as found, memory_errors():
        raise error
    assert found.value is error


def test_too_small_an_address_space_is_refused_at_once(tmp_path):
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 1000000; exec "$@"', "sh", *REAL, "--models-dir", str(tmp_path)],
        capture_output=True, text=True, env=environment(), timeout=30,
    )  # fmt: skip
    assert done.returncode == 71
    assert len(done.stderr.splitlines()) == 1
    assert "ulimit -v" in done.stderr


@pytest.mark.parametrize("room", [40, 80, 160])
def test_a_job_with_little_address_space_ends_and_the_next_one_cleans_up(
    quick, tmp_path, job, room
):
    """How it ends depends on who is refused first: Python, LLVM (which aborts), ..."""
    assert quick(*job).returncode == 0
    done = subprocess.run(
        [*QUICK, *map(str, job), "--seed", "2", "--quiet"],
        capture_output=True, text=True, env=environment(QUICK_ROOM=str(room)), timeout=60,
    )  # fmt: skip
    assert done.returncode in (0, 71, -6, -11)
    if done.returncode == 71:
        assert len(done.stderr.splitlines()) == 1
    Classifier.load(tmp_path / "models" / "films" / "current")
    assert quick(*job, "--seed", 3).returncode == 0
    assert hidden(tmp_path) == []


@pytest.fixture
def cgroup():
    """Make a group of processes with little memory; skip where that is not permitted."""
    group = CGROUPS / f"textclf-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made ({error.strerror})")

    def limit(mib):
        (group / "memory.limit_in_bytes").write_text(f"{mib}M")
        return ["sh", "-c", f'echo $$ >{group}/cgroup.procs; exec "$@"', "sh"]

    greedy = [*limit(50), sys.executable, "-c", "len(bytes(200 << 20))"]
    if subprocess.run(greedy, capture_output=True).returncode != -9:
        group.rmdir()
        pytest.skip("the system does not enforce the limits of memory cgroups")
    yield limit
    group.rmdir()


@pytest.mark.slow
def test_a_job_that_the_system_kills_for_its_memory_is_gone_on_with(tmp_path, cgroup):
    """TensorFlow alone takes more than that: the killer comes when the shards are there."""
    job = [*REAL, "--models-dir", str(tmp_path), "--set", "training.threads=1"]
    first = subprocess.run(job, capture_output=True, text=True, env=environment())
    assert first.returncode == 0, first.stderr
    models = tmp_path / "sample"
    before = (models / "current").resolve()
    again = [*job, "--seed", "2"]
    killed = subprocess.run([*cgroup(300), *again], capture_output=True, env=environment())
    assert killed.returncode == -9
    assert (models / "current").resolve() == before
    Classifier.load(models / "current")
    assert len(list(models.glob(".run-*"))) == 1
    done = subprocess.run(again, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    assert list(models.glob(".run-*")) == []
    assert (models / "current").resolve() != before


def test_a_job_that_is_aborted_is_gone_on_with(quick, tmp_path, job):
    process = begun(job)
    process.send_signal(6)
    assert process.wait(30) == -6
    assert quick(*job).returncode == 0
    assert metrics(runs(tmp_path)[0])["resumed"] is True
    assert hidden(tmp_path) == []
