"""What textclf predict answers, in each format, and when."""

import csv
import datetime
import decimal
import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textclf.classifier import Classifier


@pytest.fixture
def table(tmp_path, themes):
    """A CSV with an identifier, a text and a label."""
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows((i, t, "x\ty") for i, t in enumerate(themes[0]))
    return path


@pytest.fixture
def expected(themes, themes_model):
    return Classifier.load(themes_model).predict_proba(themes[0])


def read(path, kind):
    """Return the rows of a file as dictionaries of strings and numbers."""
    if kind == "parquet":
        return pq.read_table(path).to_pylist()
    text = path.read_text("utf-8")
    if kind == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    names, *rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_every_format_says_the_same_in_order(
    textclf, themes_model, table, themes, expected, tmp_path, kind
):
    out = tmp_path / f"out.{kind}"
    result = textclf(
        "predict", themes_model, table, "--text-column", "text", "--pass-through", "id",
        "--top-k", 2, "--probabilities", "--output", out,
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    rows = read(out, kind)
    assert list(rows[0]) == [
        "id", "label", "probability", "label_2", "probability_2", "p_food", "p_music", "p_sport",
    ]  # fmt: skip
    assert [row["id"] for row in rows] == [str(i) for i in range(len(themes[0]))]
    names = np.array(["food", "music", "sport"])
    order = np.argsort(-expected, axis=1)
    assert [row["label"] for row in rows] == names[order[:, 0]].tolist()
    assert [row["label_2"] for row in rows] == names[order[:, 1]].tolist()
    found = [[float(row[f"p_{name}"]) for name in names] for row in rows]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    second = [float(row["probability_2"]) for row in rows]
    np.testing.assert_allclose(second, np.sort(expected, axis=1)[:, 1], atol=2e-6)


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".jsonlines", ".json"])
def test_texts_of_json_lines_are_found_under_all_their_endings(
    textclf, themes_model, tmp_path, ending
):
    file = tmp_path / f"texts{ending}"
    file.write_text('{"text": "soup"}\n{"text": "a\\nsong"}\n')
    result = textclf("predict", themes_model, file)
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 2)
    assert result.stdout == textclf("predict", themes_model, input="soup\na song\n").stdout


def test_all_columns_are_passed_through_and_none_is_overwritten(textclf, themes_model, table):
    result = textclf(
        "predict", themes_model, table, "--pass-through", "all", "--output-format", "jsonl"
    )
    first = json.loads(result.stdout.splitlines()[0])
    assert list(first) == ["id", "text", "label", "predicted_label", "predicted_probability"]
    assert first["label"] == "x\ty"


VALUES = {"id": 7, "price": 1.5, "new": True, "gone": None, "tags": ["a", {"b": "é"}], "name": "x"}
IN_TSV = ["7", "1.5", "true", "", '["a", {"b": "é"}]', "x"]


@pytest.mark.parametrize("piped", [False, True])
def test_json_lines_keep_their_values(textclf, themes_model, tmp_path, piped):
    rows = [{"text": "a song"} | VALUES, {"text": "soup"} | VALUES]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if piped:
        given = {"input": file.read_text()}
        where = ["-", "--format", "jsonl"]
    else:
        given, where = {}, [file]
    command = ["predict", themes_model, *where, "--pass-through", "all", "--output-format"]
    lines = textclf(*command, "jsonl", **given).stdout.splitlines()
    answers = {"label", "probability"}
    found = [json.loads(line) for line in lines]
    assert [{k: v for k, v in row.items() if k not in answers} for row in found] == rows
    lines = textclf(*command, "tsv", **given).stdout.splitlines()
    assert lines[0].split("\t")[:7] == ["text", *VALUES]
    assert lines[1].split("\t")[:7] == ["a song", *IN_TSV]


