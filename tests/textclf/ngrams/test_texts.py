"""The texts of a matrix' columns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textclf.ngrams.texts import NgramTexts

NAMES = st.lists(st.tuples(st.integers(0, 30), st.binary(max_size=9)), max_size=20)


@given(st.lists(NAMES, max_size=6))
def test_texts_come_in_the_order_of_columns(blocks: list[list[tuple[int, bytes]]]) -> None:
    expected, texts = [b""] * 31, NgramTexts(31)
    for block in blocks:
        for column, name in block:
            expected[column] = name
        last = dict(block)  # a column is named by the last
        ends = np.cumsum([0, *map(len, last.values())])
        text = np.frombuffer(b"".join(last.values()), np.uint8)
        texts.add(np.array(list(last), np.int64), text, ends)
    whole, ends = texts.in_order(), texts.ends()
    assert [whole[a:b].tobytes() for a, b in pairwise(ends)] == expected


def test_many_columns_are_gone_over_in_parts() -> None:
    names = [str(i).encode() for i in range(20_000)]
    texts, order = NgramTexts(len(names)), np.random.default_rng(1).permutation(len(names))
    for columns in np.array_split(order, 7):
        found = [names[i] for i in columns]
        texts.add(
            columns, np.frombuffer(b"".join(found), np.uint8), np.cumsum([0, *map(len, found)])
        )
    assert texts.in_order().tobytes() == b"".join(names)
