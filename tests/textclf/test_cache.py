"""What was prepared of a corpus comes back as it was, or not at all."""

import dataclasses
import shutil
import subprocess
import sys
import threading
import time
from collections import namedtuple

import numpy as np
import pytest
from unattended_jobs import write_rows

import textclf.cache
import textclf.job
from textclf.cache import ShardCache, prepare_cached
from textclf.corpus.bad_rows import BadRows
from textclf.corpus.layout import CorpusFormat
from textclf.errors import DataError, UsageError
from textclf.preparation import Prepared, Stopwatch, prepare
from textclf.progress import silent
from textclf.settings import resolve

DEFAULTS = resolve()
opened: list[str] | None = None


def hook(event, arguments):
    if opened is not None and event == "open":
        opened.append(str(arguments[0]))


sys.addaudithook(hook)


@pytest.fixture
def files(tmp_path):
    rows = write_rows(tmp_path / "films.csv")
    return textclf.job.TrainingFiles((str(rows),))


@pytest.fixture
def cache(tmp_path):
    return ShardCache(tmp_path / "cache")


@pytest.fixture
def run(tmp_path, files, cache):
    """Prepare in a folder of its own: what was prepared, and what the cache had to do with it."""
    number = iter(range(100))

    def run(files=files, *overrides, cache=cache, keep=False):
        work = tmp_path / f"work-{next(number)}"
        work.mkdir()
        watch = Stopwatch()
        found = prepare_cached(cache, files, resolve((), overrides), work, watch, silent)
        assert set(watch.seconds) - {"compile"} == {"read", "vectorize"}
        if not keep:
            shutil.rmtree(work)
        return found

    return run


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip


def test_what_comes_from_the_cache_is_what_would_be_prepared(tmp_path, run, files):
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    prepare(files, DEFAULTS, fresh, Stopwatch(), silent).save(fresh)
    assert run()[1] == "stored"
    found, outcome = run(files, "training.learning_rate=0.1", "network.units=7", keep=True)
    assert outcome == "hit"
    assert contents(found.train.folder.parent) == contents(fresh)
    expected = Prepared.load(fresh, DEFAULTS)
    assert found.labels.names == expected.labels.names
    for field in ("sha256", "layout", "bad_rows"):
        assert getattr(found, field) == getattr(expected, field)
    np.testing.assert_array_equal(found.train[0].x.toarray(), expected.train[0].x.toarray())


def test_untouched_files_are_not_even_opened(run, files, monkeypatch):
    monkeypatch.setattr(textclf.job, "_SETTLED", 0.0)
    time.sleep(0.05)  # the clock of files is coarse
    run()
    monkeypatch.setattr(sys.modules[__name__], "opened", seen := [])
    assert run()[1] == "hit"
    assert seen
    assert files.train[0] not in seen


def test_a_copy_of_the_files_is_recognized_by_its_bytes(run, files, tmp_path):
    run()
    copy = shutil.copy(files.train[0], tmp_path / "copy.csv")
    assert run(dataclasses.replace(files, train=(str(copy),)))[1] == "hit"


def test_a_first_run_does_not_hash_files_beforehand(run, files, monkeypatch):
    monkeypatch.setattr(textclf.cache, "digest", lambda _: pytest.fail("hashed"))
    assert run()[1] == "stored"
    assert run(files, "training.seed=2")[1] == "stored"


