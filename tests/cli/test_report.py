"""The page of a run, and textclf report."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import Page

from textclf.classifier import Classifier

MARKUP = "<script>alert(1)</script>"
BROKEN = "\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}&lt;</td></table>"
CONTROLS = "\x1b[31m\x07 \u202egnp.exe \u2066 \x85 end"


@pytest.fixture(scope="module")
def run(models):
    return (models / "sample" / "current").resolve()


@pytest.fixture(scope="module")
def page(run):
    return Page((run / "report.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def answers(run):
    """The labels of the test rows, and what the model says."""
    job = json.loads((run / "metrics.json").read_text())["job"]
    with Path(job["files"]["test"][0][0]).open() as file:
        rows = list(csv.DictReader(file))
    found = Classifier.load(run).predict_proba([row["text"] for row in rows])
    return [row["label"] for row in rows], found, rows


def test_a_page_is_well_formed_and_names_its_language(page):
    assert page.declared == "doctype html"
    assert page.all("html")[0].attributes["lang"] == "en"
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    assert page.all("title")[0].text.strip()
    assert len(page.all("h1")) == 1


def test_a_page_refers_to_nothing_outside(page):
    policy = [e.attributes for e in page.all("meta") if "http-equiv" in e.attributes]
    assert policy[0]["content"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    ids = {e.attributes.get("id") for e in page.all()}
    for element in page.all():
        assert element.tag not in {"script", "img", "iframe", "object", "embed", "form", "base"}
        for name, value in element.attributes.items():
            assert name not in {"src", "srcset", "action", "data", "xlink:href", "background"}
            assert not name.startswith("on")
            if name == "href":
                assert value.startswith("#")
                assert value[1:] in ids
    assert "://" not in page.html
    assert not re.search(r"@import|url\(", page.html)


def test_drawings_have_titles_and_descriptions_and_tables_captions_and_headers(page):
    ids = {e.attributes.get("id"): e for e in page.all()}
    drawings = [e for e in page.all("svg") if e.attributes.get("aria-hidden") != "true"]
    assert len(drawings) == 4
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        for name in drawing.attributes["aria-labelledby"].split():
            assert ids[name].text.strip()
    for table in page.all("table"):
        assert table.all("caption")[0].text.strip()
        assert all(c.attributes["scope"] in ("row", "col") for c in table.all("th"))
        assert all(c.text.strip() for c in table.all("th"))


def test_what_scrolls_can_be_reached_with_the_keyboard(page):
    scrolled = [e for e in page.all("div") if "scroll" in e.attributes.get("class", "").split()]
    assert scrolled
    for element in scrolled:
        assert element.attributes["tabindex"] == "0"
        assert element.attributes["role"] == "region"
        assert element.attributes["aria-label"]


def test_the_summary_says_what_metrics_json_says(page, run):
    metrics = json.loads((run / "metrics.json").read_text())
    _, *rows = page.table("Figures on rows not trained on")
    assert [row[0] for row in rows] == ["test", "validation"]
    for part, number, *figures in rows:
        assert int(number.replace(",", "")) == metrics["samples"][part]
        known = [metrics[part][key] for key in ("accuracy", "macro_f1", "loss", "ece")]
        assert figures == [f"{value:.4f}" for value in known]
    assert f"Run {metrics['run']}" in " ".join(page.text.split())


def test_the_figures_by_class_are_those_of_scikit_learn(page, answers):
    from sklearn.metrics import precision_recall_fscore_support

    true, found, _ = answers
    labels = sorted(set(true))
    predicted = [labels[i] for i in found.argmax(axis=1)]
    known = precision_recall_fscore_support(true, predicted, labels=labels)
    _, *rows = page.table("Figures by class")
    assert [row[0] for row in rows] == labels
    for i, row in enumerate(rows):
        assert row[1:4] == [f"{figures[i]:.4f}" for figures in known[:3]]
        assert int(row[5]) == known[3][i]


def test_the_rows_trained_on_by_class_sum_to_all(page, run):
    metrics = json.loads((run / "metrics.json").read_text())
    _, *rows = page.table("Training rows by class")
    samples = metrics["samples"]
    assert metrics["refit"]  # on the rows held out, too
    trained = samples["train"] + samples["validation"]
    assert sum(int(row[1].replace(",", "")) for row in rows) == trained


def test_the_confusion_matrix_is_that_of_scikit_learn(page, answers):
    from sklearn.metrics import confusion_matrix

    true, found, _ = answers
    labels = sorted(set(true))
    known = confusion_matrix(true, [labels[i] for i in found.argmax(axis=1)], labels=labels)
    header, *rows = page.table("Rows by class and class predicted")
    assert header[1:] == labels
    assert [[int(cell) for cell in row[1:]] for row in rows] == known.tolist()


def test_the_confidence_table_counts_the_rows_of_the_test_file(page, answers):
    true, found, _ = answers
    sure = found.max(axis=1)
    _, *rows = page.table("Rows by confidence")
    assert sum(int(row[1].replace(",", "")) for row in rows) == len(true)
    assert int(rows[-1][1]) == int((sure >= 14 / 15).sum())
    assert float(rows[-1][2]) == pytest.approx(sure[sure >= 14 / 15].mean(), abs=1e-4)


def test_the_worst_mistakes_are_the_most_confident_wrong_rows_with_their_texts(page, answers):
    true, found, rows = answers
    labels = sorted(set(true))
    wrong = [
        (-float(found[i].max()), labels[found[i].argmax()], label, rows[i]["text"])
        for i, label in enumerate(true)
        if labels[found[i].argmax()] != label
    ]
    shown = page.all("article")
    assert len(shown) == 12
    for element, (sure, predicted, label, text) in zip(shown, sorted(wrong), strict=False):
        assert [e.text for e in element.all("h3")[0].all("span")] == [predicted, label]
        assert f"{-100 * sure:.1f}%" in element.all("h3")[0].text
        assert element.all("p")[0].text == text[:500]
        assert element.all("mark")


def test_every_setting_is_on_the_page(page, run):
    import tomllib

    config = tomllib.loads((run / "config.toml").read_text())
    for section in ("ngrams", "network", "training", "output"):
        assert {row[0] for row in page.table(section)[1:]} == set(config[section])


def test_report_prints_where_the_page_is_and_writes_the_same(textclf, models, run):
    before = (run / "report.html").read_bytes()
    for name in ("sample", f"sample/{run.name[:15]}", run, run / "model", models / "sample"):
        result = textclf("report", name, "--models-dir", models)
        assert (result.stdout, result.stderr) == (f"{run / 'report.html'}\n", "")
        assert (run / "report.html").read_bytes() == before
    (run / "report.html").unlink()
    textclf("report", models / "sample" / "current")
    assert (run / "report.html").read_bytes() == before


def test_the_page_goes_where_it_is_told(textclf, models, run, tmp_path):
    target = tmp_path / "page.html"
    result = textclf("report", "sample", "--models-dir", models, "-o", target, "--json")
    assert json.loads(result.stdout) == {"report": str(target), "run": run.name}
    assert target.read_bytes() == (run / "report.html").read_bytes()
    printed = textclf("report", "sample", "--models-dir", models, "-o", "-").stdout
    assert printed == target.read_text("utf-8")


def test_report_imports_neither_tensorflow_nor_numpy(textclf, models):
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "textclf", "report", models / "sample/current"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "jinja2" in imported
    assert not {"tensorflow", "keras", "numba", "numpy", "sklearn", "pyarrow"} & imported


@pytest.fixture
def hostile(quick, tmp_path):
    """The page of a model whose labels, texts and name of file are hostile."""
    labels = (MARKUP, BROKEN, CONTROLS)
    path = tmp_path / f"<b>{'x' * 100}&.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        for i in range(300):
            word = f"word{i * 7 % 5}"
            writer.writerow([labels[i % 3], f"{word} {labels[(i * i) % 3]} {CONTROLS}"])
    options = ["--models-dir", tmp_path / "models", "--name", "films"]
    result = quick("train", "--train-file", path, "--test-file", path, *options)
    assert result.returncode == 0, result.stderr
    return (tmp_path / "models/films/current/report.html").read_text("utf-8")


def test_markup_in_labels_and_texts_is_shown_and_not_obeyed(hostile):
    page = Page(hostile)
    assert not {"script", "img", "b"} & {e.tag for e in page.all()}
    assert not any(name.startswith("on") for e in page.all() for name in e.attributes)
    assert MARKUP in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert page.all("article")


def test_characters_that_hide_or_turn_others_are_shown(hostile):
    assert not [c for c in hostile if not c.isprintable() and c != "\n"]
    page = Page(hostile)
    assert "\u241b[31m\u2407" in page.text
    assert "\u27e8202E\u27e9gnp.exe" in page.text


def test_the_command_on_the_page_trains_the_same_model(quick, tmp_path, job):
    assert quick(*job, "--set", "ngrams.max_n=3", "--seed", "5", "--name", "films").returncode == 0
    run = (tmp_path / "models/films/current").resolve()
    command = Page((run / "report.html").read_text()).all("pre")[0].text
    assert command.startswith("textclf ")
    split = ["sh", "-c", command.replace("textclf", r"printf '%s\n' textclf", 1)]
    again = subprocess.run(split, capture_output=True, text=True, check=True).stdout.splitlines()
    other = tmp_path / "again"
    assert quick(*again[1:], "--models-dir", other).returncode == 0
    files = ["model/model.safetensors", "model/model.json"]
    for file in files:
        assert (other / "films/current" / file).read_bytes() == (run / file).read_bytes()
    texts = [(root / "config.toml").read_text() for root in (other / "films/current", run)]
    assert texts[0] == texts[1]


def test_without_a_test_file_the_figures_are_of_the_validation_rows(quick, tmp_path, data):
    assert quick("train", "--train-file", data, "--models-dir", tmp_path).returncode == 0
    run = (tmp_path / "films/current").resolve()
    metrics = json.loads((run / "metrics.json").read_text())
    page = Page((run / "report.html").read_text())
    _, *rows = page.table("Figures by class")
    assert sum(int(row[5]) for row in rows) == metrics["samples"]["validation"]
    assert "There was no test file" in page.text
    assert not page.all("article")


@pytest.fixture
def two(quick, tmp_path, job):
    """Two runs of films: the second knows nothing."""
    quick(*job, "--name", "films")
    quick(*job, "--name", "films", "--set", "ngrams.max_n=1", env={"QUICK_BAD": "1"})
    folder = tmp_path / "models" / "films"
    return sorted((r for r in folder.iterdir() if r.name[0] == "2"), key=lambda r: r.name)


def test_two_runs_are_compared(quick, two, tmp_path):
    target = tmp_path / "both.html"
    result = quick("report", *two, "-o", target, "--json")
    found = json.loads(result.stdout)
    metrics = [json.loads((run / "metrics.json").read_text()) for run in two]
    assert found["report"] == str(target)
    assert found["settings"] == {"ngrams.max_n": [0, 1]}
    assert found["figures"]["test.accuracy"] == [m["test"]["accuracy"] for m in metrics]
    assert found["other_rows"] == []
    page = Page(target.read_text("utf-8"))
    accuracy = next(row for row in page.table("Quality") if row[0] == "test accuracy")
    change = metrics[1]["test"]["accuracy"] - metrics[0]["test"]["accuracy"]
    assert change < 0
    assert accuracy[3] == f"{change:+.4f}"
    assert page.table("config.toml")[1:] == [["ngrams.max_n", "0", "1"]]
    _, *classes = page.table("F1 by class")
    changes = [float(row[3]) for row in classes]
    assert changes == sorted(changes)
    assert {row[0]: row[1:3] for row in classes} == {
        label: [f"{f1:.4f}" for f1 in pair] for label, pair in found["f1"].items()
    }


def test_a_comparison_is_written_here_under_both_names(quick, two, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = quick("report", f"films/{two[0].name}", "films", "--models-dir", "models")
    assert result.stdout == f"compare-{two[0].name}-{two[1].name}.html\n"
    assert (tmp_path / result.stdout.strip()).is_file()


def test_figures_of_other_rows_are_marked_as_such(quick, two, tmp_path, job, data):
    other = tmp_path / "other.csv"
    other.write_text(data.read_text())
    changed = [other if part == job[4] else part for part in job]
    quick(*changed, "--name", "films", "--seed", "9")
    target = tmp_path / "both.html"
    found = quick("report", two[0], tmp_path / "models/films/current", "-o", target, "--json")
    assert json.loads(found.stdout)["other_rows"] == ["test", "validation"]
    assert "not of the same rows" in Page(target.read_text("utf-8")).text


def test_a_run_from_before_there_were_reports_has_a_page_of_what_it_has(quick, two):
    for name in ("report.json", "report.html"):
        (two[0] / name).unlink()
    assert quick("report", two[0]).returncode == 0
    page = Page((two[0] / "report.html").read_text("utf-8"))
    assert page.table("Figures on rows not trained on")
    assert "Confusion" not in page.text
    assert quick("report", *two, "-o", two[0] / "both.html").returncode == 0


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("report.json", "{"),
        ("report.json", "[]"),
        ("report.json", '{"version": 99}'),
        ("report.json", '{"version": 1, "labels": 3}'),
        ("metrics.json", "[1]"),
        ("metrics.json", '{"test": 5}'),
        ("metrics.json", '{"started": 5}'),
        ("metrics.json", '{"gate": {"reasons": 5}}'),
        ("metrics.json", '{"peak_rss_bytes": 1' + "0" * 400 + "}"),
        ("metrics.json", '{"job": {"files": {"train": [[]]}}}'),
        ("report.json", '{"version": 1, "labels": ["a"], "confusion": [[1e999]], "bins": 1e999}'),
        ("history.csv", "epoch,loss\nx,y\n"),
        ("config.toml", "="),
    ],
)
def test_a_damaged_run_is_one_line(quick, two, file, content):
    (two[0] / file).write_text(content)
    result = quick("report", two[0])
    assert (result.returncode, result.stdout) == (65, "")
    assert result.stderr.startswith(f"textclf: {two[0]}: the run")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(("name", "code"), [("nothing", 2), ("films/2020", 2), (".", 65)])
def test_what_is_no_run_is_one_line(quick, two, tmp_path, name, code):
    result = quick("report", name, "--models-dir", tmp_path / "models")
    assert (result.returncode, len(result.stderr.splitlines())) == (code, 1)


def test_a_page_that_cannot_be_written_is_one_line(quick, two, tmp_path):
    result = quick("report", two[0], "-o", tmp_path / "missing" / "page.html")
    assert result.returncode == 73
    assert "--output" in result.stderr
