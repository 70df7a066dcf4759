"""Quality gates, against figures computed by scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from textclf.corpus.block import TextBlock
from textclf.gates import Gates, figures_of, judge

GOOD = {"accuracy": 0.9, "macro_f1": 0.8}


@pytest.mark.parametrize(
    ("gates", "reasons"),
    [
        (Gates(), 0),
        (Gates(min_accuracy=0.9), 0),
        (Gates(min_accuracy=0.9001), 1),
        (Gates(min_macro_f1=0.8), 0),
        (Gates(min_accuracy=0.95, min_macro_f1=0.85), 2),
    ],
)
def test_a_figure_at_the_bound_passes_and_one_below_does_not(gates, reasons):
    verdict = judge(gates, "test", GOOD)
    assert len(verdict.reasons) == reasons
    assert verdict.passed == (reasons == 0)


@pytest.mark.parametrize(("published", "passed"), [(0.85, True), (0.905, True), (0.9051, False)])
def test_a_drop_is_measured_against_the_published_model(published, passed):
    verdict = judge(Gates(max_drop=0.005), "test", GOOD, {"accuracy": published, "run": "x"})
    assert verdict.passed is passed
    assert verdict.as_table()["published"]["run"] == "x"


def test_what_was_asked_for_is_told():
    table = judge(Gates(min_accuracy=0.8, max_drop=0.0), "test", GOOD).as_table()
    expected = {"passed": True, "reasons": [], "rows": "test", "min_accuracy": 0.8, "max_drop": 0.0}
    assert table == expected


def test_the_first_model_cannot_drop():
    assert judge(Gates(max_drop=0.0), "test", GOOD).passed


@pytest.mark.parametrize(("gates", "passed"), [(Gates(max_drop=1.0), False), (Gates(0.5), True)])
def test_a_drop_is_also_a_label_that_no_row_has_any_more(gates, passed):
    verdict = judge(gates, "test", GOOD, {"accuracy": 0.5}, ["billing"])
    assert verdict.passed is passed
    assert passed or "'billing'" in verdict.reasons[0]


def test_a_figure_that_is_no_number_does_not_pass():
    broken = {"accuracy": float("nan"), "macro_f1": float("nan")}
    gates = Gates(0.0, 0.0, 1.0)
    assert len(judge(gates, "test", broken, {"accuracy": 0.5}).reasons) == 3


class Fixed:
    """A model whose answers are known."""

    labels = ("b", "a", "old")

    def predict_blocks(self, blocks):
        for block in blocks:
            codes = [self.labels.index(text) for text in block.texts()]
            yield block, np.eye(3, dtype=np.float32)[codes]


def test_a_published_model_with_other_labels_is_measured_by_their_names():
    said = ["a", "a", "b", "old", "b", "a"]
    true = ["a", "b", "b", "a", "new", "new"]
    labels = ["a", "b", "new"]
    block = TextBlock.from_texts(said, [labels.index(name) for name in true])
    figures = figures_of(Fixed(), [block], labels)
    assert figures["accuracy"] == pytest.approx(2 / 6)
    assert figures["macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))
