"""Run a command as a whole process and say what it cost."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE_EVERY = 0.1  # seconds between looks at a process' children
# What TensorFlow and the tokenizers of others write to stderr only hides the reason of a failure.
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class Cost:
    """What a process and all of its descendants took.

    Attributes:
        wall: Seconds from start to end.
        cpu: Seconds of user and system time.
        peak_rss_bytes: Most memory held at once: the largest that one process had, or the largest
            sum over a process and its descendants seen in looks 0.1 s apart, whichever is more.
        code: Exit code; negative: the signal that ended it; None: it ran out of time.
        stdout: What it printed.
        stderr: What it printed there.
    """

    wall: float
    cpu: float
    peak_rss_bytes: int
    code: int | None
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """Why it failed, in one line; empty if it did not."""
        if self.code == 0:
            return ""
        if self.code is None:
            return f"stopped after {self.wall:.0f} s: out of time"
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        if self.code < 0:
            name = signal.Signals(-self.code).name
            return f"ended by {name}" + (f": {lines[-1]}" if lines else "")
        return lines[-1] if lines else f"exit code {self.code}"


def run(
    command: Sequence[str | Path],
    *,
    timeout: float | None = None,
    stdin: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Cost:
    """Run a command from the root of the checkout, and wait for it.

    Args:
        command: Program and arguments.
        timeout: Seconds until it and its descendants are killed.
        stdin: A file to read from; by default there is nothing to read.
        environment: Variables besides those of this process.

    Raises:
        OSError: If it cannot be started.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with (stdin or Path(os.devnull)).open("rb") as source:
            began = time.perf_counter()
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=source,
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env={**os.environ, **_QUIET, **(environment or {})},
                start_new_session=True,  # so that descendants can be killed with it
            )
            watch = _Watch(process.pid, timeout)
            watch.start()
            try:
                _, status, used = os.wait4(process.pid, 0)
            except BaseException:
                _kill(process.pid)
                process.wait()
                raise
            finally:
                watch.end()
            wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return Cost(
        wall=wall,
        cpu=used.ru_utime + used.ru_stime,
        peak_rss_bytes=_peak(used.ru_maxrss << 10, watch.peak),
        code=None if watch.expired else process.returncode,
        stdout=texts[0],
        stderr=texts[1],
    )


def _peak(told: int, seen: int) -> int:
    """Return the peak in bytes that the system told of, unless it is this process' own.

    A process begins as a copy of the one that starts it, and ru_maxrss counts what that held.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return max(told, seen) if told > own or not seen else seen


def end_with_children() -> None:
    """Have SIGTERM end this process by an exception, so that what it runs is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class _Watch(threading.Thread):
    """Looks at a process tree's memory, and ends it when time is up.

    Args:
        pid: The process.
        timeout: Seconds it may run; None: as long as it wants.
    """

    def __init__(self, pid: int, timeout: float | None) -> None:
        super().__init__(daemon=True)
        self.peak, self.expired = 0, False
        self._pid, self._timeout, self._done = pid, timeout, threading.Event()

    def run(self) -> None:
        """Look until the process has ended."""
        began = time.perf_counter()
        while not self._done.wait(_SAMPLE_EVERY):
            # One that was just begun still shares its parent's memory, and has its command line.
            own = _command_line(self._pid)
            below = [pid for pid in _descendants(self._pid) if _command_line(pid) != own]
            together = sum(map(_rss, [self._pid, *below])) if below else 0
            self.peak = max(self.peak, _high_water(self._pid), together)
            if self._timeout is not None and time.perf_counter() - began > self._timeout:
                self.expired = True
                _kill(self._pid)
                return

    def end(self) -> None:
        """Stop looking."""
        self._done.set()
        self.join()


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _descendants(pid: int) -> list[int]:
    found, ahead = [], [pid]
    while ahead:
        try:
            tasks = [str(task) for task in Path(f"/proc/{ahead.pop()}/task").iterdir()]
        except OSError:  # it has ended, or there is no /proc
            continue
        for task in tasks:
            try:
                children = [int(c) for c in Path(task, "children").read_text().split()]
            except OSError:
                continue
            found += children
            ahead += children
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _high_water(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


def _rss(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
