"""The table of texts, held against dictionaries."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from textclf.duplicates import TextTable


def arrays(
    rows: list[tuple[int, int]],
) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.int64]]:
    """Return (hashes, labels, places) of (hash, label) pairs; places count from 1."""
    return (
        np.array([h for h, _ in rows], dtype=np.uint64),
        np.array([label for _, label in rows], dtype=np.int32),
        np.arange(1, len(rows) + 1, dtype=np.int64),
    )


@settings(deadline=None)  # the first call may compile
@given(
    st.lists(st.tuples(st.integers(0, 40).map(lambda k: k * 0x3779B97F4A7C1), st.integers(0, 3)))
)
def test_counts_are_those_of_a_dictionary(rows: list[tuple[int, int]]) -> None:
    table = TextTable()
    hashes, labels, places = arrays(rows)
    for cut in range(0, len(rows), 7):
        table.add(hashes[cut : cut + 7], labels[cut : cut + 7], places[cut : cut + 7])
    seen = defaultdict(list)
    for text, label in rows:
        seen[text].append(label)
    torn = [found for found in seen.values() if len(set(found)) > 1]
    counts = table.counts()
    assert counts.duplicates == len(rows) - len(seen)
    assert counts.contradictory_texts == len(torn)
    assert counts.contradictory_rows == sum(map(len, torn))
    assert counts.sampled == 1.0


def test_more_texts_than_fit_are_estimated_from_a_sample() -> None:
    random = np.random.default_rng(1)
    distinct = random.integers(0, 1 << 64, 200_000, dtype=np.uint64)
    hashes = np.concatenate([distinct, distinct[:60_000]])
    labels = np.zeros(len(hashes), dtype=np.int32)
    labels[-20_000:] = 1
    table = TextTable(max_texts=20_000)
    for cut in range(0, len(hashes), 9_999):
        part = slice(cut, cut + 9_999)
        table.add(hashes[part], labels[part], np.arange(len(hashes), dtype=np.int64)[part])
    counts = table.counts()
    assert counts.sampled == 1 / 16
    assert table.texts <= 20_000
    assert counts.duplicates == pytest.approx(60_000, rel=0.05)
    assert counts.contradictory_texts == pytest.approx(20_000, rel=0.08)


def test_sample_depends_on_the_texts_and_not_on_their_order() -> None:
    random = np.random.default_rng(2)
    hashes = random.integers(0, 1 << 64, 30_000, dtype=np.uint64).repeat(2)
    tables = []
    for order in (np.arange(60_000), random.permutation(60_000)):
        table = TextTable(max_texts=3_000)
        table.add(hashes[order], np.zeros(60_000, np.int32), order)
        tables.append(table)
    assert tables[0].counts() == tables[1].counts()
    assert tables[0].texts == tables[1].texts


def test_memory_stays_bounded() -> None:
    table = TextTable(max_texts=7_000)
    random = np.random.default_rng(3)
    for _ in range(20):
        hashes = random.integers(0, 1 << 64, 10_000, dtype=np.uint64)
        table.add(hashes, np.zeros(10_000, np.int32), np.arange(10_000, dtype=np.int64))
    assert sum(column.nbytes for column in table._table) == 24 * 8192


def test_examples_are_the_first_of_each_kind() -> None:
    table = TextTable()
    table.add(*arrays([(5, 0), (6, 0), (5, 0), (6, 1), (6, 1), (5, 0)]))
    same, different = table.examples.tolist()
    assert same[:3] == [[1, 3], [1, 6], [-1, -1]]
    assert different[:2] == [[2, 4], [-1, -1]]


def test_texts_are_found_with_their_labels() -> None:
    table = TextTable()
    table.add(*arrays([(5, 0), (6, 1), (6, 2)]))
    hashes, labels, _ = arrays([(7, 0), (5, 0), (6, 1), (5, 1)])
    found, places, differs = table.find(hashes, labels)
    assert found.tolist() == [1, 2, 3]
    assert places.tolist() == [1, 2, 1]
    assert differs.tolist() == [False, True, True]
