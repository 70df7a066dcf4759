"""Kernels are compiled by processes of their own before they are needed the first time."""

import subprocess
import sys

import pytest

from textclf import warm_up
from textclf.progress import Progress

# Reads, counts, vectorizes and writes; prints which kernels it had to compile, and the stages.
PREPARE = """
import sys
from pathlib import Path
from numba.core import event

class Compiled(event.Listener):
    def on_start(self, event):
        print("compiled:", event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass

event.register("numba:compile", Compiled())
from textclf.corpus.reader import CorpusFormat
from textclf.job import TrainingFiles
from textclf.preparation import Stopwatch, prepare
from textclf.progress import silent
from textclf.settings import NgramSettings, Settings

settings = Settings(ngrams=NgramSettings(count_memory_mb=1))  # not enough for all n-grams
file, work = sys.argv[1:]
watch = Stopwatch()
prepare(TrainingFiles((file,), format=CorpusFormat()), settings, Path(work), watch, silent)
print("took", *watch.seconds)
"""


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """A folder of kernels in which none is yet."""
    import numba

    folder = tmp_path / "kernels"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))
    return folder


@pytest.mark.slow
def test_afterwards_nothing_is_compiled(tmp_path, kernels, themes):
    file = tmp_path / "themes.csv"
    rows = [f'{b},"é {a}"' for a, b in zip(*themes, strict=True)]
    words = [f"{n:x}" for n in range(99_000)]  # more n-grams than there is memory for
    rows += [f"rare,{' '.join(words[i::1000])}" for i in range(1000)]
    file.write_text("\n".join(["label,text", *rows]))

    def run(*command):
        work = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
        work.mkdir()
        done = subprocess.run([sys.executable, *command, work], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert run("-c", PREPARE, file) == ["took compile read vectorize"]
    assert run("-c", PREPARE, file) == ["took read vectorize"]
    assert len(list(kernels.rglob("complete-*"))) == 1


@pytest.mark.parametrize("code", [0, 1])
def test_only_what_was_compiled_is_noted(kernels, monkeypatch, code):
    told = []
    step = "import sys; print(end='..'[: int(sys.argv[1])]); sys.exit({code})"
    monkeypatch.setattr(warm_up, "PARTS", {"1": (None,), "2": (None, None)})
    monkeypatch.setattr(warm_up, "_COMMAND", (sys.executable, "-c", step.format(code=code)))
    warm_up.warm_up(told.append)
    assert len(list(kernels.rglob("complete-*"))) == (code == 0)
    assert told[0] == Progress("compile", 0, 3)
    assert told[-1] == Progress("compile", 3, 3)
    told.clear()
    warm_up.warm_up(told.append)
    assert bool(told) == (code != 0)


def test_who_wants_no_more_does_not_wait(kernels, monkeypatch):
    monkeypatch.setattr(warm_up, "_COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        warm_up.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1]
    )

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warm_up.warm_up(stop)
    assert [process.poll() is None for process in started] == [False] * len(warm_up.PARTS)


def test_a_process_that_cannot_be_started_leaves_none_behind(kernels, monkeypatch):
    monkeypatch.setattr(warm_up, "_COMMAND", (sys.executable, "-c", "import time; time.sleep(600)"))
    started, popen = [], subprocess.Popen

    def start(*arguments, **options):
        if started:
            raise OSError(12, "Cannot allocate memory")
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(warm_up.subprocess, "Popen", start)
    warm_up.warm_up()
    assert started[0].poll() is not None
    assert not list(kernels.rglob("complete-*"))


def test_where_kernels_cannot_be_kept_nothing_is_done(kernels):
    kernels.write_text("not a folder")
    told = []
    warm_up.warm_up(told.append)
    assert told == []


def test_a_module_of_the_working_directory_is_not_imported(tmp_path, kernels, monkeypatch):
    """As it would be by `python -m`."""
    (tmp_path / "numpy.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warm_up, "PARTS", {"help": ()})
    warm_up.warm_up()
    assert not list(kernels.rglob("complete-*"))
