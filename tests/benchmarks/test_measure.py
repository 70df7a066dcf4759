"""What a process cost, against processes whose cost is known."""

from __future__ import annotations

import sys

from tests.benchmarks.measure import run

_HOLD = "import time; held = bytearray(b'x') * (200 << 20); time.sleep(0.5)"


def _python(code: str, timeout: float | None = None):  # type: ignore[no-untyped-def]
    return run([sys.executable, "-c", code], timeout=timeout)


def test_sleeping_takes_time_but_no_cpu() -> None:
    cost = _python("import time; time.sleep(1)")
    assert 1 <= cost.wall < 10
    assert cost.cpu < 0.7


def test_working_takes_cpu() -> None:
    assert _python("import time\nwhile time.process_time() < 0.5: pass").cpu >= 0.5


def test_memory_is_the_peak_of_the_process() -> None:
    assert 200 << 20 <= _python(_HOLD).peak_rss_bytes < 280 << 20


def test_children_held_at_once_add_up() -> None:
    # Each holds its memory until told to end, and neither is told before both hold theirs.
    child = "held = bytearray(b'x') * (200 << 20); print(flush=True); input()"
    cost = _python(f"""
import subprocess, sys, time
command = [sys.executable, "-c", {child!r}]
pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
children = [subprocess.Popen(command, **pipes) for _ in range(2)]
for child in children:
    child.stdout.readline()
time.sleep(1)  # several looks
for child in children:
    child.communicate("\\n")
""")
    assert cost.peak_rss_bytes >= 400 << 20


def test_cpu_of_children_counts() -> None:
    code = "import time\nwhile time.process_time() < 0.5: pass"
    cost = _python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])")
    assert cost.cpu >= 0.5


def test_a_process_out_of_time_is_stopped() -> None:
    cost = _python("import time; time.sleep(60)", timeout=0.5)
    assert cost.wall < 10
    assert "out of time" in cost.reason


def test_a_failure_is_told_by_its_last_line() -> None:
    assert _python("raise ValueError('no such thing')").reason == "ValueError: no such thing"


def test_memory_of_the_measuring_process_is_not_counted() -> None:
    held = bytearray(b"x") * (300 << 20)
    assert _python("import time; time.sleep(0.5)").peak_rss_bytes < 100 << 20
    del held
