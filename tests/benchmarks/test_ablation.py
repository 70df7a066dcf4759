"""Choices taken back: each is one, and the table compares what is comparable."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.benchmarks.ablation import CHOICES, DEFAULT, split, table
from textclf.settings import Settings, resolve


@pytest.mark.parametrize("name", [name for name in CHOICES if name != DEFAULT])
def test_each_choice_changes_the_default(name: str) -> None:
    assert resolve((), CHOICES[name][1]) != Settings()


def test_rows_held_out_are_not_trained_on(tmp_path: Path) -> None:
    written = [[str(i % 2 + 1), f"text {i}"] for i in range(500)]
    with (tmp_path / "source.csv").open("w") as file:
        csv.writer(file).writerows(written)
    counts = split(tmp_path / "source.csv", tmp_path, None)
    parts = {part: list(csv.reader((tmp_path / f"{part}.csv").open())) for part in counts}
    assert {part: len(found) for part, found in parts.items()} == counts
    assert sorted(parts["train"] + parts["held_out"]) == sorted(written)
    assert 25 <= counts["held_out"] <= 75


def test_the_table_tells_errors_and_costs_relative_to_the_default() -> None:
    def run(accuracy: float, cpu: float) -> list[dict[str, float]]:
        return [{"accuracy": accuracy, "cpu": cpu, "peak_rss_bytes": 100}]

    found = table(
        {
            "a": {"choices": {DEFAULT: run(0.9, 10), "adam": run(0.88, 20)}},
            "b": {"choices": {DEFAULT: run(0.8, 10), "adam": run(0.8, 30)}},
            "c": {"choices": {DEFAULT: run(0.8, 10), "adam": [{"failed": "no memory"}]}},
        }
    )
    assert "| the default | 1.000 | 1.000 | 1.000 | 10.00 | 20.00 | 20.00 |" in found
    assert "| Adam at 1e-3 | 1.100 | 2.500 | 1.000 | 12.00 | 20.00 | failed |" in found
