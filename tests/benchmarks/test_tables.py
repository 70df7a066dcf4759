"""Tables for people."""

from __future__ import annotations

from tests.benchmarks.results import BEST, ratios, summary
from tests.benchmarks.tables import table


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
