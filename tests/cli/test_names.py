"""Names of files and columns that are not UTF-8 are used as they are, and shown escaped."""

import json
import os
import tomllib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from unattended_jobs import write_rows

NAME = os.fsdecode(b"caf\xe9.csv")
SHOWN = "caf\\udce9.csv"
COLUMN = "t\ud800"  # as JSON may name it


@pytest.fixture
def file(tmp_path):
    return write_rows(tmp_path / NAME)


@pytest.fixture
def run(quick, tmp_path, file):
    """A run trained on the file."""
    done = quick(
        "train", "--train-file", file, "--name", "films", "--models-dir", tmp_path / "models"
    )
    assert done.returncode == 0, done.stderr
    return tmp_path / "models" / "films" / "current"


@pytest.fixture
def keyed(tmp_path, file):
    """The same rows in JSON lines."""
    labels, texts = zip(
        *(line.split(",") for line in file.read_text().splitlines()[1:]), strict=True
    )
    path = tmp_path / "keyed.jsonl"
    with path.open("w") as out:
        for label, text in zip(labels, texts, strict=True):
            out.write(json.dumps({"label": label, COLUMN: text, "id": COLUMN}) + "\n")
    return path


def test_settings_name_the_file(run):
    (named,) = tomllib.loads((run / "config.toml").read_text("utf-8"))["data"]["train"]
    assert named.endswith(SHOWN)


@pytest.mark.parametrize("name", ["metrics.json", "report.html"])
def test_other_files_of_a_run_name_it_likewise(run, name):
    assert SHOWN in (run / name).read_text("utf-8").replace("\\\\", "\\")


def test_the_same_file_is_known_again(quick, run, file, tmp_path):
    again = quick(
        "train", "--train-file", file, "--name", "films", "--models-dir", tmp_path / "models",
        "--if-changed",
    )  # fmt: skip
    assert "nothing to do" in again.stdout


def test_log_files_name_it(quick, file, tmp_path):
    file.write_text("a,one\nb\n")
    done = quick("train", "--train-file", file, "--no-header", "--log-file", tmp_path / "log")
    assert done.returncode == 65
    assert f"{SHOWN}, row 2" in (tmp_path / "log").read_text("utf-8")


def test_rejects_name_it(quick, file, tmp_path):
    file.write_text(file.read_text() + "one\n")
    done = quick("inspect", file, "--skip-bad-rows", "1", "--rejects", tmp_path / "rejects")
    assert done.returncode == 0
    assert f"{SHOWN}\t402\t" in (tmp_path / "rejects").read_text("utf-8")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_inspect_prints_it_where_output_must_be_utf_8(textclf, file, options):
    done = textclf("inspect", file, *options, env={"PYTHONIOENCODING": "utf-8:strict"})
    assert SHOWN in done.stdout


def test_parquet_of_such_a_name_is_read(quick, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.parquet")
    with path.open("wb") as file:
        pq.write_table(pa.table({"label": ["a", "b"], "text": ["x", "y"]}), file)
    assert json.loads(quick("inspect", path, "--json").stdout)["rows"] == 2


def test_no_schedule_for_such_a_name(quick, file):
    done = quick("schedule", "--at", "03:30", "--train-file", file)
    assert done.returncode == 2
    assert "is not UTF-8; rename it" in done.stderr


def test_the_model_card_names_such_a_column(quick, keyed, tmp_path):
    models = tmp_path / "models"
    done = quick("train", "--train-file", keyed, "--text-column", "2", "--models-dir", models)
    assert done.returncode == 0, done.stderr
    assert "text in 't\\\\ud800'" in (models / "keyed" / "current" / "README.md").read_text()


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_predict_passes_such_columns_through(quick, themes_model, keyed, tmp_path, kind):
    out = tmp_path / f"out.{kind}"
    done = quick(
        "predict", themes_model, keyed, "--text-column", "2", "--pass-through", "all", "-o", out
    )
    assert done.returncode == 0, done.stderr
    if kind == "parquet":
        assert pq.read_table(out).column("id")[0].as_py() == "t\\ud800"
    elif kind == "jsonl":
        assert json.loads(out.read_text("utf-8").splitlines()[0])[COLUMN]
    else:
        assert "t\\ud800" in out.read_text("utf-8").splitlines()[1]
