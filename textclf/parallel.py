"""An ordered map over threads, for kernels that release the GIL."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


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
    with ThreadPoolExecutor(workers, thread_name_prefix="textclf-kernel") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
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
    pool = ThreadPoolExecutor(workers, thread_name_prefix="textclf-kernel")

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

    threading.Thread(target=draw, name="textclf-draw", daemon=True).start()
    try:
        while (entry := pending.get()) is not None:
            if isinstance(entry, BaseException):
                raise entry
            yield entry.result()
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
