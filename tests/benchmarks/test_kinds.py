"""Sets of other kinds and languages."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.benchmarks import kinds
from tests.benchmarks.sets import write_parts, write_set


def read(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.reader(opened))


def test_a_set_has_each_text_once_and_no_class_that_is_rare(tmp_path: Path) -> None:
    rows = [(f"{i % 2}", f"text\n {i % 400}") for i in range(1000)] + [("rare", "one")] * 50
    write_set(tmp_path, rows)
    train, test = (read(tmp_path / f"{part}.csv") for part in ("train", "test"))
    texts = [text for _, text in train + test]
    assert sorted(texts) == sorted(f"text {i}" for i in range(400))
    assert {label for label, _ in train + test} == {"0", "1"}
    assert 60 < len(test) < 140


def test_a_set_is_the_same_each_time(tmp_path: Path) -> None:
    rows = [(f"{i % 5}", f"text {i}") for i in range(300)]
    for name in ("a", "b"):
        write_set(tmp_path / name, rows, classes=3, most=120)
    written = [(tmp_path / name / "train.csv").read_bytes() for name in ("a", "b")]
    assert written[0] == written[1]
    assert len(read(tmp_path / "a" / "train.csv")) + len(read(tmp_path / "a" / "test.csv")) == 120


def test_labels_that_only_test_rows_have_are_left_out(tmp_path: Path) -> None:
    write_parts(tmp_path, [("a", "one"), ("b", "two")], [("b", "three"), ("c", "four")])
    assert read(tmp_path / "test.csv") == [["b", "three"]]


def test_the_table_of_sets_shows_the_best_of_what_was_tried() -> None:
    found = {"textclf": 0.9, "fasttext-0.1": 0.5, "fasttext-1": 0.8, "vw": 0.7, "svc": 0.75}
    runs = [{"round": 1, "contender": name, "accuracy": a} for name, a in found.items()]
    runs.append({"round": 1, "contender": "svc-sublinear", "failed": "killed by signal 9"})
    table = kinds.table({"sets": {"made up": {"rows": {"train": 1200, "test": 400}, "runs": runs}}})
    assert "| made up | 1,200 | **0.9000** | 0.8000 | 0.7000 | 0.7500 | +50.0% |" in table
