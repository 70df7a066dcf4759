"""The sample that comes with the package."""

from __future__ import annotations

import csv
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from textclf import sample

SHIPPED = Path(str(resources.files("textclf.data"))) / "sample"


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_the_files_are_what_the_generator_writes(tmp_path: Path, name: str) -> None:
    sample.write(tmp_path)
    assert (tmp_path / name).read_bytes() == (SHIPPED / name).read_bytes()


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.csv")) < 500_000


def test_another_seed_gives_other_rows() -> None:
    assert sample.rows(5, seed=1) != sample.rows(5, seed=2)


def read(name: str) -> tuple[list[str], list[str]]:
    with (SHIPPED / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def test_classes_are_of_about_the_same_size() -> None:
    counts = Counter(read("train.csv")[1])
    assert set(counts) == set(sample.REQUESTS)
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_a_linear_model_does_well_but_not_perfectly() -> None:
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    (train, train_labels), (test, test_labels) = read("train.csv"), read("test.csv")
    vectorizer = text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = linear.LogisticRegression(C=5, max_iter=500)
    model.fit(vectorizer.fit_transform(train), train_labels)
    accuracy = model.score(vectorizer.transform(test), test_labels)
    assert 0.83 < accuracy < 0.93
