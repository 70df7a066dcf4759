"""A run whose metrics.json is damaged is listed with what is known, and stops nothing."""

import json
import shutil

import pytest
from unattended_jobs import MODEL

FIRST, SECOND, THIRD = (f"20260{month}01T000000Z-000000" for month in (1, 2, 3))
NO_DATE = "20261399T000000Z-000000"
CONTENTS = {
    "null": "null",
    "list": "[1]",
    "number": "5",
    "nested": "[" * 100_000,
    "nested object": '{"test": {"a":' + '{"a":' * 900 + "1" + "}" * 902,
    "no tables": '{"test": "x", "validation": 3, "job": [], "sha256": 1, "samples": "many"}',
    "no figures": '{"test": {"accuracy": "high"}, "validation": {"accuracy": [0.5]}}',
    "no gate": '{"gate": "y", "published": 7}',
    "no reasons": '{"gate": {"reasons": 5}, "started": 5}',
    "odd reasons": '{"gate": {"reasons": [5, null]}, "job": {"files": 3, "format": "csv"}}',
    "no time": '{"started": "yesterday", "seconds": {"total": "long"}, "peak_rss_bytes": "much"}',
    "refit": '{"refit": true, "validation": {"loss": 1.0}}',
    "digits": '{"test": {"accuracy": 1' + "0" * 400 + "}}",
}


@pytest.fixture(params=CONTENTS)
def damage(request):
    """Damage a run's metrics.json."""
    return lambda run: (run / "metrics.json").write_text(CONTENTS[request.param])


@pytest.fixture
def folder(tmp_path):
    """Three runs of a model: the second one published, the third one to be damaged."""
    for run, started in ((FIRST, "2026-01-01"), (SECOND, "2026-02-01"), (THIRD, "2026-03-01")):
        shutil.copytree(MODEL, tmp_path / "films" / run / "model")
        metrics = {"started": started, "test": {"accuracy": 0.5}}
        (tmp_path / "films" / run / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "films" / "current").symlink_to(SECOND)
    return tmp_path


@pytest.mark.parametrize("command", ["list", "show", "compare"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_damaged_run_is_told_of(quick, folder, damage, command, form):
    damage(folder / "films" / THIRD)
    run = [THIRD] if command in ("show", "compare") else []
    result = quick("runs", command, "films", *run, *form, "--models-dir", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert form or THIRD in result.stdout


def test_rollback_and_prune_pass_by_a_damaged_run(quick, folder, damage):
    damage(folder / "films" / THIRD)
    assert quick("runs", "rollback", "films", "--models-dir", folder).returncode == 0
    result = quick("runs", "prune", "films", "--keep", 2, "--models-dir", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert (folder / "films" / "current").resolve().name == FIRST


def test_a_damaged_run_does_not_stop_a_training(quick, tmp_path, data, damage):
    job = ["train", "--train-file", data, "--models-dir", tmp_path / "models", "--keep", 2]
    job += ["--if-changed", "--max-drop", 1, "--metrics-file", tmp_path / "prom"]
    assert quick(*job).returncode == 0
    damage((tmp_path / "models" / "films" / "current").resolve())
    result = quick(*job)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "models" / "films").glob("*Z-*"))) == 2


def test_a_report_of_nested_metrics_is_refused(quick, folder):
    (folder / "films" / THIRD / "metrics.json").write_text(CONTENTS["nested"])
    result = quick("report", f"films/{THIRD}", "--models-dir", folder)
    assert (result.returncode, len(result.stderr.splitlines())) == (65, 1)


def test_a_run_whose_id_is_no_date_is_the_oldest(quick, folder):
    (folder / "films" / NO_DATE).mkdir()
    found = json.loads(quick("runs", "list", "films", "--json", "--models-dir", folder).stdout)
    assert [run["run"] for run in found] == [NO_DATE, FIRST, SECOND, THIRD]


def test_what_is_sound_in_a_damaged_run_is_shown(quick, folder):
    metrics = {"test": {"accuracy": 0.75, "loss": "x"}, "validation": 3, "epochs": 4}
    (folder / "films" / THIRD / "metrics.json").write_text(json.dumps(metrics))
    shown = quick("runs", "show", "films", THIRD, "--json", "--models-dir", folder).stdout
    expected = {"test": {"accuracy": 0.75}, "epochs": 4, "current": False}
    assert json.loads(shown) == expected | {"folder": str(folder / "films" / THIRD)}
