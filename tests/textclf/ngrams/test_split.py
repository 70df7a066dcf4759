"""Which rows are held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textclf.corpus.block import TextBlock
from textclf.ngrams.split import settle


def blocks(texts, size=1000):
    return [
        TextBlock.from_texts(texts[i : i + size], np.zeros(len(texts[i : i + size]), np.int32))
        for i in range(0, len(texts), size)
    ]


def held_out(texts, share=0.05, size=1000, seed=1):
    """Return the texts that are held out; the corpus must come through whole."""
    split, corpus = settle(blocks(texts, size), share, seed)
    found, seen = [], []
    for block in corpus:
        own = list(block.texts())
        seen += own
        found += [text for text, kept in zip(own, split.training(block), strict=True) if not kept]
    assert seen == texts
    return found


def test_of_long_texts_the_share_does_not_depend_on_where_blocks_end(monkeypatch):
    monkeypatch.setattr("textclf.ngrams.split._HEAD_BYTES", 20_000)
    shares = {settle(blocks(numbered(6000), size), 0.02, 1)[0].share for size in (1, 7, 1500, 6000)}
    assert len(shares) == 1
    assert 0.02 < shares.pop() < 0.2


def numbered(n):
    return [f"text {i}" for i in range(n)]


def test_of_many_rows_the_share_is_held_out():
    assert len(held_out(numbered(20_000))) == pytest.approx(1000, rel=0.1)


@pytest.mark.parametrize(("rows", "expected"), [(2000, 200), (1000, 200), (500, 100), (100, 20)])
def test_of_few_rows_200_are_held_out_but_at_most_a_fifth(rows, expected):
    assert len(held_out(numbered(rows))) == expected


@given(st.lists(st.text(max_size=5), max_size=40), st.integers(0, 99), st.integers(1, 50))
def test_one_row_is_held_out_of_any_two_texts_and_one_stays(texts, seed, size):
    found = set(held_out(texts, 1e-9, size, seed))
    assert found <= set(texts)
    if len(set(texts)) > 1:
        assert found
        assert found != set(texts)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(0, 99))
def test_equal_texts_fall_on_the_same_side(texts, seed):
    found = held_out(texts, 0.3, 7, seed)
    assert all(found.count(text) == texts.count(text) for text in set(found))


def test_without_a_share_nothing_is_held_out():
    assert held_out(numbered(50), share=0.0) == []
