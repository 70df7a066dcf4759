"""textclf runs compare and show."""

import json
import shutil

import pytest
from unattended_jobs import MODEL, one_line

from textclf.runs import RunStore

FIRST, SECOND, THIRD = (
    f"20260{month}01T000000Z-{month}{month}{month}{month}{month}{month}" for month in (1, 2, 3)
)


@pytest.fixture
def store(tmp_path):
    """Three runs of a model, the second one published."""
    figures = {
        FIRST: {"epochs": 8, "test": {"accuracy": 0.5, "loss": 1.0}, "published": True},
        SECOND: {"epochs": 6, "test": {"accuracy": 0.75, "loss": 1.0}, "published": True},
        THIRD: {"epochs": 6, "test": None, "published": False, "gate": {"reasons": ["bad"]}},
    }
    for run, metrics in figures.items():
        (tmp_path / "films" / run).mkdir(parents=True)
        (tmp_path / "films" / run / "metrics.json").write_text(json.dumps(metrics))
        shutil.copytree(MODEL, tmp_path / "films" / run / "model")
    (tmp_path / "films" / "current").symlink_to(SECOND)
    return tmp_path


@pytest.fixture
def compare(textclf, store):
    return lambda *args: textclf("runs", "compare", "films", *args, "--models-dir", store)


def test_what_differs_is_compared_with_the_published_run(compare):
    found = json.loads(compare(FIRST, "--json").stdout)
    assert found == {"epochs": [8, 6], "test.accuracy": [0.5, 0.75]}


def test_runs_may_be_given_by_the_start_of_their_ids(compare):
    found = json.loads(compare("202603", "202601", "--json").stdout)
    assert found["epochs"] == [6, 8]
    assert found["published"] == [False, True]


def test_figures_that_one_run_lacks_are_null(compare):
    found = json.loads(compare(SECOND, THIRD, "--json").stdout)
    assert found["test.accuracy"] == [0.75, None]
    assert found["test.loss"] == [1.0, None]


def test_for_people_it_is_a_table_with_the_changes(compare):
    lines = [line.split() for line in compare(FIRST, SECOND).stdout.splitlines()]
    assert lines == [
        [FIRST, SECOND, "change"],
        ["epochs", "8", "6", "-2"],
        ["test.accuracy", "0.5000", "0.7500", "+0.2500"],
    ]


def test_a_run_does_not_differ_from_itself(compare):
    assert json.loads(compare("current", SECOND, "--json").stdout) == {}
    same = f"{SECOND} and {SECOND} are the same in all figures\n"
    assert compare("current", SECOND).stdout == same


@pytest.mark.parametrize(
    ("runs", "problem"), [(["2025"], "no run 2025"), (["2026"], "3 runs begin with 2026")]
)
def test_a_run_that_is_not_one_is_told(compare, runs, problem):
    result = compare(*runs)
    assert (result.returncode, result.stdout) == (2, "")
    assert problem in result.stderr


@pytest.mark.parametrize("asked", [{}, {"min_accuracy": 0.5}])
def test_a_gate_is_shown_where_there_was_one(textclf, store, asked):
    gate = {"passed": True, "reasons": [], "rows": "test", **asked}
    (store / "films" / SECOND / "metrics.json").write_text(json.dumps({"gate": gate}))
    out = textclf("runs", "show", "films", "--models-dir", store).stdout
    assert ("gate.passed" in out, "gate.min_accuracy" in out) == (bool(asked), bool(asked))


def test_a_run_is_shown_with_its_figures_and_why_it_was_not_published(textclf, store):
    out = textclf("runs", "show", "films", "202603", "--models-dir", store).stdout
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["films", THIRD] in lines
    assert ["published", "no"] in lines
    assert ["epochs", "6"] in lines
    assert "not published  bad" in out


def test_a_run_is_shown_whole_as_json(textclf, store):
    found = json.loads(textclf("runs", "show", "films", "--json", "--models-dir", store).stdout)
    assert found["test"] == {"accuracy": 0.75, "loss": 1.0}
    assert found["current"] is True


@pytest.fixture
def meanwhile(monkeypatch):
    """Have something happen while the lock is waited for."""

    def arrange(happen):
        lock = RunStore.lock
        monkeypatch.setattr(RunStore, "lock", lambda *args: happen() or lock(*args))

    return arrange


def test_a_run_removed_meanwhile_is_not_promoted(quick, store, meanwhile):
    meanwhile(lambda: shutil.rmtree(store / "films" / FIRST))
    result = quick("runs", "promote", "films", FIRST, "--models-dir", store)
    assert result.returncode == 2
    assert f"no run {FIRST}" in result.stderr
    assert (store / "films" / "current").resolve().name == SECOND


def test_a_run_completed_meanwhile_is_pruned_as_others_are(quick, store, meanwhile):
    meanwhile(lambda: (store / "films" / "20260301T000001Z-000000").mkdir())
    result = quick("runs", "prune", "films", "--keep", 0, "--models-dir", store)
    assert (result.returncode, result.stdout[:14]) == (0, "3 runs removed")


def test_what_a_stopped_job_goes_on_from_is_not_pruned(quick, store):
    left = store / "films" / ".run-20260301T000001Z-000000"
    left.mkdir()
    result = quick("runs", "prune", "films", "--keep", 1, "--models-dir", store)
    assert result.returncode == 0
    assert left.is_dir()


def test_a_model_that_is_not_there_cannot_be_pruned(quick, store):
    result = quick("runs", "prune", "novels", "--keep", 1, "--models-dir", store)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{store / 'novels'}: no such model" in result.stderr
    assert not (store / "novels").exists()


def test_a_model_of_a_named_dataset_goes_by_its_other_names_too(quick, store):
    (store / "films").rename(store / "yelp_polarity")
    shown = quick("runs", "list", "yelp", "--models-dir", store)
    assert shown.returncode == 0
    assert "yelp_polarity" in shown.stdout
    result = quick("runs", "rollback", "yelp", "--models-dir", store)
    assert result.returncode == 0
    assert (store / "yelp_polarity" / "current").resolve().name == FIRST


def test_the_runs_of_no_model_are_a_wrong_call(quick, store):
    one_line(quick("runs", "list", "flims", "--models-dir", store), 2, "no such model")


def test_quiet_hides_what_was_done_and_not_what_was_asked_for(quick, store):
    listed = quick("runs", "list", "films", "--quiet", "--models-dir", store).stdout
    assert len(listed.splitlines()) == 4
    assert quick("runs", "prune", "films", "--keep", 1, "-q", "--models-dir", store).stdout == ""
