"""textclf.tuning: with a stand-in for training, whose accuracy is a function of the settings."""

import base64
import dataclasses
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("optuna")

from textclf import sizes
from textclf.corpus.bad_rows import BadRows
from textclf.corpus.reader import Corpus, CorpusFormat
from textclf.errors import DataError, LockedError, OutOfMemoryError, OutputError, UsageError
from textclf.job import TrainingFiles
from textclf.locking import held
from textclf.ngrams import matrix
from textclf.progress import silent
from textclf.settings import Settings, read_toml, resolve
from textclf.tuning import budget as budgeting
from textclf.tuning import search as searching
from textclf.tuning import worker as worker_module
from textclf.tuning.budget import Limits
from textclf.tuning.comparison import clearly_better
from textclf.tuning.config import write_config
from textclf.tuning.samples import write_samples
from textclf.tuning.search import Found, search
from textclf.tuning.space import SPACE, flat, propose
from textclf.tuning.worker import Request, Worker

ROWS = 20_000  # in parts of about 2,222 and 6,667 of them, and all


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "films.csv"
    lines = (f"{'ab'[i % 2]},{'bad' if i % 2 else 'good'} film {i}" for i in range(ROWS))
    path.write_text("label,text\n" + "\n".join(lines) + "\n")
    return TrainingFiles((str(path),))


def figures(accuracy, rows=1000):
    """Figures of a classifier that gets the first rows right."""
    right = np.arange(rows) < round(accuracy * rows)
    return {
        "accuracy": accuracy, "macro_f1": accuracy, "loss": 1 - accuracy, "rows": rows,
        "right": base64.b64encode(np.packbits(right).tobytes()).decode(), "order": 7, "epochs": 3,
    }  # fmt: skip


@pytest.fixture
def trained(monkeypatch):
    """Put a function of a request in the place of training; return the requests it was given."""

    def install(function):
        asked = []

        class StandIn:
            def measure(self, request, should_stop):
                should_stop()
                asked.append(request)
                return function(request)

            def close(self):
                pass

        monkeypatch.setattr(searching, "Worker", StandIn)
        return asked

    return install


def by_units(request):
    """The wider the better, three layers are worse, and 0.01 is the best learning rate."""
    network, rate = request.settings.network, request.settings.training.learning_rate
    width = {16: 0.03, 64: 0.08}.get(network.units, 0.0)
    depth = 0.02 * (network.layers == 3)
    return figures(0.8 + width - depth - 0.02 * abs(np.log10(rate / 0.01)))


def described(requests):
    return [json.dumps(flat(r.settings), sort_keys=True) for r in requests]


def test_the_best_settings_are_found(trained, files, tmp_path):
    trained(by_units)
    found = search(files, Settings(), tmp_path, Limits(trials=25))
    assert found.settings.network.units == 64
    assert found.settings.network.layers != 3
    assert found.best["accuracy"] > found.start["accuracy"] + 0.08
    assert found.rows == 1000


def test_the_split_of_the_search_is_not_among_what_it_found(trained, files, tmp_path):
    asked = trained(by_units)
    found = search(files, Settings(), tmp_path, Limits(trials=5))
    assert {r.settings.training.validation_split for r in asked} == {searching.HELD_OUT}
    assert found.settings.training.validation_split == Settings().training.validation_split


def test_settings_that_are_better_by_chance_alone_are_not_taken(trained, files, tmp_path):
    draws = np.random.default_rng(3)

    def of_equal_worth(request):
        right = draws.random(1000) < 0.8
        bits = base64.b64encode(np.packbits(right).tobytes()).decode()
        return figures(float(right.mean())) | {"right": bits}

    trained(of_equal_worth)
    found = search(files, Settings(), tmp_path, Limits(trials=40))
    assert found.changes == {}
    assert found.settings == Settings()


def test_the_first_trial_is_that_of_the_given_settings(trained, files, tmp_path):
    asked = trained(by_units)
    own = resolve(overrides=["network.units=48", "network.dropout=0.33", "ngrams.max_n=5"])
    search(files, own, tmp_path, Limits(trials=1))
    assert asked[0].settings.network == own.network
    assert asked[0].settings.ngrams == dataclasses.replace(own.ngrams, subwords=4)