def test_a_change_that_leaves_size_and_time_is_noticed(run, files, tmp_path):
    import os

    run()
    path = tmp_path / "films.csv"
    before = path.stat()
    path.write_text(path.read_text().replace("the", "thy"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert run()[1] == "stored"


@pytest.mark.parametrize(
    "override",
    ["ngrams.max_n=1", "ngrams.count_memory_mb=50", "training.seed=2",
     "training.validation_split=0.3"],
)  # fmt: skip
def test_settings_that_change_the_rows_miss(run, files, override):
    run()
    assert run(files, override)[1] == "stored"
    assert run(files, override)[1] == "hit"


def test_another_label_column_misses(run, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("a,b,text\n" + "".join(f"{i % 2},{i % 3},word{i % 6} it\n" for i in range(99)))
    for column in ("a", "b"):
        fmt = CorpusFormat(label_column=column, text_columns=("text",))
        assert run(textclf.job.TrainingFiles((str(path),), format=fmt))[1] == "stored"


def test_rows_that_move_from_file_to_file_miss(run, tmp_path):
    lines = write_rows(tmp_path / "all.csv").read_text().splitlines(keepends=True)[1:]
    for cut in (100, 200):
        names = [tmp_path / "a.csv", tmp_path / "b.csv"]
        names[0].write_text("".join(lines[:cut]))
        names[1].write_text("".join(lines[cut:]))
        found = run(textclf.job.TrainingFiles(tuple(map(str, names)), format=CorpusFormat("csv")))
        assert found[1] == "stored"


def test_the_bytes_of_the_validation_file_count(run, files, tmp_path):
    held_out = write_rows(tmp_path / "v.csv", 50, 2)
    both = dataclasses.replace(files, validation=(str(held_out),))
    assert run(both)[1] == "stored"
    assert run(both, "training.validation_split=0.3")[1] == "hit"
    held_out.write_text(held_out.read_text().replace("film", "play"))
    assert run(both)[1] == "stored"


def test_a_test_file_does_not_count_but_is_looked_at(run, files, tmp_path):
    run()
    test = write_rows(tmp_path / "t.csv", 50, 2)
    assert run(dataclasses.replace(files, test=(str(test),)))[1] == "hit"
    test.write_text("")
    with pytest.raises(DataError, match=r"t\.csv"):
        run(dataclasses.replace(files, test=(str(test),)))


def test_corpora_with_bad_rows_are_not_kept(run, files, tmp_path, cache):
    path = tmp_path / "films.csv"
    path.write_text(path.read_text() + "good,one,too many\n")
    for _ in range(2):
        tolerant = dataclasses.replace(files, bad_rows=BadRows(5))
        prepared, outcome = run(tolerant)
        assert (prepared.bad_rows, outcome) == (1, None)
    assert cache.entries() == []


def test_a_rejects_file_is_written_though_the_corpus_is_kept(run, files, tmp_path):
    run()
    rejects = tmp_path / "rejects.tsv"
    assert run(dataclasses.replace(files, bad_rows=BadRows(5, rejects)))[1] is None
    assert rejects.exists()


def swap_bytes(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE = {
    "a bit of a shard": ("train/00000.indices", swap_bytes),
    "a shard's end": ("train/00000.data", truncate),
    "a shard": ("validation/00000.labels", lambda path: path.unlink()),
    "the vocabulary": ("vocabulary.safetensors", swap_bytes),
    "the labels": ("prepared.json", truncate),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_noticed_and_repaired(run, cache, what, caplog):
    run()
    name, damage = DAMAGE[what]
    damage(cache.entries()[0].folder / name)
    assert run()[1] == "stored"
    assert "is damaged" in caplog.text
    assert run()[1] == "hit"
    assert len(cache.entries()) == 1


@pytest.mark.parametrize("text", ["", "[]", "{", '{"recipe": 1}'])
def test_a_garbled_manifest_is_replaced(run, cache, text):
    run()
    (cache.entries()[0].folder / "entry.json").write_text(text)
    assert run()[1] == "stored"
    assert run()[1] == "hit"
    assert len(cache.entries()) == 1


def test_the_least_recently_used_make_room(run, files, cache):
    seeds = ["training.seed=1", "training.seed=2", "training.seed=3"]
    for seed in seeds[:2]:
        run(files, seed)
        time.sleep(0.05)
    one = cache.entries()[0].size
    run(files, seeds[0])
    small = ShardCache(cache.folder.parent, int(2.5 * one))
    assert run(files, seeds[2], cache=small)[1] == "stored"
    assert len(cache.entries()) == 2
    assert run(files, seeds[0], cache=small)[1] == "hit"
    assert run(files, seeds[1], cache=small)[1] == "stored"


def test_what_is_larger_than_the_limit_removes_nothing(run, files, cache):
    run()
    small = ShardCache(cache.folder.parent, cache.entries()[0].size // 2)
    assert run(files, "training.seed=2", cache=small)[1] is None
    assert len(cache.entries()) == 1


def test_a_nearly_full_disk_is_left_alone(run, cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 30, (1 << 30) - 9000, 9000))
    assert run()[1] is None
    assert cache.entries() == []


def test_another_file_system_gets_copies(run, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(textclf.cache.link_all.__globals__["os"], "link", refuse)
    assert [run()[1], run()[1]] == ["stored", "hit"]


def test_a_cache_that_cannot_be_written_costs_one_line(run, tmp_path, caplog):
    (tmp_path / "cache").write_text("in the way")
    prepared, outcome = run()
    assert (prepared.train.n_rows, outcome) == (320, None)
    assert len(caplog.records) == 1
    assert "is not kept" in caplog.text


def test_what_a_killed_run_left_is_removed(run, cache):
    left = cache.folder / ".new-0123"
    left.mkdir(parents=True)
    run()
    assert not left.exists()


def test_rows_stay_when_the_cache_is_cleared(run, cache):
    run()
    prepared, _ = run(keep=True)
    before = prepared.train[0].x.toarray()
    for entry in cache.entries():
        cache.remove(entry)
    assert cache.entries() == []
    np.testing.assert_array_equal(prepared.train[0].x.toarray(), before)


def test_clearing_while_others_read_and_write_harms_none(run, cache):
    failed, done = [], threading.Event()

    def work():
        try:
            for _ in range(8):
                assert run()[0].train.n_rows == 320
        except BaseException as error:  # noqa: BLE001 - said by the test below
            failed.append(error)

    def clear():
        while not done.is_set():
            for entry in cache.entries():
                cache.remove(entry)

    threads = [threading.Thread(target=work) for _ in range(2)]
    sweeper = threading.Thread(target=clear)
    for thread in (*threads, sweeper):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    sweeper.join()
    assert failed == []


def test_an_entry_is_found_by_the_start_of_its_key(run, files, cache):
    run()
    run(files, "training.seed=2")
    first, second = cache.entries()
    assert cache.find(first.key[:10]) == first
    with pytest.raises(UsageError, match="2 entries begin with"):
        cache.find("")
    with pytest.raises(UsageError, match="no entry"):
        cache.find("x" + second.key)


def test_no_more_inodes_cost_one_line(run, tmp_path, caplog):
    folder = tmp_path / "cache"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "nr_inodes=8", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mount is not permitted")
    try:
        assert run()[1] is None
        assert "No space left" in caplog.text
        assert [p.name for p in (folder / "shards").iterdir()] == [".lock"]
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
