from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textclf.corpus.block import TextBlock
from textclf.corpus.labels import LabelMap


@given(st.lists(st.text(max_size=5), max_size=5))
def test_texts_come_back(texts: list[str]) -> None:
    assert TextBlock.from_texts(texts).texts() == texts


def test_lone_surrogates_are_replaced() -> None:
    block = TextBlock.from_texts(["a\ud800b", "\U0001f600"], [3, 4])
    assert block.texts() == ["a\ufffdb", "\U0001f600"]
    assert block.labels is not None
    assert block.labels.tolist() == [3, 4]


def test_labels_are_coded_in_order_of_appearance() -> None:
    labels = LabelMap()
    assert labels.encode([" b", "a\u00a0", "b"]).tolist() == [0, 1, 0]
    assert labels.names == ["b", "a"]


def test_frozen_map_does_not_know_new_labels() -> None:
    labels = LabelMap(["a"]).freeze()
    assert labels.encode(["a", "b"]).tolist() == [0, -1]
    assert labels.names == ["a"]


@given(st.lists(st.integers(-20, 20).map(str) | st.text(min_size=1, max_size=2)))
def test_remapped_codes_mean_the_same_labels(values: list[str]) -> None:
    labels = LabelMap()
    codes = labels.encode(values)
    ordered, remap = labels.sorted()
    assert [ordered.names[c] for c in remap[codes]] == [value.strip() for value in values]
    assert sorted(ordered.names) == sorted(labels.names)


def test_integers_sort_by_value_and_before_names() -> None:
    ordered, _ = LabelMap(["b", "10", "é", "9", "-1", "B"]).sorted()
    assert ordered.names == ["-1", "9", "10", "B", "b", "é"]
    assert ordered.encode(["9"]).dtype == np.int32


@given(st.lists(st.text(max_size=20)), st.integers(1, 40))
def test_pieces_hold_every_row_once_in_order_and_no_more_text_than_asked_for(
    texts: list[str], most: int
) -> None:
    block = TextBlock.from_texts(texts, np.arange(len(texts), dtype=np.int32))
    pieces = list(block.pieces(most))
    assert [text for piece in pieces for text in piece.texts()] == block.texts()
    labels = [piece.labels for piece in pieces if piece.labels is not None]
    assert [label for part in labels for label in part.tolist()] == list(range(len(texts)))
    assert [row for piece in pieces for row in piece.rows.tolist()] == block.rows.tolist()
    assert all(len(piece) == 1 or len(piece.text) <= most for piece in pieces)


@given(st.lists(st.text(max_size=20)), st.integers(1, 9))
def test_parts_hold_every_row_once_in_order_and_no_more_rows_than_asked_for(
    texts: list[str], most: int
) -> None:
    block = TextBlock.from_texts(texts)
    parts = list(block.parts(most))
    assert [text for part in parts for text in part.texts()] == texts
    assert all(len(part) <= most for part in parts)