def test_values_of_parquet_are_those_of_json_where_it_has_such(textclf, themes_model, tmp_path):
    when, amount = datetime.date(2026, 1, 2), decimal.Decimal("1.50")
    columns = {"text": ["a song"], "when": [when], "amount": [amount], "nan": [float("nan")]}
    columns |= {name: [VALUES[name]] for name in ("id", "new", "gone", "price")}
    columns |= {"tags": [[1, 2]], "pair": [{"a": when}]}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    result = textclf(
        "predict", themes_model, tmp_path / "rows.parquet",
        "--pass-through", "all", "--output-format", "jsonl",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert {name: found[name] for name in columns} == {
        "text": "a song", "when": "2026-01-02", "amount": "1.50", "nan": None,
        "id": 7, "new": True, "gone": None, "price": 1.5, "tags": [1, 2],
        "pair": {"a": "2026-01-02"},
    }  # fmt: skip


# How deep is too deep differs between versions of Python.
@pytest.mark.parametrize("depth", [300, 600, 900, 5000, 100_000])
def test_a_value_nested_too_deeply_is_a_bad_row(textclf, themes_model, tmp_path, depth):
    file = tmp_path / "rows.jsonl"
    deep = "[" * depth + "]" * depth
    file.write_text(f'{{"text": "a", "deep": 1}}\n{{"text": "b", "deep": {deep}}}\n')
    result = textclf(
        "predict", themes_model, file, "--pass-through", "all", "--output-format", "jsonl"
    )
    if result.returncode == 0:
        assert deep in result.stdout
    else:
        assert depth > 500
        assert result.returncode == 65
        assert "row 2: " in result.stderr
        assert "Traceback" not in result.stderr


def test_tsv_keeps_a_row_on_its_line(textclf, themes_model, table):
    result = textclf("predict", themes_model, table, "--pass-through", "label")
    assert result.stdout.splitlines()[1].split("\t")[0] == "x\\ty"


def test_plain_lines_are_passed_through_as_text(textclf, themes_model):
    result = textclf("predict", themes_model, "--pass-through", "all", input="a song\n")
    assert result.stdout.splitlines()[1].startswith("a song\tmusic\t")


def test_below_the_threshold_the_abstention_label_stands(textclf, themes_model, table, expected):
    result = textclf(
        "predict", themes_model, table, "--text-column", "text", "--threshold", 0.6,
        "--abstain-label", "ask somebody",
    )  # fmt: skip
    abstained = [line.startswith("ask somebody\t") for line in result.stdout.splitlines()]
    assert abstained == (expected.max(axis=1) < 0.6).tolist()
    assert 0 < sum(abstained) < len(abstained)


def test_an_answer_comes_before_the_next_line_is_written(themes_model):
    command = [sys.executable, "-m", "textclf", "predict", str(themes_model)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for line, label in [(b"guitar song", b"music"), (b"goal match", b"sport")] * 3:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(label)
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_line_from_standard_input_imports_nothing_that_takes_time(themes_model):
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "textclf", "predict", str(themes_model)],
        capture_output=True, text=True, input="some words\n",
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "numpy" in imported
    heavy = {"tensorflow", "keras", "numba", "scipy", "pyarrow", "pandas", "sklearn", "rich"}
    assert not heavy & imported


def test_a_failure_leaves_no_output_and_keeps_what_was_there(textclf, themes_model, tmp_path):
    out, bad = tmp_path / "out.csv", tmp_path / "bad.jsonl"
    out.write_text("kept")
    bad.write_text('{"text": "a"}\nnot JSON\n')
    result = textclf("predict", themes_model, bad, "-o", out)
    assert result.returncode == 65
    assert "row 2" in result.stderr
    assert out.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.jsonl", "out.csv"]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.jsonl"])
def test_of_no_texts_there_is_a_table_without_rows(textclf, themes_model, tmp_path, name):
    out = tmp_path / name
    more = ["--probabilities", "--pass-through", "all"]
    result = textclf("predict", themes_model, "-o", out, *more, input="")
    assert result.returncode == 0, result.stderr
    names = ["text", "label", "probability", "p_food", "p_music", "p_sport"]
    if name == "out.jsonl":
        assert out.read_bytes() == b""
    else:
        csv_names = out.read_text().split() if name == "out.csv" else []
        assert csv_names == [",".join(names)] or pq.read_schema(out).names == names


def test_a_folder_that_is_not_there_is_named(textclf, themes_model, tmp_path):
    result = textclf("predict", themes_model, "-o", tmp_path / "none" / "out.csv", input="a\n")
    assert result.returncode == 73
    assert "none" in result.stderr


def test_bad_rows_are_left_out_when_that_is_asked_for(textclf, themes_model, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a song"}\nnot JSON\n{"text": "a goal"}\n')
    rejects = tmp_path / "rejects.tsv"
    result = textclf(
        "predict", themes_model, tmp_path / "in.jsonl", "--skip-bad-rows", 1, "--rejects", rejects
    )
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["music", "sport"]
    assert "not JSON" in rejects.read_text()


def test_a_pattern_of_tables_without_an_ending_is_one_of_tables(textclf, themes_model, tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1,soup\n")
    (tmp_path / "b.csv").write_text("id,text\n2,a song\n")
    result = textclf("predict", themes_model, tmp_path / "*")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 2)
    (tmp_path / "c.jsonl").write_text('{"text": "soup"}\n')
    result = textclf("predict", themes_model, tmp_path / "*")
    assert result.returncode == 65
    assert "c.jsonl: its format is jsonl, that of the first file csv" in result.stderr


@pytest.mark.parametrize("content", ['{\n "text": "a song"\n}\n', '["soup", "a song"]\n'])
def test_json_that_is_no_lines_is_refused(textclf, themes_model, tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    result = textclf("predict", themes_model, tmp_path / "a.json")
    assert result.returncode == 65
    assert "is JSON, but not an object a line; write an object a line" in result.stderr


def test_a_file_that_is_replaced_keeps_its_permissions(textclf, themes_model, tmp_path):
    out = tmp_path / "out.tsv"
    out.touch()
    out.chmod(0o640)
    assert textclf("predict", themes_model, "-o", out, input="soup\n").returncode == 0
    assert (out.stat().st_mode & 0o777, out.read_text()[:4]) == (0o640, "food")
