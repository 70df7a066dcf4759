"""`textclf train` with the cache of vectorized rows, and `textclf cache`."""

import json
import signal
import subprocess

import pytest
from unattended_jobs import QUICK, begun, environment, hidden, metrics, published, runs


def entries(quick):
    return json.loads(quick("cache", "list", "--json").stdout)


def test_a_second_run_with_other_settings_vectorizes_nothing(quick, job):
    first = json.loads(quick(*job, "--json").stdout)
    again = quick(*job, "--set", "training.learning_rate=0.1", "--json")
    second = json.loads(again.stdout)
    assert (first["cache"], second["cache"]) == ("stored", "hit")
    assert "counting" not in again.stderr
    assert "vectorizing" not in again.stderr
    for same in ("sha256", "samples", "features", "layout", "validation", "test"):
        assert first[same] == second[same]
    assert set(first["seconds"]) == set(second["seconds"])


def test_what_is_warned_of_is_warned_of_again(quick, job, data):
    with data.open("a") as file:
        file.write("Good,a lovely film\n" * 30)
    said = [quick(*job, "--quiet", "--seed", 3).stderr for _ in range(2)]
    assert "'Good'" in said[0]
    assert "'Good'" in said[1]


def test_the_summary_says_that_rows_were_vectorized_before(quick, job):
    assert "vectorized before" not in quick(*job).stdout
    assert "vectorized before" in quick(*job).stdout


@pytest.mark.slow
def test_the_network_learns_the_same_from_the_cache(textclf, quick, tmp_path):
    common = [
        "train", "--dataset", "sample", "--set", "training.epochs=1", "--set", "training.threads=1",
        "--set", "training.learning_rate=0.01", "--json", "--models-dir",
    ]  # fmt: skip
    assert json.loads(quick(*common, tmp_path / "first").stdout)["cache"] == "stored"
    outcomes, weights = [], []
    for name, more in (("cached", []), ("anew", ["--no-cache"])):
        done = textclf(*common, tmp_path / name, *more)
        assert done.returncode == 0, done.stderr
        outcomes.append(json.loads(done.stdout)["cache"])
        model = tmp_path / name / "sample" / "current" / "model"
        weights.append((model / "model.safetensors").read_bytes())
    assert outcomes == ["hit", None]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("off", [["--no-cache"], ["--cache-limit", "0"]])
def test_it_can_be_switched_off(quick, job, off):
    assert json.loads(quick(*job, *off, "--json").stdout)["cache"] is None
    assert entries(quick) == []
    assert json.loads(quick(*job, "--json").stdout)["cache"] == "stored"
    assert json.loads(quick(*job, *off, "--json").stdout)["cache"] is None


def test_the_environment_gives_a_limit_too(quick, job):
    done = quick(*job, "--json", env={"TEXTCLF_CACHE_LIMIT": "0"})
    assert json.loads(done.stdout)["cache"] is None


def test_a_limit_that_is_none_is_refused(quick, job):
    refused = quick(*job, "--cache-limit", "plenty")
    assert refused.returncode == 2
    assert "plenty" in refused.stderr


