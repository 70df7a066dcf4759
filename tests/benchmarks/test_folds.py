"""Cross-validation of textclf and its peers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tests.benchmarks import folds


def rows_of(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.reader(opened))


def test_each_row_is_judged_once_by_models_that_were_trained_without_it(tmp_path: Path) -> None:
    source = tmp_path / "made_up" / "train.csv"
    source.parent.mkdir()
    everything = [[f"{i % 3}", f"title {i}", f"text {i}"] for i in range(50)]
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(everything)
    judged = []
    for fold in folds.split(source, tmp_path, 4):
        test, train = rows_of(fold / "test.csv"), rows_of(fold / "train.csv")
        assert sorted(test + train) == sorted(everything)
        judged += test
    assert sorted(judged) == sorted(everything)


def fold(**accuracy: float) -> dict[str, Any]:
    runs = [{"contender": name.replace("_", "-"), "accuracy": a} for name, a in accuracy.items()]
    return {"rows": {"train": 400, "test": 100}, "runs": runs}


def test_a_peer_is_shown_at_its_best_way_over_all_folds() -> None:
    found = [
        fold(textclf=0.9, svc=0.88, svc_sublinear=0.91, vw=0.5),
        fold(textclf=0.9, svc=0.89, svc_sublinear=0.8, vw=0.5),
    ]
    made, fewest = folds.errors(found)
    assert made == {"textclf": 20, "LinearSVC": 23, "Vowpal Wabbit": 100}
    assert fewest == 2
    line = "| made up | 200 | 20 |  | 100 | 23 | +13.0% | 2 of 2 |"
    assert line in folds.table({"sets": {"made up": found}})


def test_what_failed_in_a_fold_is_left_out() -> None:
    found = [fold(textclf=0.9, vw=0.8, svc=0.7), fold(textclf=0.9, vw=0.8)]
    assert folds.errors(found)[0] == {"textclf": 20, "Vowpal Wabbit": 40}
