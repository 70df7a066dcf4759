"""textclf train, end to end on the sample."""

import csv
import json
import random
import re
import tomllib
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@pytest.fixture(scope="module")
def metrics(models):
    return json.loads((models / "sample" / "current" / "metrics.json").read_text())


def test_the_sample_trains_offline_and_is_not_trivial(metrics):
    assert 0.80 < metrics["test"]["accuracy"] < 0.97
    assert 0.80 < metrics["validation"]["accuracy"] < 0.97


def test_the_readme_shows_what_the_sample_gives(metrics):
    shown = (SAMPLE.parents[1] / "README.md").read_text("utf-8")
    assert f"\nfiles       {metrics['layout']}\n" in shown
    assert f"\nfeatures    {metrics['features']:,} n-grams\n" in shown
    assert f"; {metrics['classes']} classes\n" in shown
    (accuracy,) = re.findall(r"^test {8}accuracy (\S+),", shown, re.MULTILINE)
    # Another processor may round the last digits otherwise.
    assert float(accuracy) == pytest.approx(metrics["test"]["accuracy"], abs=0.005)


def test_metrics_hold_what_the_contract_names(metrics):
    assert metrics["dataset"] == "sample"
    assert metrics["samples"]["train"] + metrics["samples"]["validation"] == 4000
    assert metrics["samples"]["test"] == 1000
    assert metrics["classes"] == 5
    assert metrics["features"] > 1000
    for part in ("validation", "test"):
        assert {"accuracy", "loss", "macro_f1"} <= set(metrics[part])
    assert {"read", "vectorize", "train", "evaluate", "total"} <= set(metrics["seconds"])
    assert 1e8 < metrics["peak_rss_bytes"] < 4e9
    batch = metrics["batch_size"]
    assert metrics["steps_per_epoch"] == -(-metrics["samples"]["train"] // batch)
    assert metrics["validation_steps"] == -(-metrics["samples"]["validation"] // batch)
    assert re.fullmatch("[0-9a-f]{64}", metrics["sha256"]["train"])


def test_a_run_holds_model_history_and_config(models, metrics):
    run = models / "sample" / "current"
    assert run.is_symlink()
    with (run / "history.csv").open(newline="") as file:
        history = list(csv.DictReader(file))
    assert len(history) == metrics["epochs"]
    assert float(history[0]["val_loss"]) > 0
    config = tomllib.loads((run / "config.toml").read_text())
    assert {"ngrams", "network", "training"} <= set(config)
    assert {p.name for p in (run / "model").iterdir()} == {
        "manifest.json",
        "model.json",
        "model.safetensors",
    }
    left = {p.name for p in (models / "sample").iterdir() if p.name.startswith(".")}
    assert left == {".lock", ".published"}


def test_the_config_of_a_run_trains_the_same_model(textclf, models, tmp_path, metrics):
    config = models / "sample" / "current" / "config.toml"
    result = textclf(
        "train", "--dataset", "sample", "--config", config, "--models-dir", tmp_path, "--json"
    )  # fmt: skip
    again = json.loads(result.stdout)
    assert again["sha256"] == metrics["sha256"]
    assert again["test"] == pytest.approx(metrics["test"], abs=2e-3)


def test_quiet_says_nothing(textclf, tmp_path):
    result = textclf(
        "train", "--dataset", "sample", "--quiet", "--models-dir", tmp_path,
        "--set", "training.epochs=1",
    )  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_lines_for_machines_are_json_without_control_characters(textclf, tmp_path):
    result = textclf(
        "train", "--dataset", "sample", "--log-format", "json", "--json",
        "--models-dir", tmp_path, "--set", "training.epochs=1",
    )  # fmt: skip
    assert json.loads(result.stdout)["epochs"] == 1
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert {"time", "level", "message"} <= set(lines[0])
    assert "\x1b" not in result.stderr


def rows(n, seed):
    draw = random.Random(seed)
    words = {"good": ["fine", "great", "lovely", "nice"], "bad": ["awful", "poor", "sad", "dull"]}
    for _ in range(n):
        label = draw.choice(sorted(words))
        text = [draw.choice(words[label]), *draw.choices(["the", "a", "film", "it", "was"], k=5)]
        yield label, " ".join(text), draw.choice(["x", "y"])


def test_own_files_with_header_and_named_columns(textclf, tmp_path):
    for name, n, seed in [("train", 400, 1), ("held", 100, 2), ("test", 100, 3)]:
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "review", "stars", "title"])
            writer.writerows((i, b, a, c) for i, (a, b, c) in enumerate(rows(n, seed)))
    result = textclf(
        "train", "--train-file", tmp_path / "train.csv", "--validation-file", tmp_path / "held.csv",
        "--test-file", tmp_path / "test.csv", "--label-column", "stars", "--text-column", "title",
        "--text-column", "review", "--name", "films", "--models-dir", tmp_path / "models", "--json",
        "--class-weight", "balanced",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    config = (tmp_path / "models" / "films" / "current" / "config.toml").read_text()
    assert tomllib.loads(config)["training"]["class_weight"] == "balanced"
    metrics = json.loads(result.stdout)
    assert metrics["samples"] == {"train": 400, "validation": 100, "test": 100}
    assert metrics["test"]["accuracy"] > 0.95
    assert set(metrics["sha256"]) == {"train", "validation", "test"}
    said = textclf("predict", tmp_path / "models" / "films" / "current", input="a great film\n")
    assert said.stdout.split("\t")[0] == "good"


def test_standard_input_can_be_trained_on(textclf, tmp_path):
    text = "\n".join(f"{label}\t{words}" for label, words, _ in rows(300, 4))
    result = textclf(
        "train", "--train-file", "-", "--format", "tsv", "--no-header", "--models-dir", tmp_path,
        "--json", input=text + "\n",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["dataset"] == "stdin"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give --dataset NAME"),
        (["--dataset", "samples"], 2, "samples"),
        (["--dataset", "sample", "--train-file", "x.csv"], 2, "exclude each other"),
        (["--dataset", "sample", "--test-file", "x.csv"], 2, "--test-file is not for it"),
        (["--dataset", "sample", "--validation-file", "x.csv"], 2, "--validation-file is not"),
        (["--dataset", "sample", "--label-column", "2"], 2, "--label-column is not for it"),
        (["--dataset", "sample", "--no-header"], 2, "--no-header is not for it"),
        (["--dataset", "sample", "--set", "training.epoch=3"], 78, "did you mean epochs"),
        (["--dataset", "sample", "--wait", "soon"], 2, "no duration"),
        (["--dataset", "sample", "--set", "training.validation_split=0"], 78, "validation_split"),
        (["--train-file", "nowhere.csv"], 65, "nowhere.csv"),
        (["--dataset", "sample", "--models-dir", "/proc/none"], 73, "--models-dir"),
    ],
)
def test_mistakes_end_with_a_line_and_the_documented_code(
    textclf, tmp_path, arguments, code, message
):
    where = [] if "--models-dir" in arguments else ["--models-dir", tmp_path]
    result = textclf("train", *arguments, *where)
    assert (result.returncode, result.stdout) == (code, "")
    last = result.stderr.splitlines()[-1]
    assert message in last
    assert "Traceback" not in result.stderr