def test_standard_input_is_not_kept(job, data, tmp_path):
    piped = ["-" if word == data else str(word) for word in job]
    done = subprocess.run(
        [*QUICK, *piped, "--name", "films", "--json"],
        input=data.read_text(), capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    assert json.loads(done.stdout)["cache"] is None


def test_entries_are_listed_and_cleared(quick, job, data, cache_dir):
    quick(*job)
    quick(*job, "--seed", "2")
    assert quick("cache", "path").stdout.strip() == str(cache_dir / "shards")
    first, second = entries(quick)
    assert first["files"] == [str(data)]
    assert first["rows"] == 400
    on_disk = sum(p.stat().st_size for p in (cache_dir / "shards" / first["key"]).rglob("*.*"))
    assert first["bytes"] == on_disk
    listed = quick("cache").stdout
    assert first["key"][:12] in listed
    assert second["key"][:12] in listed
    cleared = json.loads(quick("cache", "clear", first["key"][:12], "--json").stdout)
    assert cleared == {"removed": [first["key"]], "bytes": first["bytes"]}
    assert entries(quick) == [second]
    assert "1 entry removed" in quick("cache", "clear").stdout
    assert entries(quick) == []
    assert quick("cache", "clear", "0123").returncode == 2


WRONG = {
    "no object": "[1]",
    "nothing noted": "{}",
    "nested without end": "[" * 200_000,
    "identity is a list": {"identity": [1]},
    "identity of numbers": {"identity": {"train": [1]}},
    "rows is a number": {"rows": 5},
    "features is a string": {"features": "x"},
    "files is a list": {"files": []},
}


@pytest.fixture
def entry(quick, job, cache_dir):
    """The folder of the one entry."""
    quick(*job)
    return cache_dir / "shards" / entries(quick)[0]["key"]


def damage(entry, wrong):
    """Put something else in the place of entry.json or of a part of it."""
    path, found = entry / "entry.json", WRONG[wrong]
    if isinstance(found, dict):
        found = json.dumps(json.loads(path.read_text()) | found)
    path.write_text(found)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_damaged_entry_is_listed_and_cleared(quick, entry, wrong):
    damage(entry, wrong)
    assert "not readable" in quick("cache", "list").stdout
    assert "1 entry removed" in quick("cache", "clear").stdout
    assert not entry.exists()


@pytest.mark.parametrize("wrong", WRONG)
def test_a_damaged_entry_is_made_anew(quick, job, entry, wrong):
    damage(entry, wrong)
    assert json.loads(quick(*job, "--json").stdout)["cache"] == "stored"
    assert json.loads(quick(*job, "--json").stdout)["cache"] == "hit"


@pytest.fixture
def linked(entry, tmp_path):
    """An entry that was moved elsewhere, a link to it in its place."""
    elsewhere = entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(elsewhere)
    return entry


def test_a_link_is_no_entry(quick, linked):
    assert entries(quick) == []


def test_to_clear_removes_a_link_and_not_what_it_points_to(quick, linked, tmp_path):
    assert "0 entries removed" in quick("cache", "clear").stdout
    assert [path.name for path in linked.parent.iterdir()] == [".lock"]
    assert (tmp_path / "elsewhere" / "entry.json").exists()


def test_an_entry_takes_the_place_of_a_link(quick, job, linked, tmp_path):
    assert json.loads(quick(*job, "--json").stdout)["cache"] == "stored"
    assert sorted(path.name for path in linked.parent.iterdir()) == [".lock", linked.name]
    assert not linked.is_symlink()
    assert (tmp_path / "elsewhere" / "entry.json").exists()


def test_a_cache_without_room_costs_one_line_of_warning(quick, job, cache_dir):
    (cache_dir / "shards").write_text("in the way")
    done = quick(*job, "--quiet")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "is not kept" in done.stderr


def test_the_cache_may_be_cleared_while_a_job_trains(quick, job, tmp_path):
    quick(*job)
    process = begun(job, "--set", "network.units=8", step="0.1")
    assert "1 entry" in quick("cache", "clear").stdout
    process.communicate(timeout=60)
    assert process.returncode == 0
    first, second = runs(tmp_path)
    assert metrics(second)["cache"] == "hit"
    assert metrics(first)["validation"] == metrics(second)["validation"]


def test_a_killed_job_that_began_from_the_cache_goes_on(quick, job, tmp_path):
    quick(*job)
    process = begun(job, "--set", "network.units=8")
    process.send_signal(signal.SIGKILL)
    process.wait()
    quick("cache", "clear")
    quick(*job, "--set", "network.units=8")
    last = runs(tmp_path)[-1]
    assert metrics(last)["resumed"]
    assert published(tmp_path) == last.name
    assert hidden(tmp_path) == []


def test_two_jobs_at_once_keep_one_entry(quick, job, tmp_path):
    models = [tmp_path / "one", tmp_path / "two"]
    processes = [
        subprocess.Popen(
            [*QUICK, *map(str, job[:-1]), str(folder), "--json"],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for folder in models
    ]  # fmt: skip
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    found = [json.loads(out) for out, _ in said]
    assert "stored" in {m["cache"] for m in found}
    assert found[0]["validation"] == found[1]["validation"]
    assert len(entries(quick)) == 1
    assert json.loads(quick(*job, "--json").stdout)["cache"] == "hit"


def test_a_scheduled_job_uses_the_same_cache(quick, cache_dir):
    printed = quick(
        "schedule", "--at", "03:30", "--dataset", "sample", env={"TEXTCLF_CACHE_LIMIT": "3G"}
    ).stdout
    assert f"TEXTCLF_CACHE_DIR={cache_dir}" in printed
    assert "TEXTCLF_CACHE_LIMIT=3G" in printed
