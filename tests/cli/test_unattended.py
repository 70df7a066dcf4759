"""Jobs that nobody watches: gates, nothing to do, limits, signals, and what they leave behind."""

import errno
import json
import re
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest
from unattended_jobs import QUICK, begun, environment, hidden, metrics, published, runs, write_rows

BAD = {"QUICK_BAD": "1"}


def test_a_model_below_the_gate_is_kept_but_not_published(quick, tmp_path, job, data):
    assert quick(*job, "--min-accuracy", 0.9, "--min-macro-f1", 0.9).returncode == 0
    good = published(tmp_path)
    write_rows(data, seed=3, flipped=0.9)
    result = quick(*job, "--max-drop", 0.005, "--min-accuracy", 0.9)
    assert (result.returncode, result.stdout) == (80, "")
    assert result.stderr.splitlines()[-1].count("below") >= 2
    assert published(tmp_path) == good
    kept = metrics(runs(tmp_path)[-1])
    assert kept["published"] is False
    assert kept["gate"]["passed"] is False
    assert len(kept["gate"]["reasons"]) == 2
    assert kept["gate"]["published"]["run"] == good
    assert kept["gate"]["published"]["accuracy"] == metrics(runs(tmp_path)[0])["test"]["accuracy"]
    assert metrics(runs(tmp_path)[0])["published"] is True


def test_without_a_test_file_the_gate_judges_by_the_validation_rows(quick, tmp_path, data):
    job = ["train", "--train-file", data, "--models-dir", tmp_path / "models", "--max-drop", "0"]
    assert quick(*job, "--json").returncode == 0
    result = quick(*job, env={"QUICK_BAD": "1"})
    assert result.returncode == 80
    first, second = (metrics(run) for run in runs(tmp_path))
    assert second["gate"]["rows"] == "validation"
    assert second["gate"]["published"]["accuracy"] == first["validation"]["accuracy"]


def test_a_drop_cannot_be_measured_on_rows_that_are_gone(quick, tmp_path):
    result = quick(
        "train",
        "--train-file",
        "-",
        "--max-drop",
        "0.01",
        "--models-dir",
        tmp_path,
    )
    assert result.returncode == 2
    assert "--max-drop" in result.stderr


def test_where_nothing_is_to_do_nothing_large_is_imported(quick, tmp_path, job):
    assert quick(*job, "--if-changed").returncode == 0
    command = [sys.executable, "-X", "importtime", *QUICK[1:]]
    command[3:] = ["-m", "textclf", *map(str, job), "--if-changed"]
    again = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert again.returncode == 0, again.stderr[-300:]
    assert "nothing to do" in again.stdout
    assert published(tmp_path) in again.stdout
    assert not re.search(r"\b(tensorflow|keras|numba|sklearn)\b", again.stderr)
    assert len(runs(tmp_path)) == 1


def test_old_runs_are_removed_after_publishing(quick, tmp_path, job):
    for seed in range(3):
        assert quick(*job, "--seed", seed, "--keep", 2).returncode == 0
    assert len(runs(tmp_path)) == 2
    assert published(tmp_path) in {run.name for run in runs(tmp_path)}


def test_old_refused_runs_are_removed_too(quick, tmp_path, job):
    assert quick(*job).returncode == 0
    good = published(tmp_path)
    for seed in range(3):
        result = quick(*job, "--seed", seed, "--keep", 1, "--min-accuracy", 1, env=BAD)
        assert result.returncode == 80
    assert len(runs(tmp_path)) == 2
    assert published(tmp_path) == good


def test_who_waited_for_the_lock_does_not_train_the_same_again(quick, tmp_path, job):
    first = begun(job, "--if-changed")
    second = quick(*job, "--if-changed", "--wait", "1m")
    assert (first.wait(60), second.returncode) == (0, 0)
    assert "nothing to do" in second.stdout
    assert len(runs(tmp_path)) == 1


def test_what_the_time_limit_ended_is_trained_again_where_there_is_more_time(quick, tmp_path, job):
    job = [*job, "--if-changed"]
    slow = {"QUICK_STEP": "0.5"}
    assert quick(*job, "--time-limit", "3s", env=slow).returncode == 0
    assert "nothing to do" in quick(*job, "--time-limit", "2s").stdout
    assert "nothing to do" not in quick(*job, "--time-limit", "1h").stdout
    assert metrics(runs(tmp_path)[-1])["ended"] != "time"


