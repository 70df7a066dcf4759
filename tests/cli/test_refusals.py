"""What the system refuses is one line and a documented code, wherever it comes up."""

import errno
import json
import os
import subprocess
import sys

import pytest
from unattended_jobs import environment, one_line


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (errno.ENOSPC, 73, "out.tsv: cannot be written (No space left on device); "),
        (errno.EFBIG, 73, "out.tsv: cannot be written (File too large); "),
        (errno.EIO, 73, "out.tsv: cannot be read or written (Input/output error); "),
        (errno.EMFILE, 73, "out.tsv: cannot be read or written (Too many open files); "),
        (errno.ENAMETOOLONG, 2, "out.tsv: is no path (File name too long); "),
        (errno.ENOMEM, 71, "memory ran out; "),
    ],
)
def test_what_no_module_foresaw_is_one_line(quick, monkeypatch, themes_model, number, code, said):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "out.tsv")

    monkeypatch.setattr("textclf.sinks.open_sink", refuse)
    one_line(quick("predict", themes_model, os.devnull), code, f"textclf: {said}")


@pytest.mark.parametrize("option", ["--log-format=json", "--log-format json"])
@pytest.mark.parametrize(
    ("job", "code"),
    [(["inspect", "none.csv"], 65), (["inspect", "--no-such-option"], 2), (["train"], 2)],
)
def test_what_is_wrong_is_told_in_the_format_of_the_log(textclf, option, job, code):
    result = textclf(*job, *option.split())
    assert result.returncode == code
    told = json.loads(result.stderr)
    assert (told["level"], told["exit_code"]) == ("error", code)


def test_a_circle_of_links_is_one_line(quick, tmp_path, themes_model):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for option in ("-o", "--log-file"):
        result = quick("predict", themes_model, os.devnull, option, tmp_path / "a")
        one_line(result, 73, "cannot be written (Too many levels of symbolic links)")


def test_kernels_that_are_not_to_be_compiled_are_bad_configuration(textclf, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    result = textclf("train", "--dataset", "sample")
    assert result.returncode == 78
    assert "NUMBA_DISABLE_JIT: compiling is switched off; unset it" in result.stderr


def test_a_configuration_without_end_is_not_read_into_memory(quick):
    one_line(quick("train", "--config", "/dev/zero"), 78, "is too large for settings")


def test_a_file_that_grows_too_large_is_one_line_and_leaves_nothing(tmp_path, themes_model):
    (tmp_path / "texts").write_text("soup for dinner\n" * 10_000)
    command = [sys.executable, "-m", "textclf", "predict", str(themes_model), "texts"]
    result = subprocess.run(
        ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *command, "-o", "out.tsv"],
        capture_output=True, text=True, env=environment(), cwd=tmp_path,
    )  # fmt: skip
    one_line(result, 73, "cannot be written (File too large)")
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


def test_a_path_that_is_too_long_is_a_wrong_call(quick, tmp_path):
    result = quick("train", "--dataset", "ag_news", "--data-dir", tmp_path / ("x" * 300))
    one_line(result, 2, "is no path (File name too long)")
