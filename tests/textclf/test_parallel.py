"""Maps over threads keep the order, pass on errors, and do not wait for more than they need."""

import threading
import time
from concurrent.futures import Future

import pytest

from textclf import parallel
from textclf.parallel import live_map, ordered_map


@pytest.mark.parametrize("mapping", [ordered_map, live_map])
def test_results_come_in_the_order_of_the_items(mapping):
    def slow_first(i):
        time.sleep(0.05 if i == 0 else 0)
        return i * i

    assert list(mapping(slow_first, range(50), 4)) == [i * i for i in range(50)]


@pytest.mark.parametrize("mapping", [ordered_map, live_map])
def test_an_error_of_the_function_reaches_the_caller_after_what_came_before(mapping):
    results = mapping(lambda i: 1 // (3 - i), range(9), 2)
    assert [next(results), next(results), next(results)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("mapping", [ordered_map, live_map])
def test_an_error_of_the_items_reaches_the_caller(mapping):
    def items():
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        list(mapping(str, items()))


def test_a_live_result_does_not_wait_for_the_next_item():
    more = threading.Event()

    def items():
        yield 1
        more.wait(10)
        yield 2

    results = live_map(str, items())
    assert next(results) == "1"
    more.set()
    assert list(results) == ["2"]


def test_a_live_map_draws_only_a_few_items_ahead():
    drawn = []
    results = live_map(str, (drawn.append(i) or i for i in range(1000)), 2)
    next(results)
    deadline = time.monotonic() + 5
    while len(drawn) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert 4 <= len(drawn) <= 6
    results.close()


@pytest.mark.parametrize("mapping", [ordered_map, live_map])
def test_a_thread_that_dies_without_a_word_is_noticed(mapping, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(parallel, "_CHECK", 0.05)
    monkeypatch.setattr(Future, "set_result", fail)
    with pytest.raises(MemoryError, match="has died"):
        next(mapping(str, range(3), 2))


def test_a_thread_that_cannot_draw_any_more_is_noticed(monkeypatch):
    real = threading.Thread

    def stillborn(*arguments, target, name=None, **options):
        drawing = name == "textclf-draw"
        target = (lambda *_: None) if drawing else target
        return real(*arguments, target=target, name=name, **options)

    monkeypatch.setattr(parallel, "_CHECK", 0.05)
    monkeypatch.setattr(parallel.threading, "Thread", stillborn)
    with pytest.raises(MemoryError, match="has died"):
        next(live_map(str, range(3)))
