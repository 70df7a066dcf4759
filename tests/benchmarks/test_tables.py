"""Tables for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import ablation, folds, kinds
from tests.benchmarks.check import ACCEPTED
from tests.benchmarks.results import BEST, ratios, summary
from tests.benchmarks.tables import accuracies, costs, stages, table

README = Path(__file__).parents[2] / "README.md"


def test_a_failed_contender_is_shown_with_its_reason_beside_the_others() -> None:
    runs = [
        {"round": 1, "contender": "vw", "wall": 1.0, "accuracy": 0.9},
        {"round": 1, "contender": "fasttext-1", "wall": 1.0, "failed": "Encountered NaN."},
    ]
    found = table(
        {
            "benchmark": "peers",
            "dataset": "made up",
            "rows": {"train": 1200},
            "summary": summary(runs),
            "ratios": ratios(runs),
        }
    )
    assert "| fastText, lr 1 | failed: Encountered NaN. |" in found
    assert "| Vowpal Wabbit | 0.9000 | 1.00 |" in found


def test_the_best_learning_rate_is_that_of_the_best_median_accuracy() -> None:
    runs = [
        {"round": r, "contender": name, "wall": 1.0, "accuracy": accuracy}
        for name, accuracies in (("fasttext-0.1", (0.8, 0.8, 0.9)), ("fasttext-1", (0.85,) * 3))
        for r, accuracy in enumerate(accuracies)
    ]
    assert summary(runs)[BEST]["is"] == "fasttext-1"


def test_the_overview_compares_with_the_most_accurate_peer() -> None:
    found = {"textclf": 0.95, BEST: 0.9, "vw": 0.92, "svc": 0.8, "svc-sublinear": 0.85}
    entries = {
        name: {"accuracy": {"median": a}, "wall": {"median": 2}, "peak_rss_bytes": {"median": 3e7}}
        for name, a in found.items()
    }
    document = {"dataset": "made up", "rows": {"train": 1200}, "summary": entries}
    assert "| made up | 1,200 | **0.9500** | 0.9000 | 0.9200 | 0.8500 | +37.5% |" in accuracies(
        [document]
    )
    assert "| made up | 2.00 | 2.00 | 2.00 | 2.00 | 30 | 30 | 30 | 30 |" in costs([document])
    del entries["svc"], entries["svc-sublinear"]
    assert "| made up | 2.00 | 2.00 | 2.00 |  | 30 | 30 | 30 |  |" in costs([document])


def test_against_a_peer_without_errors_no_share_of_them_is_shown() -> None:
    entries = {name: {"accuracy": {"median": a}} for name, a in {"textclf": 0.9, "vw": 1}.items()}
    document = {"dataset": "made up", "rows": {"train": 120}, "summary": entries}
    assert "| made up | 120 | 0.9000 |  | **1.0000** |  |  |" in accuracies([document])


def test_a_program_that_failed_has_no_accuracy() -> None:
    entries = {"vw": {"accuracy": {"median": 0.8}}, "svc": {"accuracy": {"median": 0.7}}}
    document = {"dataset": "made up", "rows": {"train": 120}, "summary": entries}
    assert "| made up | 120 |  |  | **0.8000** | 0.7000 |  |" in accuracies([document])


def accepted(pattern: str) -> list[dict[str, Any]]:
    files = sorted(ACCEPTED.glob(pattern))
    if not files:
        pytest.skip("no such benchmarks were accepted")
    return [json.loads(file.read_text("utf-8")) for file in files]


def test_the_tables_of_the_readme_are_those_of_the_accepted_benchmarks() -> None:
    text = README.read_text("utf-8")
    peers = accepted("peers-*.json")
    assert accuracies(peers) in text
    assert costs(peers) in text
    scale = sorted(accepted("scale-*.json"), key=lambda d: d["rows"]["train"])
    assert costs(scale) in text
    assert stages([*peers, *scale]) in text
    (cross_validated,) = accepted("folds.json")
    assert folds.table(cross_validated) in text


def test_the_tables_of_other_kinds_and_of_each_choice_are_those_that_were_accepted() -> None:
    text = (ACCEPTED.parent / "README.md").read_text("utf-8")
    choices = {document["dataset"]: document for document in accepted("ablation-*.json")}
    assert ablation.table(choices) in text
    for document in accepted("kinds*.json"):
        assert kinds.table(document) in text
