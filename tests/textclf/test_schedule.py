"""Lines for cron and units for systemd, read back by sh and by systemd."""

import shutil
import subprocess

import pytest

from textclf.errors import UsageError
from textclf.schedule import Schedule, check, time_of_day

NASTY = ["a b", "50%", "it's", 'say "x"', "$HOME", "back\\slash", "semi;colon", "é"]


def plan(*words, folder="/"):
    return Schedule("films", 3, 5, ("/usr/bin/printf", *words), {"KEY": "va lue%"}, folder)


def as_cron_would(line):
    """Split a crontab line as cron does: unescaped % are new lines, the first ends the command."""
    fields, command = line.split(None, 5)[:5], line.split(None, 5)[5]
    out, escaped = "", False
    for c in command:
        if escaped:
            out += c if c == "%" else "\\" + c
            escaped = False
        elif c == "\\":
            escaped = True
        elif c == "%":
            raise AssertionError("the command ends here")
        else:
            out += c
    return fields, out + ("\\" if escaped else "")


def test_the_crontab_line_gives_the_program_its_very_words():
    fields, command = as_cron_would(plan("%s\\n", *NASTY).crontab())
    assert fields == ["5", "3", "*", "*", "*"]
    said = subprocess.run(["env", "-i", "/bin/sh", "-c", command], capture_output=True, text=True)
    assert said.stdout.splitlines() == NASTY


def test_the_environment_and_the_folder_are_set(tmp_path):
    folder = tmp_path / "my 100% folder"
    folder.mkdir()
    line = Schedule("x", 0, 0, ("/usr/bin/env",), {"KEY": "va lue%"}, str(folder)).crontab()
    command = as_cron_would(line)[1]
    said = subprocess.run(["env", "-i", "/bin/sh", "-c", command], capture_output=True, text=True)
    assert {"KEY=va lue%", f"PWD={folder}"} <= set(said.stdout.splitlines())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path):
    made = plan("%s\\n", *NASTY)
    (tmp_path / "textclf-films.service").write_text(made.service())
    (tmp_path / "textclf-films.timer").write_text(made.timer())
    said = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "textclf-films.timer")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "textclf-films" not in said.stderr + said.stdout, said.stderr
    assert said.returncode == 0, said.stderr


def test_units_escape_what_systemd_would_expand():
    assert "100%% $$HOME" in plan("100% $HOME").service()
    assert "OnCalendar=*-*-* 03:05:00" in plan().timer()


@pytest.mark.parametrize(
    ("text", "time"), [("03:30", (3, 30)), ("0:00", (0, 0)), ("23:59", (23, 59))]
)
def test_times_of_day(text, time):
    assert time_of_day(text) == time


@pytest.mark.parametrize("text", ["24:00", "3", "3:5", "03:60", "noon", "03:30:00", "-1:30"])
def test_what_is_no_time_of_day(text):
    with pytest.raises(UsageError, match="no time of day"):
        time_of_day(text)


def test_a_word_with_a_line_break_is_refused():
    with pytest.raises(UsageError, match="control character"):
        check(["fine", "two\nlines"])