def test_parts_of_words_count_on_few_rows_if_they_do_on_all(trained, files, tmp_path, monkeypatch):
    for module in (sizes, matrix):
        monkeypatch.setattr(module, "LITTLE_TEXT", 100_000)
    monkeypatch.setattr(sizes, "_RARE_WORDS", 0.5)  # a third of them, numbers, are in one row only
    asked = trained(by_units)
    search(files, Settings(), tmp_path, Limits(trials=1))
    assert [r.settings.ngrams.subwords for r in asked] == [0, 0, 0]


def test_only_what_does_well_on_few_rows_is_measured_on_all(trained, files, tmp_path):
    asked = trained(by_units)
    found = search(files, Settings(), tmp_path, Limits(trials=20))
    sizes = [Path(r.files.train[0]).name for r in asked]
    few, more, every = (sizes.count(n) for n in ("rows-9.jsonl", "rows-3.jsonl", "films.csv"))
    assert few > 1.5 * every
    assert few >= more >= every
    assert found.trials["stopped_early"] >= 8
    assert sum(found.trials.values()) == 20


def test_seed_and_number_of_trials_determine_what_is_tried(trained, files, tmp_path):
    tried = []
    for i, seed in enumerate((1, 1, 2)):
        asked = trained(by_units)
        search(files, Settings(), tmp_path / str(i), Limits(trials=15, seed=seed))
        tried.append(described(asked))
    assert tried[0] == tried[1] != tried[2]


@pytest.mark.parametrize("killed_at", [1, 2, 4, 9])
def test_a_killed_search_goes_on_as_it_would_have(trained, files, tmp_path, killed_at):
    whole = trained(by_units)
    expected = search(files, Settings(), tmp_path / "whole", Limits(trials=12))

    def fatal(request):
        if len(asked) == killed_at:
            raise KeyboardInterrupt
        return by_units(request)

    asked = trained(fatal)
    with pytest.raises(KeyboardInterrupt):
        search(files, Settings(), tmp_path / "killed", Limits(trials=12))
    rest = trained(by_units)
    found = search(files, Settings(), tmp_path / "killed", Limits(trials=12))
    assert set(described(asked + rest)) == set(described(whole))
    assert found.changes == expected.changes
    assert found.trials == expected.trials


def test_a_search_that_has_ended_goes_on_if_it_is_given_more(trained, files, tmp_path):
    trained(by_units)
    search(files, Settings(), tmp_path, Limits(trials=4))
    again = trained(by_units)
    assert search(files, Settings(), tmp_path, Limits(trials=4)).best
    assert again == []
    search(files, Settings(), tmp_path, Limits(trials=5))
    assert again
    found = search(files, Settings(), tmp_path, Limits(trials=1), resume=False)
    assert sum(found.trials.values()) == 1


def test_half_a_line_at_the_end_of_the_journal_is_no_harm(trained, files, tmp_path):
    trained(by_units)
    search(files, Settings(), tmp_path, Limits(trials=3))
    (journal,) = tmp_path.glob("search-*/journal")
    with journal.open("a") as file:
        file.write('{"op_code": 8, "work')
    journal.with_name("journal.lock").symlink_to(journal)
    found = search(files, Settings(), tmp_path, Limits(trials=6))
    assert sum(found.trials.values()) == 6


def test_a_trial_that_fails_is_counted_and_the_others_go_on(trained, files, tmp_path):
    def fragile(request):
        if request.settings.network.units == 16:
            return {"failed": "its process ended with -9"}
        return by_units(request)

    trained(fragile)
    found = search(files, Settings(), tmp_path, Limits(trials=20))
    assert found.trials["failed"] > 0
    assert found.settings.network.units == 64


def test_what_stops_the_given_settings_stops_the_search(trained, files, tmp_path):
    trained(lambda _: {"failed": "films.csv: only one class", "exit_code": 65})
    with pytest.raises(DataError, match="only one class"):
        search(files, Settings(), tmp_path, Limits(trials=3))


