"""The incident of the README, step by step, with the commands that stand there."""

import json
import shlex
from pathlib import Path

from unattended_jobs import runs, write_rows

README = Path(__file__).parents[2] / "README.md"


def commands():
    """Return the commands of the section, as words."""
    section = README.read_text("utf-8").split("### An incident, step by step")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("textclf ")]
    return [shlex.split(line)[1:] for line in lines]


def test_the_gate_holds_the_old_model_serves_and_a_bad_one_can_be_undone(
    quick, tmp_path, job, data, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert quick(*job, "--name", "films").returncode == 0
    current = tmp_path / "models" / "films" / "current"
    good = current.resolve().name
    write_rows(data, flipped=0.6)

    night = quick(*job, "--name", "films", "--quiet", "--max-drop", "0.005")
    assert night.returncode == 80
    (line,) = night.stderr.splitlines()
    bad = next(run.name for run in runs(tmp_path) if run.name != good)
    assert bad in line
    assert "the published model is untouched" in line
    assert current.resolve().name == good
    assert json.loads((tmp_path / "models" / "films" / bad / "metrics.json").read_text())["gate"]

    listed, compared, rolled_back = commands()
    assert listed == ["runs", "list", "films"]
    result = quick(*listed)
    assert good in result.stdout
    assert bad in result.stdout
    result = quick(*[bad if word.startswith("2026") else word for word in compared])
    assert result.returncode == 0, result.stderr
    assert "accuracy" in result.stdout

    assert quick(*job, "--name", "films").returncode == 0  # without a gate
    assert current.resolve().name != good
    assert quick(*rolled_back).returncode == 0
    assert current.resolve().name == good
