"""`--warm-start` as a job that nobody watches: without a model, unchanged, killed, a new label."""

import json

import pytest
from unattended_jobs import begun, hidden, metrics, published, runs


@pytest.fixture
def warm(job):
    """Arguments of a job with a network of the stand-in's shape."""
    return [*job, "--set", "network.layers=1", "--set", "network.members=1", "--warm-start"]


def test_without_a_published_model_training_begins_anew_and_says_so(quick, tmp_path, warm):
    result = quick(*warm)
    assert result.returncode == 0, result.stderr
    assert "there is no published model to start from: training begins anew" in result.stderr
    assert metrics(runs(tmp_path)[0])["warm_start"] is None


def test_what_it_began_with_is_noted_and_nothing_is_done_if_nothing_changed(quick, tmp_path, warm):
    assert quick(*warm).returncode == 0
    first = published(tmp_path)
    assert quick(*warm).returncode == 0
    second = published(tmp_path)
    assert metrics(tmp_path / "models" / "films" / second)["warm_start"]["run"] == first
    result = quick(*warm, "--if-changed")
    assert (result.returncode, published(tmp_path)) == (0, second)
    assert "nothing to do" in result.stdout
    assert len(runs(tmp_path)) == 2


def test_a_cold_run_is_not_the_same_as_a_warm_one(quick, tmp_path, warm):
    assert quick(*warm[:-1]).returncode == 0
    assert "nothing to do" not in quick(*warm, "--if-changed").stdout
    assert len(runs(tmp_path)) == 2


def test_killed_it_is_gone_on_with_from_the_same_origin(quick, tmp_path, warm):
    assert quick(*warm).returncode == 0
    first = published(tmp_path)
    process = begun(warm)
    process.kill()
    process.wait()
    assert published(tmp_path) == first
    found = json.loads(quick(*warm, "--json").stdout)
    assert (found["resumed"], found["warm_start"]["run"]) == (True, first)
    assert hidden(tmp_path) == []


def test_killed_it_is_not_gone_on_with_if_another_model_was_published(quick, tmp_path, warm):
    for _ in range(2):
        assert quick(*warm).returncode == 0
    first = next(run.name for run in runs(tmp_path) if run.name != published(tmp_path))
    process = begun(warm)
    process.kill()
    process.wait()
    folder = tmp_path / "models"
    assert quick("runs", "promote", "films", first, "--models-dir", folder).returncode == 0
    found = json.loads(quick(*warm, "--json").stdout)
    assert (found["resumed"], found["warm_start"]["run"]) == (False, first)


def test_a_label_that_the_model_never_saw_ends_with_65_and_one_line(quick, tmp_path, data, warm):
    assert quick(*warm).returncode == 0
    before = published(tmp_path)
    with data.open("a") as file:
        file.write("mixed,so and so\n")
    result = quick(*warm, "--quiet")
    assert (result.returncode, published(tmp_path)) == (65, before)
    (line,) = result.stderr.splitlines()
    assert "'mixed'" in line
    assert "train without --warm-start" in line
    assert hidden(tmp_path) == []
