"""Generated text is distributed like language."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import zipf


def test_new_words_keep_appearing_by_heaps_law() -> None:
    ranks = zipf.ranks(1_000_000, np.random.default_rng(1))
    few, many = len(np.unique(ranks[:100_000])), len(np.unique(ranks))
    assert np.log10(many / few) == pytest.approx(1 / (1 + zipf.TAIL), abs=0.06)


def test_frequencies_fall_as_a_power_of_the_rank() -> None:
    ranks = zipf.ranks(1_000_000, np.random.default_rng(1))
    for rank in (1, 10, 100, 1000):
        expected = (1 + rank / zipf.OFFSET) ** -zipf.TAIL
        assert (ranks >= rank).mean() == pytest.approx(expected, abs=0.003)


def test_each_number_has_a_spelling_of_its_own() -> None:
    assert len({zipf.spell(number) for number in range(20_000)}) == 20_000