def test_a_process_that_the_system_kills_has_run_out_of_memory(trained, files, tmp_path):
    trained(lambda _: worker_module._ended(-signal.SIGKILL))
    with pytest.raises(OutOfMemoryError, match=r"memory ran out.*; give it more"):
        search(files, Settings(), tmp_path, Limits(trials=3))


@pytest.mark.parametrize(
    ("code", "said"), [(-signal.SIGSEGV, "by SIGSEGV"), (127, "with 127"), (1, "with 1")]
)
def test_how_a_process_ended_is_said(code, said):
    assert worker_module._ended(code)["failed"].endswith(said)


def test_too_little_address_space_is_said_before_anything_is_read(files, tmp_path, monkeypatch):
    least = (1 << 30, 1 << 30)
    monkeypatch.setattr("textclf.memory.resource.getrlimit", lambda _: least)
    with pytest.raises(OutOfMemoryError, match="1024 MiB of address space"):
        search(files, Settings(), tmp_path / "models", Limits(trials=3))
    assert not (tmp_path / "models").exists()


def test_another_search_beside_it_keeps_its_trials(trained, files, tmp_path):
    trained(by_units)
    search(files, Settings(), tmp_path, Limits(trials=4, seed=1))
    search(files, Settings(), tmp_path, Limits(trials=4, seed=2))
    again = trained(by_units)
    found = search(files, Settings(), tmp_path, Limits(trials=5, seed=1))
    assert sum(found.trials.values()) == 5
    assert len(set(described(again))) == 1  # settings were tried


def test_of_many_other_searches_the_oldest_go(trained, files, tmp_path):
    trained(by_units)
    for seed in range(12):
        search(files, Settings(), tmp_path, Limits(trials=1, seed=seed))
    assert len(list(tmp_path.glob("search-*"))) == searching._KEPT + 1


def test_a_search_that_has_spent_its_budget_reads_nothing(trained, files, tmp_path, monkeypatch):
    trained(by_units)
    before = search(files, Settings(), tmp_path, Limits(trials=3))
    monkeypatch.setattr(searching, "write_samples", None)
    again = search(files, Settings(), tmp_path, Limits(trials=3))
    assert again == dataclasses.replace(before, seconds=again.seconds)


def test_what_the_worker_would_warn_of_is_left_to_training(files, tmp_path, capfd):
    path = tmp_path / "films.csv"
    rows = (f"{('Good', 'good', 'bad')[i % 3]},film {i}\n" for i in range(900))
    path.write_text("label,text\n" + "".join(rows))
    worker = Worker()
    try:
        given = TrainingFiles((str(path),))
        request = Request(given, resolve(overrides=["training.epochs=1"]), tmp_path, None,
                          time.time() + 60)  # fmt: skip
        assert "accuracy" in worker.measure(request, lambda: False)
    finally:
        worker.close()
    assert "capitals" not in capfd.readouterr().err


def test_a_full_disk_stops_the_search_and_costs_no_trial(trained, files, tmp_path):
    def full(request):
        if request.settings.network.units == 16:
            return {"failed": "work: cannot be written", "exit_code": 73}
        return by_units(request)

    trained(full)
    with pytest.raises(OutputError, match="work: cannot be written"):
        search(files, Settings(), tmp_path, Limits(trials=20))
    trained(by_units)
    found = search(files, Settings(), tmp_path, Limits(trials=20))
    assert found.trials["failed"] == 0
    assert sum(found.trials.values()) == 20


def test_the_worker_says_what_cannot_be_written(files, tmp_path):
    gone = tmp_path / "gone"
    worker = Worker()
    try:
        request = Request(files, Settings(), gone, None, time.time() + 60)
        found = worker.measure(request, lambda: False)
    finally:
        worker.close()
    assert found["exit_code"] == 73
    assert str(gone) in found["failed"]


