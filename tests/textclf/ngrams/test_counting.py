"""Document frequencies by class: exact while there is room, bounded after."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textclf.ngrams.counting import DocumentFrequencies, by_table
from textclf.ngrams.scratch import Scratch

HASHES = st.integers(1, 40).map(lambda n: n * 0x9E3779B97F4A7C15 % 2**64)
ROWS = st.lists(
    st.tuples(st.lists(HASHES, max_size=12), st.integers(0, 2), st.booleans()),
    max_size=30,
)


def add(counter: DocumentFrequencies, rows: list[tuple[list[int], int, bool]]) -> None:
    hashes = np.array([h for row, _, _ in rows for h in row], dtype=np.uint64)
    ends = np.concatenate(([0], np.cumsum([len(row) for row, _, _ in rows]))).astype(np.int64)
    labels = np.array([label for _, label, _ in rows], dtype=np.int32)
    kept = np.array([kept for _, _, kept in rows], dtype=np.bool_)
    counter.add(by_table(hashes, ends, kept, Scratch()), labels)


def expected(rows, min_df=1):
    table = {}
    for row, label, kept in rows:
        for h in set(row) if kept else ():
            table.setdefault(h, [0, 0, 0])[label] += 1
    return {h: c for h, c in sorted(table.items()) if sum(c) >= min_df}


@settings(deadline=None)
@given(ROWS, st.integers(1, 30), st.integers(1, 3))
def test_counts_equal_a_dictionary_for_any_cut_into_blocks(rows, cut, min_df):
    counter = DocumentFrequencies(3, 1 << 20)
    for start in range(0, len(rows), cut):
        add(counter, rows[start : start + cut])
    counts = counter.result(min_df)
    found = dict(zip(counts.hashes.tolist(), counts.by_class.tolist(), strict=True))
    assert found == expected(rows, min_df)
    assert counts.pruned_below == 0


def zipf_rows(n: int) -> list[tuple[list[int], int, bool]]:
    random = np.random.default_rng(1)
    draws = random.zipf(1.3, size=(n, 30)).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return [(row.tolist(), int(random.integers(3)), True) for row in draws]


def test_full_memory_drops_the_rarest_and_keeps_its_promise():
    rows = zipf_rows(3000)
    counter = DocumentFrequencies(3, 100_000)
    add(counter, rows)
    assert counter.nbytes <= 100_000
    counts = counter.result()
    true = {h: sum(c) for h, c in expected(rows).items()}
    assert counts.pruned_below > 0
    for h, df in zip(counts.hashes.tolist(), counts.df.tolist(), strict=True):
        assert true[h] - counts.pruned_below <= df <= true[h]
    kept = set(counts.hashes.tolist())
    assert all(h in kept for h, df in true.items() if df > counts.pruned_below)


def test_pruning_does_not_depend_on_the_blocks():
    rows = zipf_rows(3000)
    whole, pieces = DocumentFrequencies(3, 100_000), DocumentFrequencies(3, 100_000)
    add(whole, rows)
    for start in range(0, len(rows), 7):
        add(pieces, rows[start : start + 7])
    one, other = whole.result(), pieces.result()
    np.testing.assert_array_equal(one.hashes, other.hashes)
    np.testing.assert_array_equal(one.by_class, other.by_class)


def test_where_all_are_frequent_the_least_frequent_go():
    often = [n << 32 for n in range(1, 12)]  # in one table, whose 16 slots take 11
    rows = [([h for i, h in enumerate(often) if row >= 150 * i], 0, True) for row in range(2000)]
    counter = DocumentFrequencies(3, 1)
    add(counter, [*rows, ([12 << 32], 0, True)])
    counts = counter.result()
    assert counts.hashes.tolist() == often[:8]  # the others are in 1, 500, 650 and 800 rows
    assert counts.df.tolist() == [2000 - 150 * i for i in range(8)]
    assert 800 <= counts.pruned_below < 950


def test_once_memory_is_full_an_ngram_is_let_in_when_it_comes_again():
    *often, once, again = (n * 0x9E3779B97F4A7C15 % 2**64 >> 6 for n in range(1, 15))
    rows = [(often[: 1 + row // 10], 0, True) for row in range(120)]  # 11 fit into 16 slots
    counter = DocumentFrequencies(3, 1)
    add(counter, rows)
    add(counter, [([once, again], 0, True), ([again], 0, True)])
    counts = counter.result()
    found = dict(zip(counts.hashes.tolist(), counts.df.tolist(), strict=True))
    assert once not in found
    assert found[again] == 1
    assert found[often[0]] == 120


def test_classes_that_turn_up_late_keep_to_the_memory():
    rows, memory = zipf_rows(3000), 300_000
    counter = DocumentFrequencies(3, memory)
    add(counter, rows)
    assert counter.nbytes > memory / 2
    counter.widen(32)
    assert counter.nbytes <= memory
    add(counter, [(row, 31, kept) for row, _, kept in rows])
    assert counter.nbytes <= memory
    counts = counter.result()
    true = {h: 2 * sum(c) for h, c in expected(rows).items()}
    assert counts.pruned_below > 0
    for h, df in zip(counts.hashes.tolist(), counts.df.tolist(), strict=True):
        assert true[h] - counts.pruned_below <= df <= true[h]


def test_labels_may_turn_up_late():
    counter = DocumentFrequencies(2, 1 << 20)
    add(counter, [([7], 0, True)])
    counter.widen(5)
    add(counter, [([7, 8], 4, True)])
    assert counter.result().by_class.tolist() == [[1, 0, 0, 0, 1], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize("min_df", [1, 2])
def test_classes_can_be_merged(min_df):
    counter = DocumentFrequencies(3, 1 << 20)
    add(counter, [([7, 9], 0, True), ([7], 2, True)])
    counter.merge_classes()
    add(counter, [([7], 0, True)])
    assert counter.result(min_df).by_class.tolist() == [[3], [1]][: 3 - min_df]
