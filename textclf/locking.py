"""One lock for all processes, which the system lets go of when its holder ends, however it ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from textclf.errors import Interrupted, LockedError
from textclf.writing import unwritable

_POLL = 0.5  # seconds of waiting, after which it is asked whether to go on


@contextmanager
def held(file: Path, wait: float, should_stop: Callable[[], bool]) -> Iterator[None]:
    """Hold a lock.

    Args:
        file: Made if need be, and its folder.
        wait: Seconds to wait for the lock.
        should_stop: Asked while waiting; True ends that.

    Raises:
        Interrupted: If `should_stop` said so.
        LockedError: If another process has it.
        OutputError: If the folder cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file)
        deadline = time.monotonic() + wait
        while not lock.is_locked:
            left = deadline - time.monotonic()
            with suppress(Timeout) if left > 0 else nullcontext():
                lock.acquire(max(0.0, min(left, _POLL)))
            if not lock.is_locked and should_stop():
                raise Interrupted("stopped while it waited for the lock", signal.SIGTERM)
    except Timeout as error:
        raise LockedError(
            "another run holds the lock",
            where=str(file.parent),
            remedy="wait for it to end, or give --wait 30m",
        ) from error
    except OSError as error:
        remedy = "give --models-dir with a folder that you may write to"
        raise unwritable(file.parent, error, remedy) from error
    try:
        yield
    finally:
        lock.release()
