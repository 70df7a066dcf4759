"""SIGINT, SIGTERM and SIGHUP end a command in finite time, whatever it is busy with."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from textclf.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 60.0  # seconds in which a command that was asked to stop must have ended
_AT_ONCE = 3.0  # seconds of them that are left once it is asked again
_TWICE = 1.0  # seconds in which a second signal is the first: timeout(1) sends two


class Watch:
    """Notes that a signal asked to stop, and sees to it that the process ends.

    The first signal is noted, for the command to stop where it can be resumed. The second raises
    `Interrupted`. Python's handlers run on the main thread, between two of its instructions:
    never, if it waits in a library for what does not come. So a thread is told of signals too,
    and ends the process when `grace` is over. What that leaves behind is what a kill leaves.

    Attributes:
        signal: The first signal's number; 0 before there was one.
        idle: Whether nothing is lost if the first signal raises `Interrupted` too.

    Args:
        grace: Seconds from the first signal to the end.
        last_line: Makes the line that says so of a message and an exit code.
    """

    def __init__(
        self,
        grace: float = GRACE,
        last_line: Callable[[str, int], str] = lambda message, _: f"textclf: {message}",
    ) -> None:
        self.signal, self.idle = 0, False
        self._grace, self._noted = grace, 0.0
        self._last_line = last_line
        self._handlers: dict[int, Any] = {}
        self._tell, self._before = -1, -1

    def start(self) -> None:
        """Take over the signals; call on the main thread."""
        for number in STOPPING:
            # What is ignored stays so: nohup has a job go on when the terminal is gone.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._on_signal)
        told, self._tell = os.pipe()
        os.set_blocking(self._tell, False)
        self._before = signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)
        threading.Thread(
            target=_watch,
            args=(told, self._grace, self._last_line),
            name="textclf-signals",
            daemon=True,
        ).start()

    def stop(self) -> None:
        """Give the signals back; but once one came, let no other disturb the end."""
        if self.signal:
            for other in STOPPING:
                signal.signal(other, signal.SIG_IGN)
            return
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        os.close(self._tell)  # which ends the thread

    def _on_signal(self, number: int, _: object) -> None:
        now = time.monotonic()
        if not self.signal:
            self.signal, self._noted = number, now
            if self.idle:
                raise Interrupted(f"stopped by {signal.Signals(number).name}", number)
        elif now - self._noted > _TWICE:
            raise Interrupted(f"stopped at once by {signal.Signals(number).name}", number)


def _watch(told: int, grace: float, last_line: Callable[[str, int], str]) -> None:
    numbers = os.read(told, 1)
    if not numbers:
        os.close(told)
        return
    noted = time.monotonic()
    deadline = noted + grace
    while (left := deadline - time.monotonic()) > 0:
        if select.select([told], [], [], left)[0]:
            os.read(told, 1)
            if time.monotonic() - noted > _TWICE:
                deadline = min(deadline, time.monotonic() + _AT_ONCE)
    name, code = signal.Signals(numbers[0]).name, 128 + numbers[0]
    line = last_line(f"stopped by {name}, while something did not end: given up", code)
    with suppress(OSError):
        if select.select([], [2], [], 0)[1]:  # a full pipe would keep it here
            os.write(2, f"{line}\n".encode())
    os._exit(code)
