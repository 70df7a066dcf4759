"""Sizes that the data decides, unless the settings do."""

from __future__ import annotations

import pytest

from textclf.settings import NetworkSettings, TrainingSettings
from textclf.sizes import with_batch_size, with_patience, with_units


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 32), (2_000, 32), (20_000, 128), (65_000, 256), (10**9, 1024)]
)
def test_a_batch_is_about_the_root_of_the_rows(rows: int, size: int) -> None:
    assert with_batch_size(TrainingSettings(), rows).batch_size == size


@pytest.mark.parametrize(("classes", "units"), [(2, 16), (8, 16), (9, 32), (200, 32)])
def test_more_classes_get_more_units(classes: int, units: int) -> None:
    assert with_units(NetworkSettings(), classes).units == units


@pytest.mark.parametrize(("held_out", "patience"), [(0, 2), (200, 2), (800, 1), (10**6, 1)])
def test_a_loss_of_many_rows_is_believed_sooner(held_out: int, patience: int) -> None:
    assert with_patience(TrainingSettings(), held_out).patience == patience


def test_what_is_set_stays() -> None:
    assert with_batch_size(TrainingSettings(batch_size=7), 10**6).batch_size == 7
    assert with_units(NetworkSettings(units=5), 100).units == 5
    assert with_patience(TrainingSettings(patience=9), 10**6).patience == 9
