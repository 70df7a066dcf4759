"""Checksums and row counts."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textclf import datasets, verification
from textclf.dataset_config import Dataset, Layout
from textclf.errors import DataError
from textclf.verification import tally, verify

ROWS = b"1,good\n2,bad\n"
SHA = hashlib.sha256(ROWS).hexdigest()


def put(folder: Path, content: bytes = ROWS, name: str = "train.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def zstd(content: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    return bytes(pyarrow.compress(content, codec="zstd", asbytes=True))


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        ("", bytes),
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", zstd),
    ],
)
def test_what_is_compressed_is_counted_as_what_it_holds(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    counted = tally(put(tmp_path, compress(ROWS), f"train.csv{suffix}"))
    assert (counted.bytes, counted.sha256, counted.rows) == (len(ROWS), SHA, 2)


@given(
    table=st.lists(st.lists(st.text('ab",\n'), min_size=2, max_size=3), max_size=20),
    chunk=st.integers(1, 40),
    ended=st.booleans(),
)
def test_rows_are_those_of_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], chunk: int, ended: bool
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    content = text.getvalue() if ended else text.getvalue().rstrip("\n")
    path = put(tmp_path_factory.mktemp("rows"), content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "CHUNK", chunk)
        assert tally(path).rows == len(list(csv.reader(io.StringIO(content))))


def test_the_header_is_no_row(tmp_path: Path) -> None:
    assert tally(put(tmp_path, b"label,text\n" + ROWS), header=True).rows == 2
    assert tally(put(tmp_path, b""), header=True).rows == 0


def test_json_has_no_header(tmp_path: Path) -> None:
    assert tally(put(tmp_path, b"{}\n", "train.jsonl"), header=True).rows == 1


def test_lines_of_json_are_rows_and_parquet_is_not_counted(tmp_path: Path) -> None:
    assert tally(put(tmp_path, b'{"a": "\\""}\n{}\n', "train.jsonl")).rows == 2
    assert tally(put(tmp_path, b"PAR1\n", "train.parquet")).rows is None


def status(dataset: Dataset, *paths: Path) -> list[str]:
    return [check.status for check in verify(dataset, paths).checks]


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (Dataset("x"), "unknown"),
        (Dataset("x", rows={"train": 2}), "unknown"),
        (Dataset("x", rows={"train": 3}), "differs"),
        (Dataset("x", checksums={"train.csv": SHA}), "ok"),
        (Dataset("x", checksums={"train.csv": SHA}, rows={"train": 3}), "ok"),
        (Dataset("x", checksums={"train.csv": "0" * 64}), "differs"),
        (Dataset("x", rows={"train": 1}, layout=Layout(header=True)), "unknown"),
    ],
)
def test_files_are_compared_with_what_is_published(
    tmp_path: Path, dataset: Dataset, expected: str
) -> None:
    assert status(dataset, put(tmp_path)) == [expected]
    assert verify(dataset, [put(tmp_path)]).ok == (expected != "differs")


@pytest.mark.parametrize(
    ("name", "content", "layout", "rows", "expected"),
    [
        ("train.tsv", b'a\tthe 5" disk\nb\ttwo\na\tthree\n', Layout(header=False), 3, "unknown"),
        ("train.tsv", b'a\t"two\nlines"\nb\ttwo\n', Layout(header=False), 2, "unknown"),
        ("train.tsv", b"a\tone\nb\ttwo\n", Layout(header=False), 3, "differs"),
        ("train.csv", b"label,text\na,one\nb,two\n", Layout(), 2, "unknown"),
        ("train.csv", b"label,text\na,one\nb,two\n", Layout(), 3, "unknown"),
        ("train.csv", b"label,text\na,one\nb,two\n", Layout(header=False), 2, "differs"),
    ],
)
def test_rows_are_counted_as_the_file_may_be_read(
    tmp_path: Path, name: str, content: bytes, layout: Layout, rows: int, expected: str
) -> None:
    dataset = Dataset("x", rows={"train": rows}, layout=layout)
    assert status(dataset, put(tmp_path, content, name)) == [expected]


def test_the_manifest_decides_where_there_is_one(tmp_path: Path) -> None:
    path = put(tmp_path)
    manifest = {"files": {name: {"sha256": SHA} for name in ("train.csv", "test.csv")}}
    put(tmp_path, json.dumps(manifest).encode(), "manifest.json")
    assert status(Dataset("x", rows={"train": 9}), path) == ["ok", "missing"]
    assert status(Dataset("x"), put(tmp_path, ROWS + b"3,x\n"), put(tmp_path, name="test.csv")) == [
        "differs",
        "ok",
    ]


def test_a_file_compressed_after_it_was_fetched_is_still_right(tmp_path: Path) -> None:
    manifest = {"files": {"train.csv": {"sha256": SHA}}}
    put(tmp_path, json.dumps(manifest).encode(), "manifest.json")
    assert status(Dataset("x"), put(tmp_path, gzip.compress(ROWS), "train.csv.gz")) == ["ok"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"files": 1}', '{"files": {"train.csv": {}}}', "[" * 200_000]
)
def test_a_broken_manifest_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    path = put(tmp_path)
    put(tmp_path, text.encode(), "manifest.json")
    with pytest.raises(DataError, match=r"manifest\.json: is no manifest"):
        verify(Dataset("x"), [path])


@pytest.mark.parametrize("name", ["train.csv.gz", "train.csv.bz2", "train.csv.xz", "train.csv.zst"])
def test_a_file_that_cannot_be_decompressed_is_an_error_of_one_line(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        tally(put(tmp_path, b"no archive", name))


def test_a_damaged_archive_is_an_error_of_one_line(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"".join(b"%d,text %d\n" % (i, i * i) for i in range(9999))))
    packed[5000:5040] = b"\xff" * 40
    with pytest.raises(DataError, match="cannot be read"):
        tally(put(tmp_path, bytes(packed), "train.csv.gz"))


def test_the_sample_is_as_it_was_made(tmp_path: Path) -> None:
    verified = datasets.verify(datasets.find("sample"), tmp_path)
    assert [check.status for check in verified.checks] == ["ok", "ok"]
    assert [check.tally.rows for check in verified.checks if check.tally] == [4000, 1000]
