"""Pages of runs with many classes, and the colours of all pages."""

import json
import re
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from pages import Page

import textclf.report
from textclf.classifier import Classifier
from textclf.evaluation import Mistake
from textclf.layers import Dense
from textclf.metrics import Evaluation
from textclf.report.data import RunData
from textclf.report.page import run_page
from textclf.report.writing import write_report

STYLE = (Path(textclf.report.__file__).parent / "style.css").read_text()


def evaluation(classes, rows=5000, seed=4):
    """Rows of random classes, seven in ten of them right."""
    random = np.random.default_rng(seed)
    found = Evaluation([f"class {i:04d}" for i in range(classes)])
    true = random.integers(0, classes, rows).astype(np.int32)
    said = np.where(random.random(rows) < 0.7, true, random.integers(0, classes, rows))
    probabilities = np.full((rows, classes), 0.3 / classes, np.float32)
    probabilities[np.arange(rows), said] += 0.7
    found.add(true, probabilities)
    return found


def matrix():
    """2,000 rows, the first hundred of them empty."""
    rows = scipy.sparse.random(2000, 50, 0.1, format="csr", random_state=1)
    keep = scipy.sparse.diags((np.arange(2000) >= 100).astype(float))
    found = (keep @ rows).tocsr()
    found.eliminate_zeros()
    return found


@pytest.fixture
def write(tmp_path, make_model):
    """Write the files of a run of so many classes and return its page."""

    def written(classes, text="soup for dinner", **told):
        model, found = make_model(), evaluation(classes)
        features, random = model.layers[0].kernel.shape[0], np.random.default_rng(1)
        kernel = random.normal(size=(features, classes)).astype(np.float32)
        model = Classifier(
            found.labels, model.vectorizer, [Dense(kernel, np.zeros(classes, np.float32))]
        )
        shard = types.SimpleNamespace(
            x=matrix(),
            y=np.arange(2000, dtype=np.int32) % classes,
        )
        metrics = {"dataset": "many", "test": found.summary(), "samples": {"test": found.rows}}
        metrics |= told
        (tmp_path / "metrics.json").write_text(json.dumps(metrics))
        (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n1,0.5,0.6\n2,0.3,nan\n")
        (tmp_path / "config.toml").write_text("[ngrams]\nmin_n = 1\n")
        mistakes = [
            Mistake("a.csv", i, text, found.labels[0], found.labels[1], 0.9, 0.1) for i in range(12)
        ]
        write_report(tmp_path, model, "test", found, mistakes, [shard])
        return found, (tmp_path / "report.html").read_text("utf-8")

    return written


@pytest.mark.parametrize(("classes", "largest"), [(2, 100_000), (77, 200_000), (1500, 700_000)])
def test_a_page_of_many_classes_stays_small_and_says_what_it_leaves_out(write, classes, largest):
    found, html = write(classes)
    page = Page(html)
    assert len(html.encode()) < largest
    header, *matrix = page.table("Rows by class and class predicted")
    assert len(matrix) == min(20, classes)
    rows = page.table("Figures by class")[1:]
    assert len(rows) == min(1000, classes)
    known = {c["label"]: c for c in found.by_class()}
    for row in rows:
        c = known[row[0]]
        assert row[1:4] == [f"{c[f]:.4f}" for f in ("precision", "recall", "f1")]
        assert row[5] == f"{c['support']:,}"
    if classes > 20:
        assert f"The 20 most confused classes of {classes:,}" in page.text
        assert header[-1] == "others"
        for row in matrix:  # shown and not shown, it is all rows of the class
            assert sum(map(int, row[1:])) == known[row[0]]["support"]
    if classes > 1000:
        assert "The 1,000 classes of lowest F1" in page.text
        assert (
            max(float(r[3]) for r in rows) <= sorted(c["f1"] for c in known.values())[1000] + 1e-4
        )


def test_curves_are_told_from_the_figures_of_network_and_machines(write):
    joined = "figures of the network alone; in all others the scores of support vector machines"
    assert joined not in Page(write(3)[1]).text
    page = Page(write(3, svm_weight=2.346)[1])
    assert f"{joined} are added to its logits, 2.35 times" in page.text


def test_the_classes_of_the_matrix_are_the_most_confused_ones(write):
    found, html = write(77)
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    confused = wrong.sum(axis=0) + wrong.sum(axis=1)
    shown = [row[0] for row in Page(html).table("Rows by class and class predicted")[1:]]
    least = min(confused[found.labels.index(label)] for label in shown)
    assert sorted(confused)[-20] == least


def test_the_most_frequent_confusions_are_listed_first(write):
    found, html = write(77)
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    counts = [int(row[2]) for row in Page(html).table("Most frequent confusions")[1:]]
    assert counts == sorted(wrong.ravel().tolist(), reverse=True)[:20]


def test_the_ngrams_in_a_training_row_are_counted(write, tmp_path):
    write(3)
    stored = json.loads((tmp_path / "report.json").read_text())["profile"]
    sizes = np.diff(matrix().indptr)
    assert stored["no_ngrams"] == int((sizes == 0).sum())
    for percent, size in stored["known_ngrams"]:
        assert size == np.percentile(sizes, percent, method="inverted_cdf")
    assert stored["train"] == np.bincount(np.arange(2000) % 3).tolist()


def test_figures_that_are_no_numbers_are_left_out_of_the_curves(write):
    _, html = write(3)
    assert not re.search(r"\bnan\b", html)
    assert "validation: from 0.6000 to 0.6000" in Page(html).text


def test_a_page_made_again_is_the_same(write, tmp_path):
    _, html = write(5)
    assert run_page(RunData.load(tmp_path)) == html


def luminance(colour):
    """Relative luminance, by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(params=["light", "dark"])
def theme(request):
    light, _, rest = STYLE.partition("@media screen and (prefers-color-scheme: dark)")
    return light if request.param == "light" else rest.partition("@media (max-width")[0]


def test_contrast_is_known_for_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_text_and_lines_stand_out_from_what_they_are_on(theme):
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", theme))
    for text in ("ink", "muted", "link", "good", "bad", "a", "b"):
        for ground in ("paper", "soft"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def test_text_on_shades_can_be_read_and_shades_grow(theme):
    paper = re.search(r"--paper: (#\w{6});", theme)[1]
    for hue in "ab":
        found = re.findall(rf"\.{hue}(\d) {{ background: (#\w{{6}}); color: (#\w{{6}}); }}", theme)
        assert [int(level) for level, _, _ in found] == list(range(1, 9))
        assert all(contrast(ground, text) >= 4.5 for _, ground, text in found)
        distances = [contrast(ground, paper) for _, ground, _ in found]
        assert distances == sorted(distances)
