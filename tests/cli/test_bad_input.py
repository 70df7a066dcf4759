"""Bad input as the README's table has it: one line on stderr, and the exit code."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import re
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textclf.cli.main import main

README = Path(__file__).parent.parent.parent / "README.md"
GOOD = "".join(f"{'ab'[i % 2]},text number {i}\n" for i in range(40))
NAMED = "label,text\n" + GOOD


def _with_row(row: bytes) -> bytes:
    return GOOD.encode() + row + b"\n" + GOOD.encode()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.csv", GOOD)
    return file.getvalue()


# Input, as the table calls it -> (name of the file, its bytes, further arguments).
FILES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "empty file": ("data.csv", b"", ()),
    "header only": ("data.csv", b"label,text\n", ()),
    "one class": ("data.csv", GOOD.replace("b,", "a,").encode(), ()),
    "missing column": ("data.csv", NAMED.encode(), ("--label-column", "stars")),
    "row with too many cells": ("data.csv", _with_row(b"a,one,two"), ()),
    "row with too few cells": ("data.csv", _with_row(b"a"), ()),
    "unclosed quote": ("data.csv", _with_row(b'a,"never closed'), ()),
    "literal quotes far down in a TSV": (
        "data.tsv",
        b"a\t%b\nb\tx\n" % (b"long " * 1000) * 20 + b'a\t"Tis\nb\tsome\na\t5" disk\n',
        (),
    ),
    "line for Excel": ("data.csv", b"sep=,\n" + NAMED.encode(), ()),
    "invalid UTF-8": ("data.csv", _with_row(b"a,caf\xe9"), ()),
    "NUL byte": ("data.csv", _with_row(b"a,one\0two"), ()),
    "cell of 100 MB": ("data.csv", _with_row(b"a," + b"x" * (100 << 20)), ()),
    "byte order mark": ("data.csv", b"\xef\xbb\xbf" + NAMED.encode(), ("--label-column", "label")),
    "lines that end with CR LF": ("data.csv", NAMED.replace("\n", "\r\n").encode(), ()),
    "lines that end with CR": ("data.csv", NAMED.replace("\n", "\r").encode(), ()),
    "name of two columns, asked for": (
        "data.csv",
        b"label,text,text\n" + GOOD.replace("\n", ",more\n").encode(),
        ("--text-column", "text"),
    ),
    "blank label": ("data.csv", _with_row(b" ,no label"), ()),
    "truncated gzip": ("data.csv.gz", gzip.compress(GOOD.encode())[:-10], ()),
    "zip archive": ("data.csv", _zip(), ()),
    "wrong extension: JSON lines": ("data.jsonl", GOOD.encode(), ()),
    "wrong extension: Parquet": ("data.parquet", GOOD.encode(), ()),
    "wrong extension: gzip": ("data.csv.gz", GOOD.encode(), ()),
    "wrong --delimiter": ("data.csv", GOOD.encode(), ("--delimiter", ";")),
    "wrong --encoding": ("data.csv", GOOD.encode(), ("--encoding", "utf-16")),
}
Row = tuple[str, str, int]


def _table() -> dict[str, Row]:
    """Return (input, line, exit code) of each row of the README's table, by the input."""
    section = README.read_text("utf-8").partition("\n## Troubleshooting\n")[2]
    section = section.partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|`]+?) \| (.+?) \| (\d+) \|$", section, re.MULTILINE)
    return {name: (name, line.strip("`"), int(code)) for name, line, code in rows}