def test_settings_that_the_user_fixed_stay(trained, files, tmp_path):
    asked = trained(by_units)
    fixed = frozenset({"network.units", "ngrams.max_n"})
    search(files, Settings(), tmp_path, Limits(trials=15), fixed=fixed)
    assert {r.settings.network.units for r in asked} == {0}
    assert {r.settings.ngrams.max_n for r in asked} == {Settings().ngrams.max_n}
    assert len({r.settings.network.layers for r in asked}) > 1


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when it is told to."""
    found = SimpleNamespace(now=1000.0)
    for module in (searching, budgeting):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: found.now))
    return found


def lasting(clock, seconds):
    def measure(request):
        if clock.now + seconds > request.deadline:
            clock.now = request.deadline
            return {"late": True}
        clock.now += seconds
        return by_units(request)

    return measure


def test_the_search_ends_with_its_budget(trained, files, tmp_path, clock):
    trained(lasting(clock, 10))
    found = search(files, Settings(), tmp_path, Limits(seconds=300))
    assert found.seconds == 300
    assert sum(found.trials.values()) > 10


def test_what_was_spent_before_a_kill_counts(trained, files, tmp_path, clock):
    def fatal(request):
        if clock.now > 1150:
            raise KeyboardInterrupt
        return lasting(clock, 10)(request)

    trained(fatal)
    with pytest.raises(KeyboardInterrupt):
        search(files, Settings(), tmp_path, Limits(seconds=300))
    clock.now += 5000
    began = clock.now
    trained(lasting(clock, 10))
    search(files, Settings(), tmp_path, Limits(seconds=300))
    assert clock.now - began == pytest.approx(140, abs=11)


def test_a_large_corpus_is_searched_on_parts_of_it(trained, files, tmp_path, clock):
    asked = trained(lasting(clock, 100))
    found = search(files, Settings(), tmp_path, Limits(seconds=600))
    assert {Path(r.files.train[0]).name for r in asked} == {"rows-9.jsonl"}
    assert found.best


def test_without_time_the_settings_stay_as_they_are(trained, files, tmp_path, clock):
    trained(lasting(clock, 1000))
    found = search(files, Settings(), tmp_path, Limits(seconds=60))
    assert (found.settings, found.best, found.changes) == (Settings(), {}, {})


def test_a_signal_ends_it_with_what_was_found_so_far(trained, files, tmp_path):
    asked = trained(by_units)
    found = search(
        files, Settings(), tmp_path, Limits(trials=30), should_stop=lambda: len(asked) > 8
    )
    assert found.interrupted
    assert found.best


def test_rows_that_can_be_read_once_are_refused(tmp_path):
    with pytest.raises(UsageError, match="more than once"):
        search(TrainingFiles(("-",)), Settings(), tmp_path, Limits(trials=1))


def test_two_searches_in_a_folder_exclude_each_other(files, tmp_path):
    with held(tmp_path / ".lock", 0, lambda: False), pytest.raises(LockedError):
        search(files, Settings(), tmp_path, Limits(trials=1))


def test_only_the_trials_are_left_behind(trained, files, tmp_path):
    trained(by_units)
    search(files, Settings(), tmp_path, Limits(trials=3))
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left in ([".lock", "journal"], ["journal"])


@pytest.mark.parametrize(
    ("gained", "lost", "better"),
    [(10, 0, True), (5, 0, True), (4, 0, False), (60, 40, False), (65, 35, True), (0, 10, False)],
)
def test_clearly_better_is_two_standard_errors_of_mcnemar(gained, lost, better):
    before, after = np.zeros(500, bool), np.zeros(500, bool)
    before[:lost] = True
    after[100 : 100 + gained] = True
    a, b = (
        figures(0.5, 500) | {"right": base64.b64encode(np.packbits(bits).tobytes()).decode()}
        for bits in (after, before)
    )
    assert clearly_better(a, b) is better
    assert not clearly_better(a | {"order": 8}, b)


@pytest.mark.parametrize(("tried", "better"), [(1, True), (4, True), (20, False)])
def test_the_best_of_many_must_be_better_by_more(tried, better):
    before, after = np.arange(500) < 35, np.arange(500) >= 500 - 62
    a, b = (
        figures(0.5, 500) | {"right": base64.b64encode(np.packbits(bits).tobytes()).decode()}
        for bits in (after, before)
    )
    assert clearly_better(a, b, tried) is better


def test_of_settings_of_equal_worth_hardly_ever_one_is_taken():
    draws, taken = np.random.default_rng(1), 0
    for _ in range(200):
        before, *others = (
            figures(0.8)
            | {"right": base64.b64encode(np.packbits(draws.random(1000) < 0.8).tobytes()).decode()}
            for _ in range(31)
        )
        right = [np.unpackbits(np.frombuffer(base64.b64decode(f["right"]), np.uint8)).sum()
                 for f in others]  # fmt: skip
        taken += clearly_better(others[int(np.argmax(right))], before, len(others))
    assert taken <= 16


def texts_of(files):
    corpus = Corpus(files.train, files.format)
    return [text for block in corpus.blocks() for text in block.texts()]


def test_each_part_holds_a_third_of_the_next(files, tmp_path):
    samples = write_samples(files, tmp_path, 1, silent)
    texts = [texts_of(part) for part in samples.parts]
    assert samples.rows == ROWS == len(texts[2])
    assert [samples.share(i) for i in range(3)] == ["1/9", "1/3", "all"]
    assert set(texts[0]) <= set(texts[1]) <= set(texts[2])
    for i in (0, 1):
        assert len(texts[i]) == pytest.approx(ROWS / 3 ** (2 - i), rel=0.1)


def test_a_small_corpus_has_one_part(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("label,text\n" + "a,x\nb,y\n" * 500)
    samples = write_samples(TrainingFiles((str(path),)), tmp_path, 1, silent)
    assert [part.train for part in samples.parts] == [(str(path),)]


def test_parts_that_hold_few_rows_of_a_class_are_left_out(tmp_path):
    path = tmp_path / "many.csv"
    path.write_text("label,text\n" + "".join(f"{i % 400},word {i}\n" for i in range(ROWS)))
    samples = write_samples(TrainingFiles((str(path),)), tmp_path, 1, silent)
    assert samples.parts == write_samples(TrainingFiles((str(path),)), tmp_path, 1, silent).parts
    assert [part.train for part in samples.parts] == [(str(path),)]


def test_columns_of_a_validation_file_are_those_that_the_training_file_names(tmp_path):
    train, held_out = tmp_path / "train.csv", tmp_path / "held_out.csv"
    train.write_text("kind,words\n" + "".join(f"{i % 2},word {i}\n" for i in range(20_000)))
    held_out.write_text("words,kind\nno,1\n")
    layout = CorpusFormat(label_column=1, text_columns=(2,))
    given = TrainingFiles((str(train),), (str(held_out),), format=layout)
    samples = write_samples(given, tmp_path, 1, silent)
    corpus = Corpus(samples.parts[0].validation, samples.parts[0].format)
    (block,) = corpus.blocks()
    assert (corpus.labels.names, block.texts()) == (["1"], ["no"])


def test_validation_rows_go_with_every_part(files, tmp_path):
    path = tmp_path / "held out.tsv"
    path.write_text('1\tno\n0\tyes, "quoted" and a,comma\n')
    train = tmp_path / "train.tsv"
    train.write_text("".join(f"{i % 2}\tword {i}\n" for i in range(20_000)))
    layout = CorpusFormat(header=False, delimiter="\t", label_column=1, text_columns=(2,))
    given = TrainingFiles((str(train),), (str(path),), format=layout)
    samples = write_samples(given, tmp_path, 1, silent)
    assert samples.parts[2].validation == (str(path),)
    for part in samples.parts[:2]:
        corpus = Corpus(part.validation, part.format)
        (block,) = corpus.blocks()
        rows = [
            (corpus.labels.names[y], t) for y, t in zip(block.labels, block.texts(), strict=True)
        ]
        assert rows == [("1", "no"), ("0", 'yes, "quoted" and a,comma')]


def test_bad_rows_are_left_out_of_the_parts(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text("label,text\n" + "a,x\nb,y\n" * 5000 + "a,x,z\n")
    with pytest.raises(DataError, match="row 10002"):
        write_samples(TrainingFiles((str(path),)), tmp_path, 1, silent)
    tolerant = TrainingFiles((str(path),), bad_rows=BadRows(1))
    assert write_samples(tolerant, tmp_path, 1, silent).rows == 10_000


class _Random:
    """Asked like a trial, answers at random."""

    def __init__(self, seed):
        self._draw = np.random.default_rng(seed)

    def suggest_categorical(self, _, values):
        return values[self._draw.integers(len(values))]

    def suggest_float(self, _, low, high, log):
        return float(np.exp(self._draw.uniform(np.log(low), np.log(high))))


@pytest.mark.parametrize("preset", ["default", "guide"])
def test_whatever_is_proposed_can_be_trained_from_the_file(preset, tmp_path):
    from textclf.settings import PRESETS

    start = resolve([(preset, PRESETS[preset])])
    for seed in range(50):
        changes = propose(_Random(seed), start, frozenset())
        wanted = searching.apply(start, changes)
        write_config(tmp_path / "c.toml", Found(wanted, changes))
        written = ("c.toml", read_toml(tmp_path / "c.toml"))
        for before in PRESETS:
            assert resolve([(before, PRESETS[before]), written]) == wanted


@pytest.mark.parametrize("fixed", ["ngrams.max_n", "ngrams.min_n"])
def test_where_the_length_is_given_words_do_not_become_characters(fixed):
    start = resolve(overrides=[f"{fixed}=1"])
    for seed in range(50):
        wanted = searching.apply(start, propose(_Random(seed), start, frozenset({fixed})))
        assert wanted.ngrams.analyzer == "word"
        assert not 0 < wanted.ngrams.max_n < wanted.ngrams.min_n


def test_every_name_in_the_space_is_a_setting():
    assert set(SPACE) <= set(flat(Settings()))


@pytest.fixture
def request_(files, tmp_path):
    settings = resolve(overrides=["training.epochs=2", "network.members=1"])
    return Request(files, settings, tmp_path, None, time.time() + 300)


@pytest.mark.slow
def test_the_worker_measures_dies_and_measures_again(request_):
    worker = Worker()
    try:
        first = worker.measure(request_, lambda: False)
        assert first["accuracy"] > 0.9
        assert len(base64.b64decode(first["right"])) == -(-first["rows"] // 8)
        pid = worker._process.pid
        assert worker.measure(request_, lambda: False) == first
        assert worker._process.pid == pid
        killed = worker.measure(request_, lambda: bool(os.kill(pid, signal.SIGKILL)))
        assert killed["exit_code"] == 71
        assert "memory ran out" in killed["failed"]
        assert worker.measure(request_, lambda: False)["accuracy"] == first["accuracy"]
        assert not (request_.folder / "trial").exists()
        late = dataclasses.replace(request_, deadline=time.time() + 0.1)
        assert worker.measure(late, lambda: False) == {"late": True}
        impossible = resolve(overrides=["ngrams.min_df=1000000"])
        answer = worker.measure(dataclasses.replace(request_, settings=impossible), lambda: False)
        assert "min_df" in answer["failed"]
    finally:
        worker.close()


def test_a_worker_that_dies_before_it_is_asked_costs_a_trial(request_, monkeypatch):
    worker = Worker()
    try:
        broken, other = multiprocessing.Pipe()
        worker._begin()
        worker._process.kill()
        other.close()
        monkeypatch.setattr(worker, "_begin", lambda: broken)
        assert worker.measure(request_, lambda: False)["exit_code"] == 71
    finally:
        worker.close()


@pytest.mark.slow
def test_a_worker_that_has_grown_is_begun_anew(request_, monkeypatch):
    worker = Worker()
    try:
        first = worker.measure(request_, lambda: False)
        pid = worker._process.pid
        monkeypatch.setattr("textclf.tuning.worker._MOST_MEMORY", 1 << 20)
        assert worker.measure(request_, lambda: False) == first
        assert worker._process is None
        assert worker.measure(request_, lambda: False) == first
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        worker.close()
