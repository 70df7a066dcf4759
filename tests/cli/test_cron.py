"""What cron has in store: no environment, no input, nowhere to write; and what may go wrong there.

The network is real in the first test only; see quick.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = Path(__file__).with_name("quick.py")
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"


def sh(command, **options):
    """Run a command as cron does: a small shell, next to no environment, and cwd /."""
    defaults = {"capture_output": True, "text": True, "timeout": 240, "cwd": "/"}
    bare = ["env", "-i", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", "/bin/sh", "-c", command]
    return subprocess.run(bare, **(defaults | options))


def quick(models, more=""):
    return (
        f"PYTHONPATH={ROOT} {sys.executable} {QUICK} train --quiet --data-dir {ROOT / 'data'} "
        f"--dataset sample --models-dir {models} --no-cache {more}"
    )


def current(models):
    link = Path(models) / "sample" / "current"
    assert (link / "model" / "manifest.json").is_file()
    return link.resolve().name


def test_the_line_that_schedule_prints_trains_a_model(textclf, tmp_path):
    models = tmp_path / "my models"
    printed = textclf(
        "schedule", "--at", "03:30", "--dataset", "sample", "--models-dir", models, "--set",
        "training.epochs=1", "--metrics-file", tmp_path / "textclf.prom",
    )  # fmt: skip
    line = next(line for line in printed.stdout.splitlines() if line.startswith("30 3 * * * "))
    assert re.search(r"&& .*/\S+ ", line)
    done = sh(
        line.removeprefix("30 3 * * * ").replace("\\%", "%") + " <&-", stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert current(models)
    assert 'textclf_last_exit_code{model="sample"} 0' in (tmp_path / "textclf.prom").read_text()


def test_the_scheduled_job_gets_the_options_of_output_too(textclf, tmp_path):
    options = ["--dataset", "sample", "--log-file", "log", "--log-format", "json", "--debug"]
    printed = textclf("schedule", "--at", "03:30", *options, cwd=tmp_path)
    line = printed.stdout.splitlines()[1]
    assert f"--log-file {tmp_path / 'log'} --log-format json --debug" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--dataset", "--config"])
def test_a_dataset_of_a_file_and_the_folder_of_such_are_found_from_elsewhere(
    textclf, tmp_path, option
):
    (tmp_path / "mine.toml").write_text("[training]\nepochs = 2\n")
    printed = textclf(
        "schedule", "--at", "03:30", option, "./mine.toml",
        cwd=tmp_path, env={"TEXTCLF_CONFIG_DIR": "own"},
    )  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    line = printed.stdout.splitlines()[1]
    assert f"{option} {tmp_path / 'mine.toml'} " in line
    assert f"TEXTCLF_CONFIG_DIR={tmp_path / 'own'} " in line
    assert "--data-dir /" in line
    assert "textclf-mine.timer" in printed.stdout


def test_a_dataset_of_the_users_own_is_found_by_cron(textclf, tmp_path):
    own = tmp_path / "config" / "textclf" / "datasets" / "mine.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[training]\nepochs = 2\n")
    where = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    printed = textclf("schedule", "--at", "03:30", "--dataset", "mine", env=where)
    for name, folder in where.items():
        assert f"{name}={folder} " in printed.stdout


def test_units_of_models_with_dots_in_their_names_are_told_apart(textclf):
    printed = textclf("schedule", "--at", "03:30", "--dataset", "sample", "--name", "v1.2")
    assert "textclf-v1.2.timer" in printed.stdout


def test_what_training_would_refuse_is_not_scheduled(textclf):
    for options, code in (
        (["--dataset", "nosuch"], 2),
        (["--dataset", "sample", "--train-file", "a.csv"], 2),
        (["--config", "nosuch.toml"], 78),
        (["--dataset", "sample", "--set", "training.nosuch=1"], 78),
        (["--dataset", "sample", "--name", "two words"], 2),
        (["--dataset", "sample", "--wait", "long"], 2),
        (["--dataset", "sample", "--time-limit", "2 weeks"], 2),
        (["--dataset", "sample", "--memory-limit", "5"], 2),
        (["--dataset", "sample", "--cache-limit", "much"], 2),
    ):
        printed = textclf("schedule", "--at", "03:30", *options)
        assert (printed.returncode, printed.stdout) == (code, "")


def test_the_home_folder_and_the_mirror_are_those_of_now(textclf, tmp_path):
    printed = textclf(
        "schedule", "--at", "03:30", "--dataset", "sample", "--data-dir=~/data",
        env={"HOME": str(tmp_path), "TEXTCLF_MIRROR": "http://mirror"},
    )  # fmt: skip
    assert f"--data-dir={tmp_path}/data" in printed.stdout
    assert "TEXTCLF_MIRROR=http://mirror " in printed.stdout


@pytest.mark.parametrize("option", [["--train-file", "-"], ["--train-file=-"]])
def test_a_job_that_reads_standard_input_is_not_scheduled(textclf, option):
    printed = textclf("schedule", "--at", "03:30", *option)
    assert (printed.returncode, printed.stdout) == (2, "")
    assert "cron has no standard input" in printed.stderr


def test_a_file_that_is_not_there_yet_is_warned_of_and_scheduled(textclf, tmp_path):
    (tmp_path / "a.csv").write_text("label,text\nx,y\n")
    files = ("--train-file", "a.csv", "--test-file", "b.csv")
    printed = textclf("schedule", "--at", "03:30", *files, cwd=tmp_path)
    assert printed.returncode == 0
    assert "b.csv: is not there yet" in printed.stderr
    assert "a.csv" not in printed.stderr
    assert printed.stdout.count(f"--test-file {tmp_path}/b.csv") == 2


def test_a_hyphen_that_is_no_file_may_be_scheduled(textclf):
    printed = textclf("schedule", "--at", "03:30", "--train-file", "a.csv", "--delimiter", "-")
    assert printed.returncode == 0
    assert "--delimiter - " in printed.stdout


@pytest.mark.parametrize("streams", ["<&-", "<&- >&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_closed_and_full_streams_do_not_stop_a_job(tmp_path, streams):
    done = sh(quick(tmp_path, streams))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert current(tmp_path)


def test_a_reader_that_goes_away_does_not_stop_a_job(tmp_path):
    command = quick(tmp_path).replace("--quiet", "--log-format text")
    sh(f"({command}; echo $? >{tmp_path / 'code'}) 2>&1 | true")
    assert (tmp_path / "code").read_text() == "0\n"
    assert current(tmp_path)


@pytest.mark.parametrize(
    ("umask", "file", "folder"), [("077", 0o600, 0o700), ("002", 0o664, 0o775)]
)
def test_the_umask_is_respected(tmp_path, umask, file, folder):
    assert sh(f"umask {umask}; {quick(tmp_path / 'models')}").returncode == 0
    made = [tmp_path / "models", *(tmp_path / "models").rglob("*")]
    modes = {(p.is_dir(), p.lstat().st_mode & 0o777) for p in made if not p.is_symlink()}
    assert modes == {(True, folder), (False, file)}


def test_a_full_disk_ends_with_73_and_leaves_the_published_model(tmp_path, mounted):
    models = mounted("-t", "tmpfs", "-o", "size=16m", "tmpfs")
    assert sh(quick(models)).returncode == 0
    before = current(models)
    free = os.statvfs(models).f_bavail * os.statvfs(models).f_frsize
    # With no room at all, with some, ...: each stage meets the end of it.
    for room in (0, 60, 500, 900):
        filler = models / "filler"
        filler.write_bytes(bytes(max(0, free - room * 1024)))
        full = sh(quick(models, "--seed 2"))
        assert full.returncode == 73, (room, full.stderr)
        assert len(full.stderr.splitlines()) == 1
        assert "No space left" in full.stderr
        assert current(models) == before
        filler.unlink()
    assert sh(quick(models, "--seed 2")).returncode == 0
    assert current(models) != before
    assert {p.name for p in (models / "sample").glob(".*")} <= {".lock", ".published"}


def test_a_read_only_models_folder_ends_with_73(tmp_path, mounted):
    models = mounted("-t", "tmpfs", "-o", "size=8m", "tmpfs")
    assert sh(quick(models)).returncode == 0
    before = current(models)
    mounted("-o", "remount,ro")
    refused = sh(quick(models))
    assert refused.returncode == 73
    assert len(refused.stderr.splitlines()) == 1
    assert "Read-only" in refused.stderr
    assert current(models) == before
