"""Output that is closed, or whose reader is gone."""

import os
import subprocess

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


def test_an_error_that_nobody_can_be_told_is_not_told_as_a_result(textclf, tmp_path):
    result = textclf("predict", tmp_path / "none", preexec_fn=lambda: os.close(2))
    assert (result.returncode, result.stdout) == (65, "")
