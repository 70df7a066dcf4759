"""SIGTERM, SIGINT and SIGHUP end a job in finite time, wherever it is; two at once are one."""

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from unattended_jobs import QUICK, begun, environment, heed_hangup, hidden, runs

from textclf.cli.console import Console
from textclf.errors import Interrupted
from textclf.pipeline import _removed_unless_resumable

STUCK = """
import ctypes
from textclf.cli.signals import Watch
from textclf.cli.console import json_failure
Watch({grace}, *{more}).start()
mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
libc.pthread_mutex_lock(mutex)
print("stuck", flush=True)
libc.pthread_mutex_lock(mutex)
"""


def stuck(grace, more="()"):
    """Start a process whose main thread waits in the C library for ever."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK.format(grace=grace, more=more)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        preexec_fn=heed_hangup,
    )  # fmt: skip
    assert process.stdout.readline() == "stuck\n"
    time.sleep(0.2)
    return process


def wait_until_caught(process, number):
    """Wait until a process has set a handler of its own for a signal."""
    deadline = time.monotonic() + 60
    while True:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
        if caught >> (number - 1) & 1:
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_stuck_in_a_library_is_ended_after_a_grace(number):
    process = stuck(1)
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert process.stderr.read().startswith(f"textclf: stopped by {number.name}")


def test_its_last_line_is_json_where_lines_are():
    process = stuck(1, "(json_failure,)")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    last = json.loads(process.stderr.read())
    assert (last["level"], last["exit_code"]) == ("error", 143)
    assert last["message"].startswith("stopped by SIGTERM")


def test_a_second_signal_shortens_the_grace():
    process = stuck(1000)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_a_job_stuck_in_a_library_is_ended_and_leaves_nothing(quick, tmp_path, job):
    process = begun(job, wait_for="reading test set", QUICK_HANG="1")
    time.sleep(1)
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
    assert process.wait(10) == 143
    assert len(process.stderr.read().splitlines()) == 1
    assert json.loads(quick(*job, "--json").stdout)["resumed"] is True
    assert hidden(tmp_path) == []


def test_two_signals_at_once_are_one(tmp_path, job):
    process = begun(job)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert "goes on from there" in process.stderr.read().splitlines()[-1]
    assert len(hidden(tmp_path)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_metrics_file_has_the_code_that_a_stopped_job_ends_with(tmp_path, job, number):
    process = begun(job, "--metrics-file", tmp_path / "prom")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    lines = (tmp_path / "prom").read_text().splitlines()
    code = next(line for line in lines if line.startswith("textclf_last_exit_code"))
    assert code.endswith(f" {128 + number}")


def test_a_terminal_that_is_gone_stops_a_job_which_can_be_gone_on_with(tmp_path, job):
    process = begun(job)
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 129
    assert "stopped by SIGHUP" in process.stderr.read().splitlines()[-1]
    assert len(hidden(tmp_path)) == 1


def test_where_bars_can_no_longer_be_drawn_a_job_still_ends_by_the_hangup(tmp_path, job):
    master, slave = pty.openpty()

    def lead():
        heed_hangup()
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [*QUICK, *map(str, job)], env=environment(QUICK_STEP="0.3", TERM="xterm"),
        stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while b"training" not in seen:
        seen += os.read(master, 4096)
    os.close(master)  # the terminal is gone
    assert process.wait(30) == 129
    assert len(hidden(tmp_path)) == 1


def test_a_job_under_nohup_goes_on(tmp_path, job):
    process = begun(job, prefix=["nohup"])
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    assert len(runs(tmp_path)) == 1


def test_a_second_signal_stops_a_long_step_at_once(job):
    process = begun(job, step="600", wait_for="reading test set")
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143


def test_a_job_that_waits_for_the_lock_can_be_stopped(tmp_path, job):
    holder = begun(job)
    waiting = subprocess.Popen(
        [*QUICK, *map(str, job), "--wait", "1h"],
        env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until_caught(waiting, signal.SIGTERM)
    time.sleep(0.5)  # it looks for the lock
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(5) == 143
    assert len(waiting.stderr.read().splitlines()) == 1
    assert holder.wait(30) == 0
    assert len(runs(tmp_path)) == 1


def test_a_job_whose_input_never_comes_can_be_stopped(tmp_path):
    process = subprocess.Popen(
        [*QUICK, "train", "--train-file", "-", "--models-dir", tmp_path / "models"],
        env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdin.write("label,text\na,b\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("models/*/.run-*")):  # it has begun to read
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr.read().endswith("textclf: stopped by SIGINT\n")


def test_a_signal_that_came_before_stopping_cost_nothing_is_not_missed():
    console = Console()
    console._watch.signal = signal.SIGINT
    with pytest.raises(Interrupted, match="stopped by SIGINT"):
        console.stop_at_once()


def test_an_inspection_that_waits_for_input_stops_at_the_first_signal():
    process = subprocess.Popen(
        [sys.executable, "-m", "textclf", "inspect", "-"],
        env=environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until_caught(process, signal.SIGINT)
    time.sleep(1)  # it waits
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr.read() == "textclf: stopped by SIGINT\n"


@pytest.mark.parametrize(
    ("cause", "left"), [(Interrupted("stopped by SIGTERM", signal.SIGTERM), True), (None, False)]
)
def test_what_a_signal_in_a_kernel_leaves_can_be_gone_on_with(tmp_path, cause, left):
    """Of what is raised within a kernel numba makes a SystemError."""
    ready = tmp_path / "run" / "work" / "prepared.json"
    ready.parent.mkdir(parents=True)
    ready.touch()
    with pytest.raises(SystemError), _removed_unless_resumable(tmp_path / "run", "key"):
        raise SystemError("a kernel returned with an exception set") from cause
    assert ready.exists() is left
