"""textclf tune."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib

import psutil
import pytest

pytest.importorskip("optuna")

QUICKLY = ("--set", "training.epochs=1", "--set", "network.members=1", "--set", "network.layers=1")


def job(folder, *more):
    return ["tune", "--dataset", "sample", "--models-dir", folder, *QUICKLY, *more]


@pytest.mark.slow
def test_what_it_finds_can_be_trained(textclf, tmp_path):
    result = textclf(*job(tmp_path, "--trials", 3))
    assert result.returncode == 0, result.stderr
    assert "trial 0: accuracy" in result.stderr
    assert "trial 2" in result.stderr
    config = tmp_path / "sample" / "tuning" / "config.toml"
    assert tomllib.loads(config.read_text())["training"]["epochs"] == 1
    command = result.stdout.splitlines()[-1].split("textclf ")[1].split()
    trained = textclf(*command, "--models-dir", tmp_path, "--json", "--quiet")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["epochs"] == 1


@pytest.mark.slow
def test_a_killed_search_goes_on_and_a_stopped_one_says_what_it_found(textclf, tmp_path):
    command = [sys.executable, "-m", "textclf", *map(str, job(tmp_path, "--trials", 500))]
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        lines = []
        for line in process.stderr:
            lines.append(line)
            if ": accuracy" in line:
                os.kill(process.pid, number)
                break
        out, rest = process.communicate(timeout=90)
        if number == signal.SIGKILL:
            assert process.returncode == -9
            assert "trial 0:" in lines[-1]
    assert process.returncode == 143, rest
    assert "trial 0:" not in "".join(lines)
    assert "accuracy    0." in out
    assert (tmp_path / "sample" / "tuning" / "config.toml").exists()


def test_it_says_how_to_train_what_it_found(quick, monkeypatch, tmp_path):
    from textclf.settings import Settings
    from textclf.tuning import search

    trials, figures = {"completed": 1, "stopped_early": 0, "failed": 0}, {"accuracy": 0.9}
    found = search.Found(Settings(), best=figures, start=figures, rows=100, trials=trials)
    monkeypatch.setattr(search, "search", lambda *a, **k: found)
    names = ["--train-file", "my films.tsv", "--label-column", "2", "--no-header"]
    more = ["--name", "films", "--models-dir", "my models", "--skip-bad-rows", "0.5%"]
    result = quick("tune", *names, "--delimiter", "\\t", *more, "-o", tmp_path / "best.toml")
    command = shlex.split(result.stdout.splitlines()[-1])
    assert command[4:] == [*names[:4], "--delimiter", "\\t", "--no-header", *more,
                           "--config", str(tmp_path / "best.toml")]  # fmt: skip


@pytest.mark.parametrize(
    ("interrupted", "said"), [(True, "the same command goes on"), (False, "a longer --time-budget")]
)
def test_it_says_when_nothing_was_measured(quick, monkeypatch, tmp_path, interrupted, said):
    from textclf.settings import Settings
    from textclf.tuning import search

    trials = dict.fromkeys(("completed", "stopped_early", "failed"), 0)
    nothing = search.Found(Settings(), trials=trials, interrupted=interrupted)
    monkeypatch.setattr(search, "search", lambda *a, **k: nothing)
    config = tmp_path / "best.toml"
    result = quick("tune", "--dataset", "sample", "-o", config)
    assert said in result.stdout
    assert "Train it" not in result.stdout
    assert "no time to measure" in config.read_text()


def test_where_nothing_was_measured_what_was_found_before_stays(quick, monkeypatch, tmp_path):
    from textclf.settings import Settings
    from textclf.tuning import search

    trials = dict.fromkeys(("completed", "stopped_early", "failed"), 0)
    monkeypatch.setattr(search, "search", lambda *a, **k: search.Found(Settings(), trials=trials))
    config = tmp_path / "best.toml"
    config.write_text("[training]\nepochs = 7\n")
    result = quick("tune", "--dataset", "sample", "-o", config)
    assert f"settings    {config}, as it was" in result.stdout
    assert config.read_text() == "[training]\nepochs = 7\n"


def test_it_says_on_what_share_of_the_rows_it_measured(quick, monkeypatch, tmp_path):
    from textclf.settings import Settings
    from textclf.tuning import search

    figures = dict.fromkeys(("accuracy", "loss", "macro_f1"), 0.9)
    trials = {"completed": 1, "stopped_early": 0, "failed": 0}
    found = search.Found(Settings(), {}, figures, figures, 2000, "1/3", trials)
    monkeypatch.setattr(search, "search", lambda *a, **k: found)
    config = tmp_path / "best.toml"
    result = quick("tune", "--dataset", "sample", "-o", config)
    assert "0.9000 on 2,000 rows held out, trained on 1/3 of the others" in result.stdout
    assert "trained on 1/3 of the others: 0.9000" in config.read_text()


def test_ctrl_c_as_its_worker_starts_shows_no_traceback(tmp_path):
    command = [sys.executable, "-m", "textclf", *map(str, job(tmp_path, "--trials", 500))]
    process = psutil.Popen(
        command, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not [c for c in process.children() if "spawn_main" in " ".join(c.cmdline())]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_it_says_how_to_install_what_it_needs(quick, monkeypatch):
    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *a: None if name == "optuna" else found(name, *a)
    )
    result = quick("tune", "--dataset", "sample")
    assert result.returncode == 2
    assert "pip install 'textclf[tune]'" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--time-budget", "soon"], 2, "no duration"),
        (["--time-budget", "0"], 2, "no time"),
        (["--trials", "0"], 2, "--trials"),
        (["--train-file", "-"], 2, "more than once"),
        (["--train-file", "nowhere.csv"], 65, "no such file"),
        (["--dataset", "sample", "-o", "-"], 2, "--output FILE"),
        (["--dataset", "sample", "-o", "."], 73, "it is a folder"),
        (["--dataset", "sample", "-o", f"{__file__}/best.toml"], 73, "there is no folder"),
        (["--dataset", "sample", "-o", "nowhere/best.toml"], 73, "there is no folder nowhere"),
        (["--dataset", "sample", "--set", "network.unit=3"], 78, "did you mean units"),
    ],
)
def test_what_it_cannot_do_it_says_at_once(quick, tmp_path, options, code, said):
    result = quick("tune", "--models-dir", tmp_path, *options)
    assert result.returncode == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_processes_of_a_killed_search_end(tmp_path):
    command = [sys.executable, "-m", "textclf", *map(str, job(tmp_path, "--trials", 500))]
    process = psutil.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (children := process.children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(3)
    children = process.children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
