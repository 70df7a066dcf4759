"""textclf export."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from textclf.classifier import Classifier

CHECKOUT = str(Path(__file__).parents[2])
QUICK = [sys.executable, str(Path(__file__).with_name("quick.py"))]


@pytest.mark.parametrize(
    ("kind", "package", "start"), [("onnx", "onnx", b"\x08"), ("sklearn", "skops", b"PK")]
)
def test_a_model_is_written_and_its_path_printed(
    textclf, themes_model, tmp_path, kind, package, start
):
    pytest.importorskip(package)
    out = tmp_path / "exported"
    result = textclf("export", themes_model, "--format", kind, "--output", out)
    assert (result.returncode, result.stdout) == (0, f"{out}\n")
    assert out.read_bytes().startswith(start)
    again = textclf("export", themes_model, "--format", kind, "--output", out)
    assert again.returncode == 73
    assert "exists already" in again.stderr


def test_a_copy_is_the_same_model(textclf, themes_model, tmp_path):
    out = tmp_path / "copy"
    result = textclf("export", themes_model, "--format", "textclf", "-o", out, "--json")
    assert json.loads(result.stdout) == {"output": str(out)}
    for name in ("manifest.json", "model.json", "model.safetensors"):
        assert (out / name).read_bytes() == (themes_model / name).read_bytes()


@pytest.mark.parametrize(
    "kind", ["onnx", "textclf", pytest.param("saved_model", marks=pytest.mark.slow)]
)
def test_a_folder_that_cannot_be_written_is_told(textclf, themes_model, tmp_path, kind):
    if kind == "onnx":
        pytest.importorskip("onnx")
    (tmp_path / "none").write_text("a file")
    out = tmp_path / "none" / "model"
    result = textclf("export", themes_model, "--format", kind, "--output", out)
    assert result.returncode == 73
    assert "none" in result.stderr


@pytest.fixture(scope="module")
def run(themes, tmp_path_factory):
    """A run with a test file, whose columns had to be named, and two bad rows in it."""
    folder = tmp_path_factory.mktemp("run")
    for part, rows in (("train", slice(0, 200)), ("test", slice(200, 300))):
        lines = ["id;theme;words"]
        for text, theme in zip(themes[0][rows], themes[1][rows], strict=True):
            lines.append(f"7;{theme};{text}")
        if part == "test":
            lines += ["7;chess;a game", "too few"]
        (folder / f"{part}.csv").write_text("\n".join(lines) + "\n")
    command = [
        *QUICK, "train", "--train-file", "train.csv", "--test-file", "test.csv", "--name", "themes",
        "--label-column", "theme", "--text-column", "words", "--delimiter", ";", "--quiet",
        "--skip-bad-rows", "2",
    ]  # fmt: skip
    own = {"PYTHONPATH": CHECKOUT, "TEXTCLF_CACHE_DIR": os.environ["TEXTCLF_CACHE_DIR"]}
    subprocess.run(command, cwd=folder, check=True, env=own)
    return folder / "models" / "themes" / "current"


def test_training_saves_float16_and_publishes_its_figures(run, textclf):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["weights"]["stored"] == "float16"
    assert set(metrics["weights"]["validation_accuracy"]) == {"float32", "float16"}
    assert {layer.stored for layer in Classifier.load(run).layers} == {"float16"}
    layout = ["--label-column", "theme", "--text-column", "words", "--delimiter", ";"]
    test = run.resolve().parents[2] / "test.csv"
    result = textclf("evaluate", run, test, *layout, "--skip-bad-rows", 2, "--json")
    found = json.loads(result.stdout)
    for name, value in metrics["test"].items():
        assert found[name] == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("model", ["", "model"])
def test_a_smaller_copy_tells_size_and_accuracy_before_and_after(textclf, run, tmp_path, model):
    out = tmp_path / "small"
    result = textclf("export", run / model, "--quantize", "int8", "-o", out, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["output"], found["weights"]) == (str(out), ["float16", "int8"])
    for folder, told in zip((run / "model", out), found["bytes"], strict=True):
        assert told == sum(path.stat().st_size for path in folder.iterdir())
    assert found["bytes"][1] < found["bytes"][0]
    test = run.resolve().parents[2] / "test.csv"
    assert found["measured"]["files"] == [str(test)]
    rows = [line.split(";") for line in test.read_text().splitlines()[1:101]]
    for model, told in zip((run, out), found["measured"]["accuracy"], strict=True):
        right = np.mean([
            label == said
            for (_, label, _), said in zip(
                rows, Classifier.load(model).predict([text for *_, text in rows]), strict=True
            )
        ])  # fmt: skip
        assert told == pytest.approx(right)
    assert {layer.stored for layer in Classifier.load(out).layers} == {"int8"}
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_told_of_a_smaller_copy_is_for_people_too(textclf, run, tmp_path):
    result = textclf("export", run, "--quantize", "float16", "-o", tmp_path / "small")
    lines = result.stdout.splitlines()
    names = ["model", "weights", "size", "accuracy", "log", "changed"]
    assert [line.split()[0] for line in lines] == names
    assert "on 100 rows of" in lines[3]


def test_rows_to_measure_on_may_be_given_or_missing(textclf, themes, themes_model, tmp_path):
    result = textclf("export", themes_model, "--quantize", "int8", "-o", tmp_path / "one")
    assert "give --data FILE" in result.stdout
    rows = tmp_path / "rows.csv"
    lines = [f"{label},{text}" for text, label in zip(*themes, strict=True)]
    rows.write_text("\n".join(["label,text", *lines]))
    more = ["--data", rows, "-o", tmp_path / "two", "--json"]
    result = textclf("export", themes_model, "--quantize", "int8", *more)
    assert json.loads(result.stdout)["measured"]["rows"] == 300
    result = textclf("export", themes_model, "--quantize", "int8", *more[:2], "-o", tmp_path / "2",
                     "--data", tmp_path / "none.csv")  # fmt: skip
    assert result.returncode == 65
    assert not (tmp_path / "2").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "--format is missing"),
        (["--format", "onnx", "--quantize", "int8"], "--quantize goes with --format textclf"),
        (["--format", "textclf", "--data", "a.csv"], "--data goes with --quantize"),
    ],
)
def test_options_that_do_not_fit_each_other_are_told(textclf, themes_model, options, problem):
    result = textclf("export", themes_model, *options)
    assert result.returncode == 2
    assert problem in result.stderr


def test_help_says_where_a_model_goes_by_default(quick):
    told = " ".join(quick("export", "-h").stdout.split())
    assert "[default: model.onnx, saved_model, model.skops, model, by the format]" in told


def test_help_says_that_networks_alone_take_no_raw_texts(textclf):
    text = " ".join(textclf("export", "--help").stdout.split())
    assert "they take no raw texts" in text
