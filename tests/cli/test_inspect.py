"""textclf inspect."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Thirty rows of three classes; one label is not ASCII."""
    file = tmp_path / "reviews.csv"
    labels = ["good"] * 20 + ["bad"] * 10 + ["mäßig"] * 10
    rows = "".join(f"{label},text number {i}\n" for i, label in enumerate(labels))
    file.write_text("label,text\n" + rows, encoding="utf-8")
    return file


def test_pipe_gets_plain_text(textclf: Command, reviews: Path) -> None:
    result = textclf("inspect", reviews, env={"PYTHONIOENCODING": "utf-8", "COLUMNS": "60"})
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    bars = {line.split()[0]: line.count("█") for line in result.stdout.splitlines() if "█" in line}
    assert bars["good"] // 2 == bars["bad"] == bars["mäßig"] > 0
    assert "label in 'label', text in 'text'" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()[2:]) <= 60


def test_ascii_output_is_ascii(textclf: Command, reviews: Path) -> None:
    result = textclf("inspect", reviews, env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    assert result.stdout.isascii()
    assert "####" in result.stdout
    assert r"m\xe4\xdfig" in result.stdout


def test_json_is_one_object(textclf: Command, reviews: Path) -> None:
    result = textclf("inspect", reviews, "--json")
    found = json.loads(result.stdout)
    assert found["classes"] == {"bad": 10, "good": 20, "mäßig": 10}
    assert found["findings"] == []


def test_standard_input_is_read(textclf: Command, reviews: Path) -> None:
    result = textclf("inspect", "-", "--json", "--quiet", input=reviews.read_text("utf-8"))
    assert json.loads(result.stdout)["rows"] == 40
    assert result.stderr == ""


def test_dataset_brings_its_test_file_and_names(textclf: Command) -> None:
    result = textclf("inspect", "--dataset", "sample", "--quiet", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["test"]["rows"] > 0


def test_report_comes_before_the_refusal(textclf: Command, reviews: Path) -> None:
    with reviews.open("a") as file:
        file.write("good\ngood\n")
    result = textclf("inspect", reviews, "--json", "--quiet")
    assert result.returncode == 65
    assert json.loads(result.stdout)["bad_rows"] == 2
    assert "row 42" in result.stderr
    assert "the first of 2 bad rows" in result.stderr


def test_a_test_file_is_read_as_training_reads_it(textclf: Command, tmp_path: Path) -> None:
    own, test = tmp_path / "own.csv", tmp_path / "test.csv"
    own.write_text("kind,words\n" + "".join(f"{k},{k} {i}\n" for i in range(20) for k in "ab"))
    test.write_text("words,kind,more\na one,a,x\nb two,b,y\n")
    for columns in ((), ("--label-column", "1", "--text-column", "2")):
        result = textclf("inspect", own, "--test-file", test, *columns, "--json", "--quiet")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["test"]["rows"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect",),
        ("inspect", "x.csv", "--dataset", "sample"),
        ("inspect", "--dataset", "sample", "--label-column", "1"),
    ],
    ids=["none", "both", "layout"],
)
def test_what_to_inspect_must_be_clear(arguments: tuple[str, ...], textclf: Command) -> None:
    result = textclf(*arguments)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_terminal_gets_colours(settings: dict[str, str], coloured: bool, reviews: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    environment |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | settings
    command = [sys.executable, "-m", "textclf", "inspect", str(reviews)]
    with subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # Linux says so when the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 0
    assert (b"\x1b[" in shown) == coloured
    assert b"good" in shown


def test_terminal_gets_letters_as_they_are_while_bars_are_on_it(reviews: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "textclf", "inspect", str(reviews)]
    environment = os.environ | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:
            pass
        os.close(ours)
    assert process.returncode == 0
    assert "mäßig" in shown.decode()
    assert "█" in shown.decode()


@pytest.mark.parametrize(("tolerated", "level", "code"), [("1", "warning", 0), ("0", "error", 65)])
def test_bad_rows_are_an_error_where_training_would_refuse_them(
    textclf: Command, reviews: Path, tolerated: str, level: str, code: int
) -> None:
    with reviews.open("a") as file:
        file.write("a row without text\n")
    result = textclf("inspect", reviews, "--json", "--skip-bad-rows", tolerated)
    assert result.returncode == code
    assert [f["level"] for f in json.loads(result.stdout)["findings"]] == [level]


def test_of_several_files_it_says_which(textclf: Command, tmp_path: Path) -> None:
    for name, text in (("a", "one two"), ("b", "one two three four")):
        rows = "".join(f"{x},{text} {i}{x}\n" for i in range(30) for x in "xy")
        (tmp_path / f"{name}.csv").write_text("label,text\n" + rows)
    (tmp_path / "t.csv").write_text("label,text\nx,one two 0x\ny,another\n")
    files = [tmp_path / "a.csv", tmp_path / "b.csv", "--test-file", tmp_path / "t.csv"]
    out = textclf("inspect", *files, env={"COLUMNS": "400"}).stdout
    assert f"most 5 in {tmp_path / 'b.csv'}, row 2" in " ".join(out.split())
    assert f"such as {tmp_path / 't.csv'}, row 2 and {tmp_path / 'a.csv'}, row 2" in out
