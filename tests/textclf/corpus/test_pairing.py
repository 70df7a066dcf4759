"""Two readings of the same rows, cut alike."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textclf.corpus.block import TextBlock
from textclf.corpus.pairing import paired
from textclf.errors import DataError


def cut(rows, ends, mark):
    """Return blocks of rows, cut at some places."""
    places = sorted({0, len(rows), *(end % (len(rows) + 1) for end in ends)})
    for first, last in itertools.pairwise(places):
        texts = [f"{mark}{row}".encode() for row in rows[first:last]]
        labels = np.zeros(len(texts), np.int32)
        yield TextBlock.from_bytes(texts, labels, np.array(rows[first:last], np.int64), "a.csv")


places = st.lists(st.integers(0, 100), max_size=6)


@given(st.integers(0, 40), places, places)
def test_wherever_they_are_cut_the_rows_are_side_by_side(n, ours, theirs):
    rows = list(range(1, n + 1))
    found = list(paired(cut(rows, ours, "a"), cut(rows, theirs, "b")))
    assert all(a.rows.tolist() == b.rows.tolist() for a, b in found)
    assert [text for a, _ in found for text in a.texts()] == [f"a{row}" for row in rows]
    assert [text for _, b in found for text in b.texts()] == [f"b{row}" for row in rows]


@pytest.mark.parametrize("second", [[1, 2], [1, 3], [1, 2, 3, 4], []])
def test_a_row_that_only_one_has_is_told(second):
    with pytest.raises(DataError, match=r"a\.csv, row \d: is a good row for one of the models"):
        list(paired(cut([1, 2, 3], [2], "a"), cut(second, [1], "b")))
