"""textclf predict and evaluate on the sample's model, without TensorFlow."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@pytest.fixture(scope="module")
def model(models):
    return models / "sample" / "current"


def test_each_line_gets_a_label_and_its_probability(textclf, model):
    result = textclf("predict", model, input="I was charged twice\n\nwhere is my parcel\n")
    assert result.stderr == ""
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert len(lines) == 3
    assert lines[0][0] == "billing"
    assert all(0.2 <= float(p) <= 1 for _, p in lines)


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize("text", ["a tasty soup", "is it tasty?"])
def test_a_text_in_place_of_a_file_is_told_where_texts_are_read(quick, themes_model, command, text):
    result = quick(command, themes_model, text)
    assert result.returncode == 65
    assert result.stderr == (
        f"textclf: {text}: no such file; check the path, or give a text on standard input: "
        f"echo TEXT | textclf {command} MODEL -\n"
    )


@pytest.mark.parametrize("given", ["two words.txt", "two *.txt"])
def test_the_name_of_a_file_may_be_words(quick, themes_model, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two words.txt").write_text("a tasty soup\n")
    assert quick("predict", themes_model, given).stdout.startswith("food\t")


def test_a_labelled_file_is_read_like_the_training_file(textclf, model):
    result = textclf("predict", model, SAMPLE / "test.csv", "--labelled")
    assert len(result.stdout.splitlines()) == 1000


def test_the_training_file_is_read_alike_though_its_columns_have_no_usual_names(
    textclf, tmp_path, themes
):
    rows = [f"{i},{label},{text}" for i, (text, label) in enumerate(zip(*themes, strict=True))]
    file = tmp_path / "odd.csv"
    file.write_text("\n".join(["v0,v1,v2", *rows, ""]))
    columns = ("--label-column", "v1", "--text-column", "v2")
    result = textclf(
        "train", "--train-file", file, *columns, "--models-dir", tmp_path / "models"
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    model = tmp_path / "models" / "odd" / "current"
    figures = json.loads(textclf("evaluate", model, file, "--json").stdout)
    assert figures["rows"] == len(rows)
    for arguments in (["predict", model, file], ["explain", model, file, "--json"]):
        told, named = textclf(*arguments), textclf(*arguments, "--text-column", "v2")
        assert told.stdout == named.stdout != ""
        assert "header: text in 'v2'" in told.stderr


def test_evaluate_agrees_with_the_test_figures_of_the_run(textclf, model):
    result = textclf("evaluate", model, SAMPLE / "test.csv", "--json")
    figures = json.loads(result.stdout)
    stored = json.loads((model / "metrics.json").read_text())["test"]
    assert figures["accuracy"] == pytest.approx(stored["accuracy"])
    assert figures["loss"] == pytest.approx(stored["loss"])


def test_evaluate_prints_a_table(textclf, model):
    lines = textclf("evaluate", model, SAMPLE / "test.csv").stdout.splitlines()
    assert lines[0].startswith("rows 1,000  accuracy 0.")
    assert [line.split()[0] for line in lines[3:8]] == [
        "account", "billing", "delivery", "returns", "technical",
    ]  # fmt: skip


@pytest.mark.parametrize("command", [["predict"], ["evaluate", "FILE"]])
def test_no_tensorflow_is_imported(model, command):
    arguments = [str(SAMPLE / "test.csv") if a == "FILE" else a for a in command]
    arguments.insert(1, str(model))
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "textclf", *arguments],
        capture_output=True, text=True, input="some words\n",
    )  # fmt: skip
    assert result.returncode == 0
    assert "tensorflow" not in result.stderr
    assert "keras" not in result.stderr


def test_no_model_is_bad_input(textclf, tmp_path):
    result = textclf("predict", tmp_path / "none", input="x\n")
    assert result.returncode == 65
    assert "no such model" in result.stderr


def test_a_closed_pipe_is_no_error(model):
    code = (
        f"yes 'some words' | head -100000 | {sys.executable} -m textclf predict {model} | head -1"
    )
    result = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_for_another_text(model, command, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "textclf", command, str(model), "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdin.write("I was charged twice\n")
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(number)
    assert process.wait(30) == 128 + number  # half of what a job may take
    assert process.stderr.read().startswith(f"textclf: stopped by {number.name}")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.ft", "__label__sport soup\n__label__food goal\n", "fastText lines"),
        ("rows.json", '{"text": "soup", "label": "sport"}\n{"text": "goal"}\n', "JSON lines"),
    ],
)
def test_labels_of_a_file_are_not_read_as_text(
    textclf, themes_model, tmp_path, name, content, said
):
    (tmp_path / name).write_text(content)
    result = textclf("predict", themes_model, tmp_path / name)
    plain = textclf("predict", themes_model, input="soup\ngoal\n")
    assert result.stdout == plain.stdout
    assert said in result.stderr


def test_a_json_array_is_refused(textclf, themes_model, tmp_path):
    (tmp_path / "rows.json").write_text('[{"text": "soup"}]')
    result = textclf("predict", themes_model, tmp_path / "rows.json")
    assert (result.returncode, result.stdout) == (65, "")
    assert "is one JSON array" in result.stderr
