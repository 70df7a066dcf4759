"""Runs: hidden until complete, one published, one writer at a time."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from textclf.errors import DataError, LockedError, OutputError, UsageError
from textclf.runs import Run, RunStore, find_store, models, new_run_id

MODEL = Path(__file__).parents[1] / "fixtures" / "models" / "format-2-int8" / "model"


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path, "news")


def completed(store, run_id=None, publish=True, **metrics):
    with store.lock():
        hidden = store.start(run_id)
        (hidden / "metrics.json").write_text(json.dumps(metrics))
        shutil.copytree(MODEL, hidden / "model")
        return store.complete(hidden, publish=publish)


def add(store, publish=True, day=1):
    return completed(store, f"202601{day:02d}T000000Z-abcdef", publish, test={"accuracy": 0.9})


def test_a_run_is_hidden_until_it_is_complete(store):
    with store.lock():
        hidden = store.start()
        (hidden / "metrics.json").write_text("{}")
        assert store.runs() == []
        assert store.unfinished() == [hidden]
        run = store.complete(hidden, publish=True)
    assert store.runs() == [run]
    assert store.unfinished() == []
    assert (store.folder / "current" / "metrics.json").exists()


def test_current_is_switched_by_publishing_only(store):
    first = add(store, day=1)
    add(store, publish=False, day=2)
    assert store.current() == first
    third = add(store, day=3)
    assert store.current() == third
    assert str((store.folder / "current").readlink()) == third.id


def test_promote_and_rollback(store):
    first, second = add(store, day=1), add(store, day=2)
    assert store.rollback().id == first.id
    assert store.current().id == first.id
    store.promote(second)
    assert store.current().id == second.id
    store.rollback()
    with pytest.raises(UsageError, match="no earlier run"):
        store.rollback()


def test_prune_keeps_the_newest_and_the_published(store):
    runs = [add(store, day=day) for day in range(1, 6)]
    for _ in range(3):
        store.rollback()
    add(store, day=6)
    store.prune(1)
    assert ids_of(store.runs()) == [runs[4].id, "20260106T000000Z-abcdef"]


def test_prune_keeps_what_was_gone_back_from_last(store):
    first, *bad = [add(store, day=day) for day in (1, 2, 3)]
    store.rollback()
    store.rollback()
    begun(store, "2026-02-01T00:00:00Z", published=False)
    store.prune(0)
    assert ids_of(store.runs()) == ids_of([first, *bad])
    assert ids_of(store.gone_back_from()) == ids_of(reversed(bad))


def test_a_damaged_run_is_not_published(store):
    first = add(store, day=1)
    second = add(store, day=2)
    (first.folder / "model" / "model.safetensors").write_bytes(b"half")
    for publish in (store.rollback, lambda: store.promote(first)):
        with pytest.raises(DataError, match=r"model\.safetensors"):
            publish()
    assert store.current().id == second.id


def test_runs_below_the_gate_are_pruned_apart(store):
    passed = [add(store, day=day).id for day in (1, 2, 3)]
    refused = [begun(store, f"2026-02-0{day}T00:00:00Z", published=False) for day in (1, 2, 3)]
    store.prune(2)
    assert [run.id for run in store.runs()] == [*passed[1:], *refused[1:]]


def begun(store, started, *, run_id=None, published=True):
    return completed(store, run_id, published, started=started, published=published).id


def test_ids_of_one_second_are_in_order():
    ids = []
    while len(ids) < 300:  # many of each second that this takes
        ids.append(new_run_id())
        time.sleep(0.0001)
    assert ids == sorted(ids)
    assert len(set(ids)) == 300


def test_runs_begun_in_one_second_are_pruned_and_rolled_back_in_order(store):
    ids = [completed(store).id for _ in range(6)]
    assert [run.id for run in store.runs()] == ids
    assert store.rollback().id == ids[4]
    store.prune(3)
    assert [run.id for run in store.runs()] == ids[2:]  # the last one, gone back from, apart


def test_runs_are_in_the_order_in_which_they_got_the_lock(store):
    late, early = "20260101T000001Z-000000", "20260101T000000Z-000000"
    first = begun(store, "2026-01-01T00:00:05.000001+00:00", run_id=late)
    second = begun(store, "2026-01-01T00:00:05.000002+00:00", run_id=early)
    assert [run.id for run in store.runs()] == [first, second] == [late, early]
    assert store.rollback().id == first


def test_rollback_passes_over_what_was_below_the_gate(store):
    good = begun(store, "2026-01-01T00:00:00+00:00")
    begun(store, "2026-01-02T00:00:00+00:00", published=False)
    begun(store, "2026-01-03T00:00:00+00:00")
    assert store.rollback().id == good


def test_what_was_gone_back_from_is_not_gone_back_to(store):
    good, bad = add(store, day=1), add(store, day=2)
    store.rollback()
    add(store, day=3)
    store.prune(2)
    assert store.rollback().id == good.id
    assert store.find(bad.id).passed


def test_a_refused_run_that_was_promoted_is_gone_back_to(store):
    add(store, day=1)
    refused = completed(store, None, False, published=False)
    store.promote(refused)
    add(store, day=3)
    assert store.rollback().id == refused.id


def test_what_was_published_last_is_kept_whatever_the_clock_said(store):
    add(store, day=20)
    last, new = add(store, day=2), add(store, day=3)
    store.prune(2)
    assert {run.id for run in store.runs()} == {last.id, new.id}
    assert store.rollback().id == last.id


@pytest.mark.parametrize("step", ["rename", "_switch"])
def test_a_run_killed_before_it_is_published_is_the_first_to_be_pruned(store, monkeypatch, step):
    first, second = add(store, day=1), add(store, day=2)
    with monkeypatch.context() as patch:
        patch.setattr(Path if step == "rename" else store, step, raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            add(store, day=3)
    assert store.current().id == second.id
    assert store.gone_back_from() == []
    fourth = add(store, day=4)
    store.prune(3)
    assert ids_of(store.runs()) == [first.id, second.id, fourth.id]
    assert store.rollback().id == second.id


def ids_of(runs):
    return [run.id for run in runs]


def test_a_kill_before_the_switch_of_a_rollback_changes_nothing(store, monkeypatch):
    first, second = add(store, day=1), add(store, day=2)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_switch", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.rollback()
    assert store.current().id == second.id
    assert store.gone_back_from() == []
    assert store.rollback().id == first.id
    assert ids_of(store.gone_back_from()) == [second.id]


def test_what_was_gone_back_from_may_be_promoted(store):
    first, second, third = (add(store, day=day) for day in (1, 2, 3))
    store.rollback()
    assert store.rollback().id == first.id
    store.promote(third)
    assert store.gone_back_from() == []
    assert store.rollback().id == first.id
    assert ids_of(store.gone_back_from()) == [third.id]
    assert second.id in ids_of(store.runs())


def test_a_kill_before_the_switch_of_a_promotion_changes_nothing(store, monkeypatch):
    first, second = add(store, day=1), add(store, day=2)
    for promoted, after in ((first, []), (second, [second.id])):
        with monkeypatch.context() as patch:
            patch.setattr(store, "_switch", raise_interrupt)
            with pytest.raises(KeyboardInterrupt):
                store.promote(promoted)
        assert ids_of(store.gone_back_from()) == after
        assert len(store.runs()) == 2
        if promoted is first:
            assert store.rollback().id == first.id


def test_a_promotion_of_the_published_run_changes_nothing(store):
    add(store, day=1), add(store, day=2)
    current = store.rollback()
    before = store.gone_back_from()
    store.promote(store.current())
    assert (store.gone_back_from(), store.current()) == (before, current)


def test_a_link_that_is_switched_by_hand_is_a_promotion_or_a_rollback(store):
    runs = [add(store, day=day) for day in (1, 2, 3)]
    link = store.folder / "current"
    link.unlink()
    link.symlink_to(runs[0].id)
    assert ids_of(store.gone_back_from()) == [runs[2].id, runs[1].id]
    new = add(store, day=4)
    assert store.rollback().id == runs[0].id
    assert ids_of(store.gone_back_from()) == [new.id]


def test_what_was_published_is_known_where_the_link_was_removed(store):
    _, second = add(store, day=1), add(store, day=2)
    (store.folder / "current").unlink()
    add(store, day=3)
    assert store.rollback().id == second.id


def test_runs_copied_without_hidden_files_are_those_that_passed(store, monkeypatch):
    first, second = add(store, day=1), add(store, day=2)
    (store.folder / ".published").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(store, "_switch", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            add(store, day=3)
    assert (store.current().id, store.gone_back_from()) == (second.id, [])
    assert store.rollback().id == first.id


def test_a_run_may_be_a_link_to_another_disk(store, tmp_path):
    first, second = add(store, day=1), add(store, day=2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for run in (first, second):
        shutil.move(run.folder, elsewhere / run.id)
        run.folder.symlink_to(elsewhere / run.id)
    assert store.current().id == second.id
    store.promote(first)
    assert store.current().id == first.id
    add(store, day=3)
    store.prune(1)
    assert ids_of(store.runs()) == ["20260103T000000Z-abcdef"]
    assert store.unfinished() == []


def raise_interrupt(*_):
    raise KeyboardInterrupt


def test_what_a_killed_run_left_is_discarded(store):
    run = add(store)
    (store.folder / ".run-20260101T000000Z-000000").mkdir()
    (store.folder / ".current-abc").symlink_to("nowhere")
    store.discard_unfinished()
    assert {p.name for p in store.folder.iterdir()} == {run.id, "current", ".published", ".lock"}


def test_find_by_the_start_of_an_id(store):
    first = add(store, day=1)
    assert store.find("20260101").id == first.id
    assert store.find("current").id == first.id
    add(store, day=2)
    with pytest.raises(UsageError, match="2 runs begin with 2026"):
        store.find("2026")
    with pytest.raises(UsageError, match="no run x"):
        store.find("x")


HOLDER = """
import sys, time
from pathlib import Path
from textclf.runs import RunStore
with RunStore(Path(sys.argv[1]), "news").lock():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_locked_out(store, holder):
    with pytest.raises(LockedError, match="another run holds the lock"), store.lock():
        pass