def test_what_was_gone_back_from_is_not_trained_again(quick, tmp_path, data, job):
    assert quick(*job).returncode == 0
    good = published(tmp_path)
    write_rows(data, seed=3, flipped=0.5)
    assert quick(*job, "--if-changed").returncode == 0
    bad = published(tmp_path)
    assert quick("runs", "rollback", "films", "--models-dir", tmp_path / "models").returncode == 0
    again = quick(*job, "--if-changed", "--quiet")
    assert (again.returncode, again.stdout) == (0, "")
    assert bad in again.stderr
    assert "is not published any more" in again.stderr
    assert published(tmp_path) == good


def test_nothing_that_was_gone_back_from_since_is_trained_again(quick, tmp_path, data, job):
    for seed in (1, 3, 4):
        write_rows(data, seed=seed)
        assert quick(*job).returncode == 0
    for _ in range(2):
        quick("runs", "rollback", "films", "--models-dir", tmp_path / "models")
    for seed in (4, 3):
        write_rows(data, seed=seed)
        assert "is not published any more" in quick(*job, "--if-changed").stderr
    write_rows(data, seed=5)
    assert "is not published any more" not in quick(*job, "--if-changed").stderr


def test_a_drop_from_a_model_that_had_a_validation_file_is_one_from_what_it_showed(
    quick, tmp_path, job, data
):
    own = write_rows(tmp_path / "own.csv", seed=9, flipped=0.2)
    job = [*job[:3], *job[5:]]  # without test rows
    assert quick(*job, "--validation-file", own).returncode == 0
    shown = metrics(runs(tmp_path)[0])["validation"]["accuracy"]
    result = quick(*job, "--max-drop", 0.005)
    assert result.returncode == 0, result.stderr
    run = runs(tmp_path)[-1]
    assert metrics(run)["gate"]["published"]["accuracy"] == shown < 0.9
    assert "--set training.refit=false" in (run / "report.html").read_text()


@pytest.mark.parametrize("held_out", [False, True])
def test_a_drop_is_one_from_what_the_published_model_reads(quick, tmp_path, job, data, held_out):
    job = [*job[:3], *job[5:]] if held_out else job
    assert quick(*job, "--max-drop", 1).returncode == 0
    for name in ("films.csv", "test.csv"):
        file = tmp_path / name
        first, *rows = file.read_text().splitlines()
        lines = [f"title,{first}", *(f"film {i % 7},{row}" for i, row in enumerate(rows))]
        file.write_text("\n".join(lines) + "\n")
    result = quick(*job, "--max-drop", 0.05, "--label-column", "label", "--text-column", "title")
    assert result.returncode == 80
    assert metrics(runs(tmp_path)[-1])["gate"]["published"]["accuracy"] > 0.95


def test_the_time_limit_publishes_what_there_is(quick, tmp_path, job):
    result = quick(*job, "--time-limit", "3s", "--json", env={"QUICK_STEP": "0.5"})
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["ended"] == "time"
    assert found["seconds"]["total"] < 9
    assert found["published"] is True


def test_training_that_the_time_limit_ended_says_so(quick, job):
    result = quick(*job, "--time-limit", "3s", env={"QUICK_STEP": "0.5"})
    line = next(line for line in result.stdout.splitlines() if line.startswith("training "))
    assert line.endswith("; ended by the time limit")
    assert "info the time limit ended training" in result.stderr


def test_the_memory_limit_bounds_counting(quick, tmp_path, job):
    quick(*job, "--memory-limit", "50M")
    config = (runs(tmp_path)[0] / "config.toml").read_text()
    assert "count_memory_mb = 50\n" in config


def test_a_run_that_began_anew_can_be_gone_on_with_too(quick, tmp_path, job):
    process = begun(job, "--no-resume")
    process.kill()
    process.wait()
    assert json.loads(quick(*job, "--json").stdout)["resumed"] is True


