"""What `model.fit` is fed with."""

from typing import Any

import numpy as np

from textclf.feeding import Feed
from textclf.sparse_batches import SparseBatch


class Generator:
    """An endless generator of batches that tells of its end."""

    def __init__(self, label: int, made: list["Generator"]) -> None:
        self.label, self.closed = label, False
        made.append(self)

    def __next__(self) -> tuple[Any, ...]:
        one, none = np.array([1], np.int32), np.array([0], np.int32)
        x = SparseBatch(one, none, np.array([1.0], np.float32), one, one, none, none)
        return x, np.array([self.label], np.int32)

    def close(self) -> None:
        self.closed = True


def test_each_iteration_begins_anew_and_closes_the_one_before() -> None:
    made: list[Generator] = []
    with Feed(lambda i: Generator(i, made), 2, weighted=False) as feed:  # type: ignore[arg-type,return-value]
        assert [y.numpy().tolist() for _, y in feed.dataset] == [[0], [0]]
        assert [y.numpy().tolist() for _, y in feed.dataset] == [[1], [1]]
        assert [generator.closed for generator in made] == [True, False]
    assert made[1].closed


def test_no_thread_tunes_the_feed() -> None:
    with Feed(lambda i: Generator(i, []), 1, weighted=False) as feed:  # type: ignore[arg-type,return-value]
        assert feed.dataset.options().autotune.enabled is False
