"""Output that is closed, or whose reader is gone."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def gone():
    """A pipe whose reader is gone."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"]])
def test_help_that_nobody_reads_is_no_error(textclf, gone, arguments):
    result = textclf(*arguments, capture_output=False, stdout=gone, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet"])
def test_predictions_that_nobody_reads_are_no_error(textclf, gone, tmp_path, themes_model, kind):
    (tmp_path / "texts").write_text("soup for dinner\n" * 50_000)
    log = tmp_path / "log"
    result = textclf(
        "predict", themes_model, tmp_path / "texts", "--output-format", kind, "--log-file", log,
        capture_output=False, stdout=gone, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert "error" not in log.read_text()


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("command", [["datasets", "list"], ["runs", "list"]])
def test_an_answer_that_goes_nowhere_is_an_error(textclf, tmp_path, command, more):
    result = textclf(*command, *more, cwd=tmp_path, preexec_fn=lambda: os.close(1))
    assert result.returncode == 73
    assert "standard output is closed" in result.stderr


def test_no_file_takes_the_place_of_a_stream_that_is_closed(textclf, tmp_path):
    code = "import os; from textclf.cli.streams import open_closed; open_closed(); os.pipe()"
    check = f"{code}; assert os.path.samefile('/dev/null', f'/proc/self/fd/2')"
    process = subprocess.run([sys.executable, "-c", check], preexec_fn=lambda: os.close(2))
    assert process.returncode == 0


def test_an_error_that_nobody_can_be_told_is_not_told_as_a_result(textclf, tmp_path):
    result = textclf("predict", tmp_path / "none", preexec_fn=lambda: os.close(2))
    assert (result.returncode, result.stdout) == (65, "")
