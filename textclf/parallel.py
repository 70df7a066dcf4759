"""An ordered map over threads, for kernels that release the GIL."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_CHECK = 1.0  # seconds after which who waits looks whether the threads are alive


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[A], B], items: Iterable[A], workers: int | None = None
) -> Iterator[B]:
    """Yield function(item) for each item, in order, computed a few items ahead on threads.

    Args:
        function: Called on the workers; must be safe to call at once from several threads.
        items: Drawn from on the caller's thread, `workers` + 1 items ahead at most.
        workers: Threads; by default one a core.
    """
    workers = workers or cores()
    pending: deque[Future[B]] = deque()
    with Pool(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pool.result(pending.popleft())
            while pending:
                yield pool.result(pending.popleft())
        finally:
            for future in pending:
                future.cancel()


def live_map(
    function: Callable[[A], B], items: Iterable[A], workers: int | None = None
) -> Iterator[B]:
    """Yield function(item) for each item, in order, each as soon as it is there.

    Unlike `ordered_map`, a result does not wait for the items after it: they are drawn on a
    thread of their own, which is left waiting if the results are not read to their end.

    Args:
        function: Called on the workers; must be safe to call at once from several threads.
        items: Drawn `workers` + 2 items ahead at most.
        workers: Threads; by default one a core.
    """
    workers = workers or cores()
    pending: queue.Queue[Future[B] | BaseException | None] = queue.Queue(workers)
    stopped = threading.Event()
    pool = Pool(workers)

    def put(entry: Future[B] | BaseException | None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                pending.put(entry, timeout=0.1)
                return

    def draw() -> None:
        try:
            for item in items:
                if stopped.is_set():
                    return
                put(pool.submit(function, item))
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again to the consumer
            put(error)

    drawing = threading.Thread(target=draw, name="textclf-draw", daemon=True)
    drawing.start()
    try:
        while (entry := _next(pending, drawing)) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield pool.result(entry)
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)


class Pool(ThreadPoolExecutor):
    """Threads, of which a dead one does not go unnoticed: memory may run out anywhere."""

    def __init__(self, workers: int) -> None:
        self._alive: list[threading.Thread] = []
        super().__init__(workers, "textclf-kernel", self._note)

    def _note(self) -> None:
        self._alive.append(threading.current_thread())

    def whole(self) -> bool:
        """Return whether all threads are alive."""
        return all(thread.is_alive() for thread in self._alive)

    def result(self, future: Future[B]) -> B:
        """Return what a future holds.

        Raises:
            MemoryError: If a thread has died without a word.
        """
        while True:
            whole = self.whole()  # looked at first: one may die after the future is done
            if future.done() or not wait([future], _CHECK).not_done:
                return future.result()
            if not whole:
                raise MemoryError("a thread has died")


def _next(entries: queue.Queue[B], thread: threading.Thread) -> B:
    """Return the next entry of a queue that a thread fills.

    Raises:
        MemoryError: If the thread has died without a word.
    """
    while True:
        alive = thread.is_alive()
        try:
            return entries.get(timeout=_CHECK)
        except queue.Empty:
            if not alive:
                raise MemoryError("a thread that reads ahead has died") from None
