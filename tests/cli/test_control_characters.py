"""Labels and names with control characters: no output lets a terminal obey them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from textclf.classifier import Classifier

LABEL = "\x1b]0;title\x07\x1b[31m\x9b2Jneg"
SHOWN = "\\x1b]0;title\\x07\\x1b[31m\\x9b2Jneg"


@pytest.fixture
def model(make_model, tmp_path):
    """A model that says the label of nearly all texts."""
    made = make_model()
    made.layers[0].bias[:] = np.array([9, 0, 0], np.float32)
    labels = [LABEL, *made.labels[1:]]
    Classifier(labels, made.vectorizer, made.layers).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f'label,text,"k{LABEL}"\n"{LABEL}",soup,1\nmusic,song,2\n', "utf-8")
    return path


def safe(output):
    return all(c.isprintable() for line in output.split("\n") for c in line.split("\t"))


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "--pass-through", "all"],
        ["evaluate"],
        ["explain"],
        ["explain", "--text", "soup"],
    ],
    ids=" ".join,
)
def test_no_output_has_control_characters(quick, model, rows, command):
    files = [rows] if command[0] in ("predict", "evaluate") else []
    columns = ["--text-column", "text"] if files else []
    done = quick(command[0], model, *files, *columns, *command[1:])
    assert done.returncode == 0, done.stderr
    assert SHOWN in done.stdout
    assert safe(done.stdout + done.stderr)


def test_json_has_the_label_as_it_is(quick, model):
    done = quick("explain", model, "--json")
    assert safe(done.stdout)
    assert LABEL in json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_predictions_for_programs_lose_nothing(quick, model, rows, tmp_path, kind):
    out = tmp_path / f"out.{kind}"
    done = quick("predict", model, rows, "--text-column", "text", "-o", out)
    assert done.returncode == 0, done.stderr
    if kind == "parquet":
        assert pq.read_table(out).column("label")[0].as_py() == LABEL
    elif kind == "jsonl":
        assert json.loads(out.read_text("utf-8").splitlines()[0])["label"] == LABEL
    else:
        assert out.read_bytes().decode().split("\n")[1].startswith(LABEL)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_errors_and_logs_have_no_control_characters(quick, rows, tmp_path, log_format):
    log = tmp_path / "log"
    done = quick(
        "train", "--train-file", rows, "--label-column", "stars",
        "--log-file", log, "--log-format", log_format,
    )  # fmt: skip
    assert done.returncode == 65
    told, shown = done.stderr, SHOWN
    if log_format == "json":  # which has escapes of its own
        told, shown = json.loads(told)["message"], LABEL
    assert f"the columns are label, text, k{shown}" in told
    assert safe(done.stderr + log.read_text("utf-8"))


def test_rejects_have_no_control_characters(quick, rows, tmp_path):
    rejects = tmp_path / "rejects"
    with rows.open("a", encoding="utf-8") as file:
        file.write(f"{LABEL}\n")
    quick("inspect", rows, "--text-column", "text", "--rejects", rejects)
    assert SHOWN in rejects.read_text("utf-8")
    assert safe(rejects.read_text("utf-8"))
