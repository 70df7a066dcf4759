"""An iterator whose next items are made on a thread while the current one is used."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """Ends the queue: the source is exhausted, was closed, or failed."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Prefetcher(Generic[T]):
    """Draws items from an iterable on a thread, a bounded number of them ahead.

    What the iterable raises is raised to the consumer, after the items before it. The thread
    starts with the first item asked for, and ends when the prefetcher is closed or collected.

    Args:
        items: Drawn from on the thread only.
        depth: Items made ahead at most.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._queue: SimpleQueue[T | _End] = SimpleQueue()
        self._free = threading.Semaphore(max(1, depth))
        self._stop = threading.Event()
        # The thread must not hold the prefetcher itself, or it would never be collected.
        self._thread = threading.Thread(
            target=_fill,
            args=(items, self._queue, self._free, self._stop),
            name="textclf-prefetch",
            daemon=True,
        )
        self._finalizer = weakref.finalize(self, _halt, self._queue, self._free, self._stop)
        self._starting = threading.Lock()
        self._started = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._starting:
            if not self._started and not self._stop.is_set():
                self._thread.start()
                self._started = True
        item = self._queue.get()
        if isinstance(item, _End):
            self._queue.put(_End())  # every later call ends as well
            if item.error is not None:
                raise item.error
            raise StopIteration
        self._free.release()
        return item

    def close(self) -> None:
        """Stop the thread and wait for it; items already made are dropped."""
        self._finalizer()
        with self._starting:
            started = self._started
        if started and threading.current_thread() is not self._thread:
            self._thread.join()
        while not self._queue.empty():
            self._queue.get()
        self._queue.put(_End())


def _fill(
    items: Iterable[T],
    queue: SimpleQueue[T | _End],
    free: threading.Semaphore,
    stop: threading.Event,
) -> None:
    try:
        for item in items:
            free.acquire()
            if stop.is_set():
                return
            queue.put(item)
    except BaseException as error:  # noqa: BLE001  # raised again where the items are used
        queue.put(_End(error))
    else:
        queue.put(_End())


def _halt(queue: SimpleQueue[T | _End], free: threading.Semaphore, stop: threading.Event) -> None:
    stop.set()
    free.release()
    queue.put(_End())  # for a consumer that waits
