"""Whether a job is one done before: same recipe, same bytes."""

import hashlib
import json
import os
import shutil

import pytest

from textclf import job
from textclf.corpus.layout import CorpusFormat
from textclf.errors import UsageError
from textclf.job import (
    TrainingFiles,
    check_files,
    digest,
    identities,
    recipe,
    resume_key,
    unchanged,
)
from textclf.runs import Run
from textclf.settings import resolve

SETTINGS = resolve()
LATER, EARLIER = "2100-01-01T00:00:00+00:00", "2000-01-01T00:00:00+00:00"


@pytest.fixture
def files(tmp_path):
    for name in ("a.csv", "b.csv", "test.csv"):
        (tmp_path / name).write_text(f"x,{name}\n")
    return TrainingFiles((str(tmp_path / "[ab].csv"),), test=(str(tmp_path / "test.csv"),))


def done(folder, files, settings=SETTINGS, started=LATER):
    folder.mkdir()
    metrics = {
        "started": started,
        "sha256": {part: digest(names) for part, names in files.parts()},
        "job": {"recipe": recipe(files, settings), "files": identities(files)},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return Run(folder, True)


@pytest.fixture
def no_hashing(monkeypatch):
    def refuse(_):
        raise AssertionError("a file was hashed")

    monkeypatch.setattr(job, "digest", refuse)


def test_the_digest_is_that_of_the_bytes_in_order(files):
    assert digest(files.train) == hashlib.sha256(b"x,a.csv\nx,b.csv\n").hexdigest()


def test_untouched_files_are_not_read(tmp_path, files, request):
    run = done(tmp_path / "run", files)
    request.getfixturevalue("no_hashing")
    assert unchanged(run, files, SETTINGS)


def test_a_file_touched_about_when_the_run_began_is_read(tmp_path, files, request):
    run = done(tmp_path / "run", files, started=EARLIER)
    assert unchanged(run, files, SETTINGS)
    request.getfixturevalue("no_hashing")
    with pytest.raises(AssertionError, match="hashed"):
        unchanged(run, files, SETTINGS)


def test_a_change_is_seen_although_size_and_time_stamp_are_the_same(tmp_path, files):
    run = done(tmp_path / "run", files)
    path = tmp_path / "a.csv"
    status = path.stat()
    path.write_text("y,a.csv\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert not unchanged(run, files, SETTINGS)


def test_the_same_bytes_in_other_files_are_no_change(tmp_path, files):
    run = done(tmp_path / "run", files)
    (tmp_path / "copy").mkdir()
    for name in ("a.csv", "b.csv", "test.csv"):
        shutil.copyfile(tmp_path / name, tmp_path / "copy" / name)
    moved = TrainingFiles(
        (str(tmp_path / "copy" / "[ab].csv"),), test=(str(tmp_path / "copy" / "test.csv"),)
    )
    assert unchanged(run, moved, SETTINGS)


def test_one_more_file_is_a_change(tmp_path, files):
    run = done(tmp_path / "run", files)
    more = TrainingFiles((*files.train, str(tmp_path / "test.csv")), test=files.test)
    assert not unchanged(run, more, SETTINGS)
    assert not unchanged(run, TrainingFiles(files.train), SETTINGS)


@pytest.mark.parametrize("override", ["ngrams.max_n=1", "training.seed=2", "network.units=8"])
def test_other_settings_are_a_change(tmp_path, files, override):
    assert not unchanged(done(tmp_path / "run", files), files, resolve((), [override]))


@pytest.mark.parametrize("override", ["training.threads=1", "training.time_limit=60"])
def test_what_the_model_does_not_depend_on_is_no_change(tmp_path, files, override):
    assert unchanged(done(tmp_path / "run", files), files, resolve((), [override]))


def test_another_layout_is_a_change(tmp_path, files):
    run = done(tmp_path / "run", files)
    other = TrainingFiles(files.train, test=files.test, format=CorpusFormat(header=True))
    assert not unchanged(run, other, SETTINGS)


def test_a_run_without_metrics_is_never_the_same(tmp_path, files):
    assert not unchanged(Run(tmp_path / "gone", True), files, SETTINGS)


def test_what_can_be_read_only_once_is_never_the_same(tmp_path, files):
    run = done(tmp_path / "run", files)
    once = TrainingFiles(("-",), test=files.test)
    assert identities(once) is None
    assert resume_key(once, SETTINGS) is None
    assert not unchanged(run, once, SETTINGS)


def test_the_key_to_resume_by_changes_with_files_and_settings(tmp_path, files):
    key = resume_key(files, SETTINGS)
    assert key == resume_key(files, SETTINGS)
    assert key != resume_key(files, resolve((), ["training.seed=2"]))
    (tmp_path / "a.csv").write_text("other,row\n")
    assert key != resume_key(files, SETTINGS)


@pytest.mark.parametrize("name", ["-", "pipe"])
def test_what_can_be_read_once_is_given_once(tmp_path, name, files):
    if name != "-":
        name = str(tmp_path / name)
        os.mkfifo(name)
    check_files(TrainingFiles((name,), test=files.test))
    check_files(TrainingFiles(files.test, test=files.test))
    with pytest.raises(UsageError, match="can be read only once, and is given twice"):
        check_files(TrainingFiles((name,), test=(name,)))
