"""The batch generator."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array, vstack

from textclf.batches import BatchGenerator, steps_per_epoch
from textclf.ngrams.shards import Shard

layouts = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)


def numbered(layout: Sequence[int]) -> list[Shard]:
    """Return shards whose rows hold their own number, counted through, as value and class."""
    shards, first = [], 1
    for rows in layout:
        numbers = np.arange(first, first + rows)
        x = csr_matrix(
            (numbers.astype(np.float32), (np.arange(rows), numbers % 7)), shape=(rows, 7)
        )
        shards.append(Shard(x, numbers.astype(np.int32)))
        first += rows
    return shards


def drawn(shards: Sequence[Shard], batches: int, size: int, **options: Any) -> list[list[int]]:
    """Return the numbers of the rows in each of the first batches."""
    with BatchGenerator(shards, size, **({"seed": 5} | options)) as generator:
        found = []
        for x, y in islice(generator, batches):
            assert x.sum(axis=1).ravel().tolist()[0] == y.tolist()
            found.append(y.tolist())
        return found


@given(layouts, st.integers(1, 50), st.integers(1, 4), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_each_epoch_has_every_row_once_in_full_batches_and_a_short_one(
    layout: list[int], size: int, epochs: int, seed: int
) -> None:
    n = sum(layout)
    steps = steps_per_epoch(n, size)
    batches = drawn(numbered(layout), steps * epochs, size, seed=seed)
    for epoch in range(epochs):
        own = batches[epoch * steps : (epoch + 1) * steps]
        assert Counter(number for batch in own for number in batch) == Counter(range(1, n + 1))
        assert [len(batch) for batch in own[:-1]] == [size] * (steps - 1)
        assert len(own[-1]) == n - size * (steps - 1)


@given(layouts, st.integers(1, 12), st.integers(0, 3), st.data())
@settings(max_examples=100, deadline=None)
def test_it_resumes_at_any_position(
    layout: list[int], size: int, epoch: int, data: st.DataObject
) -> None:
    steps = steps_per_epoch(sum(layout), size)
    step = data.draw(st.integers(0, steps))
    whole = drawn(numbered(layout), steps * (epoch + 2), size)
    rest = drawn(numbered(layout), 2 * steps - step, size, start_epoch=epoch, start_step=step)
    assert rest == whole[epoch * steps + step :]


@given(layouts, st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_without_shuffling_rows_come_as_they_lie(layout: list[int], size: int) -> None:
    n = sum(layout)
    batches = drawn(numbered(layout), 2 * steps_per_epoch(n, size), size, shuffle=False)
    assert [number for batch in batches for number in batch] == [*range(1, n + 1)] * 2


def test_the_order_is_new_each_epoch_and_for_each_seed() -> None:
    shards = numbered([40, 30, 30])
    first, second = drawn(shards, 2, 100)
    (other,) = drawn(shards, 1, 100, seed=6)
    assert len({tuple(first), tuple(second), tuple(other)}) == 3
    assert drawn(shards, 2, 100) == [first, second]


def test_rows_are_those_of_the_matrix() -> None:
    x = csr_matrix(random_array((50, 30), density=0.2, rng=1, dtype=np.float32))
    shards = [Shard(x[:20], np.arange(20)), Shard(x[20:], np.arange(20, 50))]
    with BatchGenerator(shards, 16, seed=1) as generator:
        batches = list(islice(generator, 4))
    y = np.concatenate([y for _, y in batches])
    assert (vstack([x for x, _ in batches]) != x[y]).nnz == 0
    assert {batch[0].dtype for batch in batches} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("n", "size", "steps"), [(10, 5, 2), (11, 5, 3), (1, 512, 1), (0, 3, 0)])
def test_steps_are_rounded_up(n: int, size: int, steps: int) -> None:
    assert steps_per_epoch(n, size) == steps


def test_class_weights_become_the_third_element() -> None:
    shards = [Shard(csr_matrix((4, 2), dtype=np.float32), np.array([0, 1, 1, 2], np.int32))]
    weight = np.array([0.5, 2.0, 9.0], np.float32)
    with BatchGenerator(shards, 4, seed=1, class_weight=weight) as generator:
        _, y, weights = next(generator)
    assert weights.tolist() == weight[y].tolist()


def test_no_rows_are_an_error() -> None:
    with pytest.raises(ValueError, match="no rows"):
        BatchGenerator(numbered([0, 0]), 4, seed=1)


class Counting(Sequence[Shard]):
    """Shards that say how many of them are alive, and fail where told to."""

    def __init__(self, shards: list[Shard], fail_at: int = -1) -> None:
        self.shards, self.fail_at = shards, fail_at
        self.reads = self.most = 0
        self.alive: list[weakref.ref[csr_matrix]] = []

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, i: Any) -> Any:
        self.reads += 1
        if self.reads == self.fail_at:
            raise OSError("the disk is gone")
        x = self.shards[i].x.copy()
        self.alive.append(weakref.ref(x))
        self.most = max(self.most, sum(ref() is not None for ref in self.alive))
        return Shard(x, self.shards[i].y)


def test_one_shard_is_held_at_a_time() -> None:
    shards = Counting(numbered([8] * 10))
    with BatchGenerator(shards, 5, seed=1) as generator:
        for _ in islice(generator, 40):
            pass
    assert shards.reads > 20
    assert shards.most <= 2


def test_batches_are_made_ahead_but_not_without_bound() -> None:
    made: list[int] = []
    with BatchGenerator(
        numbered([100]), 1, seed=1, prefetch=3, transform=lambda x: made.append(1)
    ) as generator:
        next(generator)
        deadline = time.monotonic() + 5
        while len(made) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        # One taken, three waiting, one in the thread's hands.
        assert len(made) == 5


def test_an_error_of_the_thread_reaches_the_consumer_after_the_batches_before_it() -> None:
    generator = BatchGenerator(Counting(numbered([4, 4]), fail_at=5), 4, seed=1)
    next(generator)
    with pytest.raises(OSError, match="disk is gone"):
        next(generator)
    with pytest.raises(StopIteration):
        next(generator)


def threads() -> list[threading.Thread]:
    """Return the live threads of generators."""
    return [t for t in threading.enumerate() if t.name == "textclf-prefetch"]


def test_closing_ends_the_thread_and_the_iteration() -> None:
    generator = BatchGenerator(numbered([100]), 1, seed=1)
    next(generator)
    generator.close()
    assert threads() == []
    assert list(islice(generator, 1)) == []


def test_a_consumer_that_waits_is_released_by_closing() -> None:
    blocked = threading.Event()

    def slow(_: Any) -> None:
        blocked.wait(5)

    generator = BatchGenerator(numbered([4]), 1, seed=1, transform=slow)
    found: list[Any] = []
    consumer = threading.Thread(target=lambda: found.extend(islice(generator, 1)))
    consumer.start()
    threading.Timer(0.1, blocked.set).start()
    generator.close()
    consumer.join(5)
    assert not consumer.is_alive()


def test_a_forgotten_generator_leaves_no_thread() -> None:
    generator: Iterator[Any] | None = BatchGenerator(numbered([100]), 1, seed=1)
    assert generator is not None
    next(generator)
    generator = None
    gc.collect()
    for thread in threads():
        thread.join(5)
    assert threads() == []