TABLE = _table()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for variable in ("TEXTCLF_DATA_DIR", "TEXTCLF_MODELS_DIR", "TEXTCLF_MIRROR"):
        monkeypatch.delenv(variable, raising=False)
    # What is tested fails before TensorFlow, which takes seconds to import, is needed.
    monkeypatch.setattr("textclf.tensorflow_runtime.preload", lambda *_, **__: None)
    return tmp_path


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; return (exit code, stderr)."""

    def call(*arguments: str) -> tuple[int, str]:
        code: object = 0
        try:
            main(arguments)
        except SystemExit as stopped:
            code = stopped.code
        assert isinstance(code, int)
        return code, capsys.readouterr().err

    return call


def _holds(name: str, code: int, err: str) -> None:
    """Hold what happened against the table."""
    _, line, documented = TABLE[name]
    assert code == documented
    if code == 0:
        assert err == ""
        return
    assert err == f"textclf: {line}\n"
    assert "; " in line, "a remedy is given"


def test_every_row_of_the_table_is_tested() -> None:
    others = {
        "label of the validation file unseen in training",
        "label of the test file unseen in training",
        "directory",
        "missing path",
        "archive that escapes its folder",
    }
    assert set(TABLE) == set(FILES) | others


@pytest.mark.parametrize("name", FILES)
def test_inspect_says_what_the_readme_says(name: str, run: Run, folder: Path) -> None:
    file, content, arguments = FILES[name]
    (folder / file).write_bytes(content)
    _holds(name, *run("inspect", "--quiet", file, *arguments))


@pytest.mark.parametrize("name", [name for name in FILES if TABLE.get(name, ("", "", 0))[2]])
def test_train_says_what_the_readme_says(name: str, run: Run, folder: Path) -> None:
    file, content, arguments = FILES[name]
    (folder / file).write_bytes(content)
    _holds(name, *run("train", "--quiet", "--train-file", file, *arguments))
    assert not list((folder / "models").rglob("current"))


TEXTS = {  # rows, and what training says of them
    "a,\nb, \n": "its texts are blank",
    "a,same\nb,same\n": "leave none for validation: their texts are too few, or alike",
    "a,yes\nb,no\n": "too few different texts",
}


@pytest.mark.parametrize("rows", TEXTS)
def test_texts_that_training_refuses_are_refused_by_inspect(
    rows: str, run: Run, folder: Path
) -> None:
    (folder / "data.csv").write_text(rows * 40)
    trained, said = run("train", "--train-file", "data.csv", "--quiet")
    assert TEXTS[rows] in said
    assert "--text-column" in said or "--validation-file" in said
    assert (run("inspect", "data.csv", "--quiet")[0], trained) == (65, 65)


@pytest.mark.parametrize("rows", ["a,one\nb,two\nb,three\n", "a,yes\nb,yes\nb,no\na,no\n"])
def test_few_texts_that_can_be_trained_on_are_not_refused(
    rows: str, run: Run, folder: Path
) -> None:
    (folder / "data.csv").write_text(rows * 40)
    assert run("inspect", "data.csv", "--quiet") == (0, "")


@pytest.mark.parametrize("name", ["row with too few cells", "empty file", "one class"])
def test_a_process_of_its_own_says_the_same(
    name: str, textclf: Callable[..., subprocess.CompletedProcess[str]], folder: Path
) -> None:
    file, content, arguments = FILES[name]
    (folder / file).write_bytes(content)
    result = textclf("inspect", file, *arguments, "--quiet", cwd=folder)
    _holds(name, result.returncode, result.stderr)


@pytest.mark.parametrize("command", [("inspect",), ("train", "--train-file")])
def test_path_that_is_no_file(command: tuple[str, ...], run: Run, folder: Path) -> None:
    (folder / "data").mkdir()
    _holds("directory", *run(*command, "data", "--quiet"))
    _holds("missing path", *run(*command, "data.csv", "--quiet"))


def test_label_of_the_test_file_that_training_never_saw(run: Run, folder: Path) -> None:
    (folder / "data.csv").write_text(GOOD)
    (folder / "test.csv").write_text("a,fine\nc,unseen\n")
    name = "label of the test file unseen in training"
    _holds(name, *run("inspect", "data.csv", "--test-file", "test.csv", "--quiet"))


def test_label_of_the_validation_file_that_training_never_saw(run: Run, folder: Path) -> None:
    (folder / "data.csv").write_text(GOOD)
    (folder / "validation.csv").write_text("a,fine\nc,unseen\n")
    name = "label of the validation file unseen in training"
    files = ("--train-file", "data.csv", "--validation-file", "validation.csv")
    _holds(name, *run("train", *files, "--quiet"))


@pytest.mark.parametrize("option", ["--test-file", "--validation-file"])
def test_files_that_are_read_late_are_looked_at_early(
    option: str, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the training file was read")

    monkeypatch.setattr("textclf.ngrams.matrix.count_ngrams", never)
    (folder / "train.csv").write_text(GOOD)
    code, err = run("train", "--train-file", "train.csv", option, "data.csv", "--quiet")
    assert (code, err) == (65, "textclf: data.csv: no such file; check the path\n")
    assert [path.name for path in folder.iterdir()] == ["train.csv"]


@pytest.mark.parametrize(
    ("row", "what"),
    [("a,one,two", "the row has 3 columns and not 2"), ("c,new", "the label 'c' was never seen")],
)
def test_bad_test_rows_are_told_before_training(
    row: str, what: str, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the network was trained")

    monkeypatch.setattr("textclf.training.fit", never)
    (folder / "data.csv").write_text(3 * GOOD)
    (folder / "test.csv").write_text(f"a,fine\n{row}\n")
    files = ("--train-file", "data.csv", "--test-file", "test.csv")
    code, err = run("train", *files, "--quiet")
    assert code == 65
    assert err.startswith(f"textclf: test.csv, row 2: {what}")
    assert err.count("\n") == 1


@pytest.fixture
def escaping(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A dataset `mine`, published as an archive with a path that leaves its folder."""
    served, config = folder / "served", folder / "config"
    served.mkdir()
    config.mkdir()
    with tarfile.open(served / "mine.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("../train.csv")
        member.size = len(GOOD)
        archive.addfile(member, io.BytesIO(GOOD.encode()))
    content = (served / "mine.tgz").read_bytes()
    (config / "mine.toml").write_text(
        f"[[dataset.downloads]]\nfile = 'mine.tgz'\nbytes = {len(content)}\n"
        f"sha256 = '{hashlib.sha256(content).hexdigest()}'\n"
        "urls = ['http://unused.invalid']\nunpack = ['train.csv']\n"
    )

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("TEXTCLF_CONFIG_DIR", str(config))
    monkeypatch.setenv("TEXTCLF_MIRROR", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.usefixtures("escaping")
@pytest.mark.parametrize("command", [("datasets", "fetch"), ("inspect", "--dataset")])
def test_archive_that_escapes(command: tuple[str, ...], run: Run, folder: Path) -> None:
    name = "archive that escapes its folder"
    _holds(name, *run(*command, "mine", "--data-dir", "data", "--quiet"))
    assert not list(folder.rglob("train.csv"))


def test_debug_shows_the_traceback(run: Run) -> None:
    code, err = run("inspect", "data.csv", "--debug")
    assert code == 65
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("textclf: data.csv: no such file")


@pytest.mark.parametrize("tolerated", ["2", "3%"])
def test_tolerated_rows_are_left_out_and_written_down(
    tolerated: str, run: Run, folder: Path
) -> None:
    (folder / "data.csv").write_text(GOOD + "a\n" + GOOD + "b,one,two\n")
    options = ("--skip-bad-rows", tolerated, "--rejects", "rejects.tsv", "--quiet")
    assert run("inspect", "data.csv", *options) == (0, "")
    rejects = (folder / "rejects.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in rejects[1:]] == [
        ["data.csv", "41"],
        ["data.csv", "82"],
    ]


@pytest.mark.parametrize("tolerated", ["1", "2.4%"])
def test_one_bad_row_more_than_tolerated_is_too_many(
    tolerated: str, run: Run, folder: Path
) -> None:
    (folder / "data.csv").write_text(GOOD + "a\n" + GOOD + "b,one,two\n")
    code, err = run("inspect", "data.csv", "--skip-bad-rows", tolerated, "--quiet")
    assert code == 65
    assert err.startswith(
        "textclf: data.csv, row 41: the row has 1 column and not 2, the first of 2 bad rows; "
    )


@pytest.mark.slow
def test_training_counts_the_rows_it_left_out(
    textclf: Callable[..., subprocess.CompletedProcess[str]], folder: Path
) -> None:
    (folder / "data.csv").write_text(3 * GOOD + "a\n")
    (folder / "test.csv").write_text("a,fine\nc,unseen\nb,text\n")
    files = ("--train-file", "data.csv", "--test-file", "test.csv")
    options = ("--skip-bad-rows", "1", "--rejects", "rejects.tsv", "--set", "training.epochs=1")
    result = textclf("train", *files, *options, "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    metrics = json.loads(result.stdout)
    assert metrics["bad_rows"] == 2
    assert metrics["samples"]["test"] == 2
    rejects = (folder / "rejects.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in rejects[1:]] == [
        ["data.csv", "121"],
        ["test.csv", "2"],
    ]


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "101%", "%", "", "1e3"])
def test_tolerance_that_is_no_number(text: str, run: Run) -> None:
    code, err = run("inspect", "data.csv", f"--skip-bad-rows={text}")
    assert code == 2
    assert err.count("\n") == 1
    assert "write it like 20 or 0.5%" in err


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, len(NAMED)),
            st.integers(0, 40),
            st.binary(max_size=6)
            | st.sampled_from([b'"', b"\0", b"\r", b"\n", b",", b"\xef\xbb\xbf"]),
        ),
        max_size=6,
    ),
    ending=st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".txt"]),
    compressed=st.booleans(),
)
def test_mutated_files_give_a_result_or_one_line(
    edits: list[tuple[int, int, bytes]], ending: str, compressed: bool, run: Run, folder: Path
) -> None:
    content = NAMED.encode()
    content = gzip.compress(content, mtime=0) if compressed else content
    for place, length, new in edits:
        content = content[:place] + new + content[place + length :]
    file = folder / f"data{ending}"
    file.write_bytes(content)
    code, err = run("inspect", file.name, "--quiet")
    assert code in (0, 65)
    assert err.count("\n") == (code != 0)
    assert err.startswith(f"textclf: {file.name}") or code == 0