def test_the_lock_of_a_killed_process_is_free(store, holder):
    holder.send_signal(signal.SIGKILL)
    with store.lock(wait=10):
        pass


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "current", "x" * 101, "a b"])
def test_names_that_are_no_folder_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be the name"):
        RunStore(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("a/2026", "give that of the run apart: a 2026"), ("a b", "see 'textclf runs list'")],
)
def test_a_model_that_is_looked_for_by_no_name_is_told_what_to_write(tmp_path, name, remedy):
    with pytest.raises(UsageError, match=f"cannot be the name of a model; {remedy}"):
        find_store(tmp_path, name)


def test_a_run_of_a_model_that_there_is_not_is_not_looked_for(tmp_path):
    with pytest.raises(UsageError, match=r"pets: no such model; see 'textclf runs list'$"):
        find_store(tmp_path, "pets").find("current")


def test_a_models_folder_that_is_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        RunStore(tmp_path / "file", "news").lock(),
    ):
        pass


def test_models_are_listed_by_their_runs(store, tmp_path):
    assert models(tmp_path / "none") == []
    add(store)
    (tmp_path / "other").mkdir()
    assert models(tmp_path) == ["news"]


@pytest.mark.parametrize("content", ["null", "[1]", "5", "[" * 100_000, "{"])
def test_a_run_of_damaged_figures_is_a_run_without_figures(tmp_path, content):
    run = tmp_path / "20261123T033004Z-5f0c1e"
    run.mkdir()
    (run / "metrics.json").write_text(content)
    assert Run(run, False).metrics == {}


@pytest.mark.parametrize("name", ["odd (copy)", "current", ".hidden"])
def test_a_folder_that_cannot_be_a_model_is_not_listed(store, tmp_path, name):
    run = add(store)
    (tmp_path / name / run.id).mkdir(parents=True)
    assert models(tmp_path) == ["news"]


def test_files_that_vanish_while_a_run_is_measured_do_not_count(store, monkeypatch):
    run = add(store)
    (run.folder / "model" / "gone").write_text("gone")
    known, lstat = run.size, Path.lstat

    def vanishing(path):
        if path.name == "gone":
            path.unlink()
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", vanishing)
    assert run.size == known - len("gone")
