"""Weights kept on disk while training goes on."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from textclf.stored_weights import StoredWeights

Arrays = list[NDArray[np.float32]]


@pytest.fixture
def weights() -> Arrays:
    random = np.random.default_rng(1)
    return [random.random(shape, np.float32) for shape in ((70_001, 30), (30,), (2, 3, 4))]


def stored(weights: Arrays, folder: Path) -> StoredWeights:
    kept = StoredWeights([w.shape for w in weights], folder)
    kept.keep(np.array_split(w, 3) for w in weights)
    return kept


def read(kept: StoredWeights, weights: Arrays) -> Arrays:
    found = [np.zeros_like(weight) for weight in weights]
    kept.read_into(found)
    return found


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert not StoredWeights([(2, 3)], tmp_path).kept


def test_arrays_come_back_as_they_were(weights: Arrays, tmp_path: Path) -> None:
    for found, weight in zip(read(stored(weights, tmp_path), weights), weights, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_blocks_hold_the_same_numbers(weights: Arrays, tmp_path: Path) -> None:
    for found, weight in zip(stored(weights, tmp_path).blocks(), weights, strict=True):
        blocks = list(found.read())
        assert found.shape == weight.shape
        assert max(block.size for block in blocks) <= 1 << 20
        np.testing.assert_array_equal(np.concatenate(blocks), weight.reshape(-1))


def test_what_is_kept_later_takes_the_place_of_the_first(weights: Arrays, tmp_path: Path) -> None:
    kept = stored(weights, tmp_path)
    kept.keep([weight + 1] for weight in weights)
    np.testing.assert_array_equal(read(kept, weights)[1], weights[1] + 1)


def test_no_file_is_left_where_one_could_be_seen(weights: Arrays, tmp_path: Path) -> None:
    kept = stored(weights, tmp_path)
    assert kept.kept
    assert list(tmp_path.iterdir()) == []
