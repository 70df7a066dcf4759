"""Sizes that the data decides, unless the settings do."""

from __future__ import annotations

import pytest

from textclf.settings import NetworkSettings, NgramSettings, TrainingSettings
from textclf.sizes import (
    LITTLE_TEXT,
    with_averaging,
    with_batch_size,
    with_margin,
    with_max_n,
    with_shape,
    with_stopping,
    with_subwords,
)


@pytest.mark.parametrize(
    ("rows", "size"),
    [(1, 32), (2_000, 32), (15_999, 128), (16_000, 256), (65_000, 512), (10**9, 2048)],
)
def test_a_batch_is_about_the_root_of_the_rows(rows: int, size: int) -> None:
    assert with_batch_size(TrainingSettings(), rows).batch_size == size


@pytest.mark.parametrize(("rows", "steps"), [(1, 8), (15_999, 8), (16_000, 0)])
def test_of_few_rows_the_weights_of_several_steps_are_averaged(rows: int, steps: int) -> None:
    assert with_averaging(TrainingSettings(), rows).averaged_steps == steps
    assert with_averaging(TrainingSettings(averaged_steps=3), rows).averaged_steps == 3


@pytest.mark.parametrize(("classes", "longest"), [(2, 3), (16, 3), (17, 2), (200, 2)])
def test_of_many_classes_no_trigrams_are_counted(classes: int, longest: int) -> None:
    assert with_max_n(NgramSettings(), classes).max_n == longest


@pytest.mark.parametrize(
    ("text_bytes", "rare", "longest"),
    [(LITTLE_TEXT, 0.0, 4), (LITTLE_TEXT + 1, 0.29, 0), (10**12, 0.3, 4)],
)
def test_parts_of_words_are_counted_where_little_is_known_of_words(
    text_bytes: int, rare: float, longest: int
) -> None:
    assert with_subwords(NgramSettings(), text_bytes, lambda: rare).subwords == longest


def test_ngrams_of_characters_are_counted_alone() -> None:
    assert with_subwords(NgramSettings(analyzer="char_wb"), 1, lambda: 1.0).subwords == 0


def test_the_longest_ngram_is_no_shorter_than_the_shortest() -> None:
    assert with_max_n(NgramSettings(min_n=4), 20).max_n == 4


def test_ngrams_of_characters_are_as_long_with_many_classes() -> None:
    assert with_max_n(NgramSettings(analyzer="char"), 20).max_n == 3


@pytest.mark.parametrize(("classes", "units"), [(2, 8), (4, 12), (8, 20)])
def test_few_classes_get_four_small_networks(classes: int, units: int) -> None:
    shape = with_shape(NetworkSettings(), classes, 1000)
    assert (shape.members, shape.units) == (4, units)


@pytest.mark.parametrize(("classes", "units"), [(9, 96), (16, 96), (17, 192), (200, 192)])
def test_many_classes_get_one_wide_network(classes: int, units: int) -> None:
    shape = with_shape(NetworkSettings(), classes, 1000)
    assert (shape.members, shape.units) == (1, units)


@pytest.mark.parametrize(("features", "units"), [(100_000, 192), (100_001, 96), (10**7, 96)])
def test_many_features_get_no_more_than_memory_holds(features: int, units: int) -> None:
    assert with_shape(NetworkSettings(), 20, features).units == units


@pytest.mark.parametrize(("classes", "svm"), [(66, True), (67, False)])
def test_machines_are_trained_if_memory_holds_them(classes: int, svm: bool) -> None:
    assert with_shape(NetworkSettings(), classes, 300_000).svm is svm


@pytest.mark.parametrize(("classes", "margin"), [(2, 0.0), (16, 0.0), (17, 20.0)])
def test_rows_of_many_classes_are_to_stand_out(classes: int, margin: float) -> None:
    assert with_margin(TrainingSettings(), classes).margin == margin


@pytest.mark.parametrize(
    ("held_out", "patience", "least"),
    [(0, 2, 0.005), (200, 2, 0.005), (800, 1, 0.05), (10**6, 1, 0.05)],
)
def test_a_loss_of_many_rows_is_believed_sooner(held_out: int, patience: int, least: float) -> None:
    stopping = with_stopping(TrainingSettings(), held_out, 8, svm=True)
    assert (stopping.patience, stopping.tolerance) == (patience, 0.0)
    assert stopping.min_improvement == least


@pytest.mark.parametrize("held_out", [200, 10**6])
@pytest.mark.parametrize(("svm", "patience", "least"), [(True, 1, 0.05), (False, 3, 0.005)])
def test_many_classes_are_trained_on_at_the_same_loss(
    held_out: int, svm: bool, patience: int, least: float
) -> None:
    stopping = with_stopping(TrainingSettings(), held_out, 9, svm=svm)
    assert (stopping.patience, stopping.tolerance) == (patience, 0.02)
    assert stopping.min_improvement == least


def test_what_is_set_stays() -> None:
    assert with_batch_size(TrainingSettings(batch_size=7), 10**6).batch_size == 7
    given = NetworkSettings(units=5, members=2, dropout=0.0, svm=False)
    assert with_shape(given, 100, 10) == given
    assert with_shape(NetworkSettings(members=3), 100, 10).units == 64
    assert with_margin(TrainingSettings(margin=0.0), 100).margin == 0.0
    assert with_max_n(NgramSettings(max_n=3), 100).max_n == 3
    assert with_subwords(NgramSettings(subwords=0), 1, lambda: 1.0).subwords == 0
    stopping = TrainingSettings(patience=9, tolerance=0.0, min_improvement=0.0)
    assert with_stopping(stopping, 10**6, 100, svm=True) == stopping
