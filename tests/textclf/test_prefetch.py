"""Reading ahead on a thread: in order, bounded, with all errors, and never waiting for the dead."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from queue import SimpleQueue

import pytest

from textclf import prefetch
from textclf.errors import DataError
from textclf.prefetch import Prefetcher


def count(n: int, closed: list[bool] | None = None) -> Generator[int, None, None]:
    try:
        yield from range(n)
    finally:
        if closed is not None:
            closed.append(True)


def test_items_come_in_order() -> None:
    assert list(Prefetcher(count(100))) == list(range(100))


def test_error_comes_after_the_items_before_it() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise DataError("broken")

    items = Prefetcher(failing())
    assert next(items) == 1
    with pytest.raises(DataError, match="broken"):
        next(items)
    assert list(items) == []


def test_closing_stops_the_thread_and_the_iterator() -> None:
    closed: list[bool] = []
    before = threading.active_count()
    items = Prefetcher(count(10**9, closed))
    next(items)
    items.close()
    assert closed == [True]
    assert threading.active_count() == before


def test_reading_is_a_bounded_number_of_items_ahead() -> None:
    drawn: list[int] = []

    def noting() -> Generator[int, None, None]:
        for i in range(100):
            drawn.append(i)
            yield i

    items = Prefetcher(noting(), depth=2)
    next(items)
    deadline = time.monotonic() + 5
    while len(drawn) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(drawn) == 4  # one taken, two waiting, one in the thread's hands
    items.close()


def test_a_thread_that_dies_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_CHECK", 0.05)
    monkeypatch.setattr(prefetch, "_fill", lambda *_: None)
    items = Prefetcher(count(3))
    with pytest.raises(MemoryError, match="has died"):
        next(items)
    assert list(items) == []


def test_items_made_before_the_thread_died_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(items: Generator[int, None, None], queue: SimpleQueue[object], *_: object) -> None:
        for item in items:
            queue.put(item)

    monkeypatch.setattr(prefetch, "_CHECK", 0.05)
    monkeypatch.setattr(prefetch, "_fill", fill)
    items = Prefetcher(count(3))
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(MemoryError):
        next(items)


def test_memory_that_runs_out_on_the_thread_is_told() -> None:
    def greedy() -> Generator[int, None, None]:
        yield 1
        raise MemoryError

    items = Prefetcher(greedy())
    assert next(items) == 1
    with pytest.raises(MemoryError):
        next(items)
