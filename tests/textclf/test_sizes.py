"""Sizes that the data decides, unless the settings do."""

from __future__ import annotations

import pytest

from textclf.settings import NetworkSettings, NgramSettings, TrainingSettings
from textclf.sizes import with_batch_size, with_max_n, with_patience, with_units


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 32), (2_000, 32), (20_000, 128), (65_000, 256), (10**9, 1024)]
)
def test_a_batch_is_about_the_root_of_the_rows(rows: int, size: int) -> None:
    assert with_batch_size(TrainingSettings(), rows).batch_size == size


@pytest.mark.parametrize(("classes", "longest"), [(2, 3), (8, 3), (9, 2), (200, 2)])
def test_of_many_classes_no_trigrams_are_counted(classes: int, longest: int) -> None:
    assert with_max_n(NgramSettings(), classes).max_n == longest


def test_the_longest_ngram_is_no_shorter_than_the_shortest() -> None:
    assert with_max_n(NgramSettings(min_n=4), 20).max_n == 4


def test_ngrams_of_characters_are_as_long_with_many_classes() -> None:
    assert with_max_n(NgramSettings(analyzer="char"), 20).max_n == 3


@pytest.mark.parametrize(
    ("classes", "units"), [(2, 16), (8, 16), (9, 32), (16, 32), (17, 64), (200, 64)]
)
def test_more_classes_get_more_units(classes: int, units: int) -> None:
    assert with_units(NetworkSettings(), classes, 1000).units == units


@pytest.mark.parametrize(("features", "units"), [(150_000, 64), (150_001, 32), (10**7, 32)])
def test_many_features_get_no_more_than_memory_holds(features: int, units: int) -> None:
    assert with_units(NetworkSettings(), 20, features).units == units


@pytest.mark.parametrize(("held_out", "patience"), [(0, 2), (200, 2), (800, 1), (10**6, 1)])
def test_a_loss_of_many_rows_is_believed_sooner(held_out: int, patience: int) -> None:
    assert with_patience(TrainingSettings(), held_out).patience == patience


def test_what_is_set_stays() -> None:
    assert with_batch_size(TrainingSettings(batch_size=7), 10**6).batch_size == 7
    assert with_units(NetworkSettings(units=5), 100, 10).units == 5
    assert with_max_n(NgramSettings(max_n=3), 100).max_n == 3
    assert with_patience(TrainingSettings(patience=9), 10**6).patience == 9