def test_rejects_of_a_killed_run_are_added_to(quick, tmp_path, data, job):
    for name, row in ((data, "too,many,cells"), (tmp_path / "test.csv", "a,b,c")):
        with name.open("a") as file:
            file.write(f"{row}\n")
    rejects = tmp_path / "rejects.tsv"
    job = [*job, "--skip-bad-rows", "1", "--rejects", rejects]
    process = begun(job)
    process.kill()
    process.wait()
    assert json.loads(quick(*job, "--json").stdout)["resumed"]
    assert [line.split("\t")[-1] for line in rejects.read_text().splitlines()] == [
        "content", "too,many,cells", "a,b,c",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_a_line_and_the_next_run_goes_on(quick, tmp_path, job, number):
    process = begun(job)
    time.sleep(1)
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    last = process.stderr.read().splitlines()[-1]
    assert number.name in last
    assert runs(tmp_path) == []
    assert len(hidden(tmp_path)) == 1
    result = quick(*job, "--json")
    assert json.loads(result.stdout)["resumed"] is True
    assert int((runs(tmp_path)[0] / "history.csv").read_text().splitlines()[1].split(",")[1]) >= 2
    assert hidden(tmp_path) == []
    assert {p.name for p in runs(tmp_path)[0].iterdir()} == {
        "model", "metrics.json", "history.csv", "config.toml", "README.md", "report.html",
        "report.json",
    }  # fmt: skip


@pytest.mark.parametrize("change", ["--no-resume", "--seed=7", "--rejects=rejects.tsv", "data"])
def test_a_killed_run_is_not_gone_on_with_if_something_differs(
    quick, tmp_path, job, data, change, monkeypatch
):
    process = begun(job)
    process.kill()
    process.wait()
    assert len(hidden(tmp_path)) == 1
    monkeypatch.chdir(tmp_path)
    if change == "data":
        write_rows(data, seed=9)
    result = quick(*job, *([] if change == "data" else [change]), "--json")
    assert json.loads(result.stdout)["resumed"] is False
    assert hidden(tmp_path) == []


def test_a_second_job_ends_at_once_and_one_that_waits_does_not(quick, tmp_path, job):
    process = begun(job, step="0.2")
    second = quick(*job)
    assert second.returncode == 75
    assert len(second.stderr.splitlines()) == 1
    assert quick(*job, "--wait", "1m").returncode == 0
    assert process.wait(30) == 0
    assert len(runs(tmp_path)) == 2


def test_one_run_id_and_utc_times_in_all_lines(quick, tmp_path, job):
    log = tmp_path / "log.txt"
    result = quick(*job, "--log-format", "json", "--log-file", log)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert {line["run"] for line in lines} == {runs(tmp_path)[0].name}
    assert all(datetime.fromisoformat(line["time"]).utcoffset().seconds == 0 for line in lines)
    assert log.read_text().splitlines() == result.stderr.splitlines()


def test_the_log_file_tells_of_errors_and_is_quiet_nowhere(quick, tmp_path, job):
    log = tmp_path / "log.txt"
    result = quick(*job, "--quiet", "--min-accuracy", 1, "--log-file", log, env={"QUICK_BAD": "1"})
    assert result.returncode == 80
    assert len(result.stderr.splitlines()) == 1
    lines = log.read_text().splitlines()
    assert len(lines) > 3
    assert re.match(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ error .*not published.* exit_code=80", lines[-1]
    )


def test_the_log_file_rotates(tmp_path, monkeypatch):
    import importlib

    console = importlib.import_module("textclf.cli.console")
    monkeypatch.setattr(console, "_LOG_BYTES", 2000)
    with console.Console(quiet=True, log_file=tmp_path / "log") as made:
        for i in range(200):
            made.say(f"line {i}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "log.1", "log.2", "log.3"]
    assert all(p.stat().st_size <= 2000 for p in tmp_path.iterdir())


SAMPLE = re.compile(r'(textclf_\w+)\{(\w+="[^"]*"(?:,\w+="[^"]*")*)\} (\S+)')


def test_the_metrics_file_is_what_prometheus_reads(quick, tmp_path, job):
    path = tmp_path / "textclf.prom"
    quick(*job, "--metrics-file", path)
    found = {}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            found[name, labels] = float(value)
    assert found["textclf_last_exit_code", 'model="films"'] == 0
    accuracy = metrics(runs(tmp_path)[0])["test"]["accuracy"]
    assert found["textclf_published_accuracy", 'model="films",split="test"'] == accuracy
    assert abs(found["textclf_last_run_timestamp_seconds", 'model="films"'] - time.time()) < 60
    quick(*job, "--metrics-file", path, "--min-accuracy", 1, env={"QUICK_BAD": "1"})
    assert 'textclf_last_exit_code{model="films"} 80' in path.read_text()
    assert f'run="{published(tmp_path)}"' in path.read_text()
    assert [p.name for p in tmp_path.glob(".textclf*")] == []


@pytest.mark.parametrize(
    ("options", "code"),
    [(["--set", "training.epochs=0"], 78), (["--config", "missing.toml"], 78)],
)
def test_a_job_that_fails_before_it_begins_is_in_the_metrics_file(
    quick, tmp_path, job, options, code
):
    path = tmp_path / "textclf.prom"
    assert quick(*job, "--metrics-file", path, *options).returncode == code
    assert f'textclf_last_exit_code{{model="films"}} {code}' in path.read_text()


@pytest.mark.parametrize("path", [".", "missing/textclf.prom"])
def test_a_metrics_file_that_cannot_be_is_refused_before_training(quick, tmp_path, job, path):
    result = quick(*job, "--metrics-file", tmp_path / path)
    assert result.returncode == 73
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "models").exists()


def test_labels_that_differ_in_capitals_are_pointed_out(quick, tmp_path):
    rows = "".join(f"{['Yes', 'yes', 'no'][i % 3]},text {i}\n" for i in range(60))
    (tmp_path / "texts.csv").write_text(rows)
    result = quick("train", "--train-file", tmp_path / "texts.csv", "--models-dir", tmp_path / "m")
    assert result.returncode == 0
    assert "the labels 'Yes' and 'yes' differ only in capitals or spaces" in result.stderr


def test_labels_that_hardly_recur_are_pointed_out(quick, tmp_path):
    rows = [f"label {i // 2},some text {i % 5}" for i in range(30)] + ["label 99,more"] * 2
    (tmp_path / "texts.csv").write_text("\n".join(["label,text", *rows, ""]))
    result = quick("train", "--train-file", tmp_path / "texts.csv", "--models-dir", tmp_path / "m")
    assert "there are 16 labels on 32 rows" not in result.stderr
    rows = [f"label {i},some text {i % 5}" for i in range(30)] + ["label 99,more"] * 2
    (tmp_path / "texts.csv").write_text("\n".join(["label,text", *rows, ""]))
    result = quick("train", "--train-file", tmp_path / "texts.csv", "--models-dir", tmp_path / "m")
    assert "there are 31 labels on 32 rows; is it the right --label-column?" in result.stderr


def test_testing_on_the_training_rows_is_pointed_out(quick, tmp_path, data):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(data.read_bytes())
    job = ["train", "--train-file", data, "--models-dir", tmp_path / "models", "--test-file"]
    assert "the test rows are the training rows" in quick(*job, copy).stderr
    other = write_rows(tmp_path / "other.csv", 100, 5)
    assert "the test rows are" not in quick(*job, other).stderr


def test_labels_that_look_like_missing_ones_are_pointed_out(quick, tmp_path):
    rows = "".join(f"{['yes', 'no', 'nan'][i % 3]},text {i}\n" for i in range(60))
    (tmp_path / "texts.csv").write_text(rows)
    result = quick("train", "--train-file", tmp_path / "texts.csv", "--models-dir", tmp_path / "m")
    assert result.returncode == 0
    assert "a label is 'nan', which programs write for a missing one" in result.stderr


def test_labels_that_have_no_test_rows_are_pointed_out(quick, tmp_path, data):
    test = write_rows(tmp_path / "test.csv", 100, 5)
    job = ["train", "--train-file", data, "--models-dir", tmp_path / "models", "--test-file", test]
    assert "have no rows" not in quick(*job).stderr
    kept = [line for line in test.read_text().splitlines() if not line.startswith("good,")]
    test.write_text("\n".join([*kept, ""]))
    result = quick(*job)
    assert result.returncode == 0
    assert "of 2 labels have no rows, and the figures say nothing of them: 'good'" in result.stderr


def test_rows_that_have_labels_of_their_own_are_nothing_to_learn_from(quick, tmp_path, job):
    assert quick(*job, "--name", "texts").returncode == 0
    (tmp_path / "texts.csv").write_text("".join(f"label {i},text {i % 5}\n" for i in range(30)))
    own = ["--train-file", tmp_path / "texts.csv", "--models-dir", tmp_path / "models"]
    result = quick("train", *own)
    assert result.returncode == 65
    assert "each of its 30 rows has a label of its own" in result.stderr
    assert "or --header if row 1 names the columns" in result.stderr
    inspected = quick("inspect", tmp_path / "texts.csv")
    assert inspected.returncode == 65
    assert len(list((tmp_path / "models" / "texts").glob("2*"))) == 1


@pytest.mark.parametrize("command", [["train", "--train-file"], ["inspect"]])
def test_where_columns_have_names_no_header_is_looked_for(quick, tmp_path, command):
    rows = "".join(f"{i},good,text {i % 5}\n" for i in range(30))
    (tmp_path / "texts.csv").write_text("id,label,text\n" + rows)
    result = quick(*command, tmp_path / "texts.csv", "--label-column", "id")
    assert "has a label of its own; give another --label-column\n" in result.stderr + result.stdout


def test_validation_rows_that_are_the_training_rows_are_warned_of(quick, job, data):
    assert "validation rows are the training rows" in quick(*job, "--validation-file", data).stderr


def test_a_file_that_cannot_name_a_model_needs_a_name(quick, tmp_path, data):
    file = tmp_path / "日本語.csv"
    file.write_bytes(data.read_bytes())
    job = ["train", "--train-file", file, "--models-dir", tmp_path / "models"]
    refused = quick(*job)
    assert refused.returncode == 2
    assert refused.stderr.endswith("give --name\n")
    assert quick(*job, "--name", "films").returncode == 0


def test_the_same_bytes_in_one_file_are_not_what_was_trained_on(quick, job, data, tmp_path):
    second = tmp_path / "second.csv"
    second.write_bytes(data.read_bytes())
    assert quick(*job, "--train-file", second).returncode == 0
    data.write_bytes(data.read_bytes() + second.read_bytes())  # a header among the rows
    again = quick(*job, "--if-changed")
    assert "nothing to do" not in again.stdout


def test_a_damaged_model_is_trained_again_though_nothing_changed(quick, job, tmp_path):
    assert quick(*job).returncode == 0
    tensors = tmp_path / "models/films/current/model/model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:1000])
    again = quick(*job, "--if-changed")
    assert again.returncode == 0
    assert "it is trained again" in again.stderr
    assert len(runs(tmp_path)) == 2


def test_a_damaged_published_model_is_found_before_it_is_to_be_compared_with(quick, job, tmp_path):
    assert quick(*job).returncode == 0
    tensors = tmp_path / "models/films/current/model/model.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:1000])
    refused = quick(*job, "--max-drop", "0.1")
    assert refused.returncode == 65
    assert "training" not in refused.stderr.replace("train it again", "")


def test_an_older_run_that_cannot_be_removed_does_not_hide_that_the_new_one_is_published(
    quick, job, tmp_path, monkeypatch
):
    def fail(store, keep):
        raise PermissionError(errno.EACCES, "Permission denied", str(store.folder))

    assert quick(*job).returncode == 0
    with monkeypatch.context() as patch:
        patch.setattr("textclf.runs.RunStore.prune", fail)
        again = quick(*job, "--keep", 1, "--quiet")
    assert again.returncode == 0
    assert "cannot be removed (Permission denied)" in again.stderr
    assert again.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["nan", "2", "x"])
def test_a_gate_is_a_number_from_0_to_1(quick, job, value):
    assert quick(*job, "--min-accuracy", value).returncode == 2


def test_current_may_be_an_absolute_link(quick, job, tmp_path):
    assert quick(*job).returncode == 0
    current = tmp_path / "models/films/current"
    published = current.resolve()
    current.unlink()
    current.symlink_to(published)
    pruned = quick("runs", "prune", "films", "--keep", "0", "--models-dir", tmp_path / "models")
    assert pruned.returncode == 0
    assert published.is_dir()


@pytest.mark.parametrize("kind", ["folder", "nowhere"])
def test_a_current_that_leads_to_no_run_is_refused_before_training(quick, job, tmp_path, kind):
    assert quick(*job).returncode == 0
    current = tmp_path / "models/films/current"
    current.unlink()
    current.mkdir() if kind == "folder" else current.symlink_to("20200101T000000Z-000000")
    refused = quick(*job)
    assert refused.returncode == 73
    assert "runs promote films" in refused.stderr
    assert len(runs(tmp_path)) == 1
