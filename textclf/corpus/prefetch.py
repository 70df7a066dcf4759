"""Run an iterator ahead of its consumer, on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 2.0  # seconds that closing waits for the thread


def prefetched(
    start: Callable[[], Generator[T, None, None]], depth: int = 2
) -> Generator[T, None, None]:
    """Yield the items of an iterator that runs on a thread, a few items ahead.

    An error of the iterator is raised to the consumer after the items before it. Closing the
    generator stops the thread and waits for it, so that files are closed when it returns.

    Args:
        start: Makes the iterator; called on the thread.
        depth: Items that may wait.
    """
    items: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                items.put((item, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            with closing(start()) as iterator:
                for item in iterator:
                    put(item, None)
                    if stopped.is_set():
                        return
            put(None, None)
        except BaseException as error:  # noqa: BLE001 - raised again to the consumer
            put(None, error)

    thread = threading.Thread(target=work, name="textclf-read", daemon=True)
    thread.start()
    try:
        while True:
            item, error = items.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        with suppress(queue.Empty):  # wakes the thread if it waits for room
            items.get_nowait()
        # A thread that waits for a pipe cannot be woken; it is left to the end of the process.
        thread.join(_PATIENCE)
