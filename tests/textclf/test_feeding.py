"""What `model.fit` is fed with."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from textclf.feeding import Feed
from textclf.network import SparseBatch


def one_batch() -> Iterator[tuple[Any, ...]]:
    x = SparseBatch(
        np.array([1], np.int32),
        np.array([[0, 0]], np.int64),
        np.array([1.0], np.float32),
        np.array([2], np.int32),
    )
    yield x, np.array([0], np.int32)


class Generator:
    """A generator of batches that tells of its end."""

    def __init__(self, made: list["Generator"]) -> None:
        self.closed = False
        made.append(self)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return one_batch()

    def close(self) -> None:
        self.closed = True


def test_each_iteration_begins_anew_and_closes_the_one_before() -> None:
    made: list[Generator] = []
    with Feed(lambda: Generator(made), weighted=False) as feed:  # type: ignore[arg-type,return-value]
        assert [y.numpy().tolist() for _, y in feed.dataset] == [[0]]
        assert [y.numpy().tolist() for _, y in feed.dataset] == [[0]]
        assert [generator.closed for generator in made] == [True, False]
    assert made[1].closed


def test_no_thread_tunes_the_feed() -> None:
    with Feed(lambda: Generator([]), weighted=False) as feed:  # type: ignore[arg-type,return-value]
        assert feed.dataset.options().autotune.enabled is False
