"""An iterator whose next items are made on a thread while the current one is used."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

_PATIENCE = 2.0  # seconds that closing waits for the thread
_CHECK = 1.0  # seconds after which a consumer that waits looks whether the thread is alive


class _End:
    """Ends the queue: the source is exhausted, was closed, or failed."""

    error: BaseException | None = None


class Prefetcher(Generic[T]):
    """Draws items from an iterable on a thread, a bounded number of them ahead.

    What the iterable raises is raised to the consumer, after the items before it. The thread
    starts with the first item asked for, and ends when the prefetcher is closed or collected.

    Args:
        items: Drawn from, and closed if it is a generator, on the thread only.
        depth: Items made ahead at most.
    """

    def __init__(self, items: Iterable[T], depth: int = 2) -> None:
        self._queue: SimpleQueue[T | _End] = SimpleQueue()
        self._end = _End()
        free, stop = threading.Semaphore(max(1, depth)), threading.Event()
        # The thread must not hold the prefetcher itself, or it would never be collected.
        self._thread = threading.Thread(
            target=_fill,
            args=(items, self._queue, free, stop, self._end),
            name="textclf-prefetch",
            daemon=True,
        )
        self._free, self._stop = free, stop
        self._finalizer = weakref.finalize(self, _halt, self._thread, self._queue, free, stop)
        self._starting = threading.Lock()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._starting:
            if self._thread.ident is None and not self._stop.is_set():
                self._thread.start()
        item = self._next()
        if isinstance(item, _End):
            error, item.error = item.error, None
            self._queue.put(item)  # every later call ends as well
            if error is not None:
                raise error
            raise StopIteration
        self._free.release()
        return item

    def _next(self) -> T | _End:
        while True:
            try:
                return self._queue.get(timeout=_CHECK)
            except Empty:
                if self._thread.is_alive() or not self._queue.empty():
                    continue
            # Without memory, not even the end could be put in the queue.
            if self._end.error is None:
                self._end.error = MemoryError("a thread that works ahead has died")
            return self._end

    def close(self) -> None:
        """Stop the thread and wait for it; items already made are dropped.

        A thread that waits for a pipe cannot be woken; it is left to the end of the process.
        """
        with self._starting:
            self._finalizer()
        while not self._queue.empty():
            self._queue.get()
        self._queue.put(_End())


def _fill(
    items: Iterable[T],
    queue: SimpleQueue[T | _End],
    free: threading.Semaphore,
    stop: threading.Event,
    end: _End,
) -> None:
    try:
        try:
            for item in items:
                free.acquire()
                if stop.is_set():
                    return
                queue.put(item)
        finally:
            if close := getattr(items, "close", None):
                close()
    except BaseException as error:  # noqa: BLE001  # raised again where the items are used
        end.error = error
    finally:
        queue.put(end)


def _halt(
    thread: threading.Thread,
    queue: SimpleQueue[T | _End],
    free: threading.Semaphore,
    stop: threading.Event,
) -> None:
    stop.set()
    free.release()
    queue.put(_End())  # for a consumer that waits
    if thread.ident is not None and thread is not threading.current_thread():
        thread.join(_PATIENCE)
