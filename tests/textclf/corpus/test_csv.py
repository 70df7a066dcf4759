"""The kernels and the reader against the csv module of the standard library."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textclf.corpus import csv_kernels as kernels
from textclf.corpus import formats
from textclf.corpus.csv_plain import records
from textclf.corpus.reader import BadRows, Corpus, CorpusFormat

CSV_BYTES = st.lists(
    st.sampled_from(
        [b'"', b",", b"\n", b"\r", b"\r\n", b"a", b" ", b"\\", b'""', b"\xc3\xa9", b"1"]
    ),
    max_size=40,
).map(b"".join)
ANY_BYTES = st.binary(max_size=60) | CSV_BYTES


def by_csv_module(data: bytes, delimiter: str = ",", quotes: bool = True) -> list[list[bytes]]:
    text = io.StringIO(data.decode("latin-1"), newline="")
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    rows = csv.reader(text, delimiter=delimiter, quoting=quoting)
    return [[cell.encode("latin-1") for cell in row] for row in rows if row]


def by_kernel(pieces: list[bytes], delimiter: str = ",", quotes: bool = True) -> list[list[bytes]]:
    """Split pieces of a file, carrying the incomplete row over from piece to piece."""
    found: list[list[bytes]] = []
    carry, state = b"", kernels.START_RECORD
    quote = kernels.QUOTE if quotes else kernels.NO_QUOTE
    for i, piece in enumerate(pieces):
        data = np.frombuffer(carry + piece, dtype=np.uint8)
        out = np.empty(data.size, dtype=np.uint8)
        ends, row_cells, starts, stops = (np.empty(data.size + 2, np.int32) for _ in range(4))
        final = i == len(pieces) - 1
        rows, state, start = kernels.split(
            data, ord(delimiter), quote, state, final, out, ends, row_cells, starts, stops
        )
        for r in range(rows):
            cells = range(row_cells[r], row_cells[r + 1])
            found.append([out[ends[c - 1] if c else 0 : ends[c]].tobytes() for c in cells])
        carry = b""
        if state > kernels.AFTER_CR:
            carry, state = data[start:].tobytes(), kernels.START_RECORD
    return found


@given(ANY_BYTES, st.sampled_from(",\t;"), st.booleans())
def test_kernel_splits_as_the_csv_module(data: bytes, delimiter: str, quotes: bool) -> None:
    assert by_kernel([data], delimiter, quotes) == by_csv_module(data, delimiter, quotes)


@given(CSV_BYTES, st.integers(0, 60), st.integers(0, 60), st.booleans())
def test_kernel_splits_pieces_as_the_whole(
    data: bytes, first: int, second: int, quotes: bool
) -> None:
    a, b = sorted((first, second))
    pieces = [data[:a], data[a:b], data[b:]]
    assert by_kernel(pieces, quotes=quotes) == by_csv_module(data, quotes=quotes)


@given(CSV_BYTES, st.booleans())
def test_records_are_those_of_the_csv_module(data: bytes, quotes: bool) -> None:
    found = [record.cells for record in records(data, ",", quotes)]
    assert found == by_csv_module(data, quotes=quotes)


@given(
    st.binary(max_size=12) | st.text(max_size=6).map(lambda s: s.encode("utf-8", "surrogatepass"))
)
def test_first_invalid_agrees_with_the_decoder(data: bytes) -> None:
    try:
        data.decode("utf-8")
        expected = len(data)
    except UnicodeDecodeError as error:
        expected = error.start
    assert kernels.first_invalid(np.frombuffer(data, dtype=np.uint8), 0) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CSV_BYTES, max_size=8).map(b"\n".join), st.integers(1, 50), st.booleans())
def test_both_ways_to_read_csv_agree(
    tmp_path: Path, data: bytes, block_bytes: int, header: bool
) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(data)
    fmt = CorpusFormat(header=header)
    results = [read_all(file, fmt, python, block_bytes) for python in (True, False)]
    assert results[0] == results[1]


def read_all(
    file: Path, fmt: CorpusFormat, python: bool, block_bytes: int
) -> tuple[str, list[str], list[tuple[int, int, str]], str]:
    rejects = file.with_suffix(".rejects")
    corpus = Corpus(
        [file], fmt, bad_rows=BadRows(1.0, rejects), block_bytes=block_bytes, max_row_bytes=20
    )
    found: list[tuple[int, int, str]] = []
    problem = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "worth_python", lambda stream: python)
        patch.setattr("textclf.corpus.streams.HEAD", 16)
        try:
            for block in corpus.blocks():
                assert block.labels is not None
                found += zip(block.rows.tolist(), block.labels.tolist(), block.texts(), strict=True)
        except formats.DataError as error:
            problem = str(error)
    written = rejects.read_text("utf-8") if rejects.exists() else ""
    return (
        problem,
        corpus.labels.names,
        found,
        "\n".join(line.rpartition("\t")[0] for line in written.splitlines()),
    )


def test_quotes_new_lines_and_backslashes_are_literal(
    csv_path: str, write: Callable[..., Path], read: Callable[..., list[tuple[str, str]]]
) -> None:
    file = write('"1","a ""b"" c","x\\n\\""y"\r\n2,"two\nlines",z\n')
    assert read(file) == [("1", 'a "b" c x\\n\\"y'), ("2", "two\nlines z")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line_is_understood(
    end: str, csv_path: str, write: Callable[..., Path], read: Callable[..., list[tuple[str, str]]]
) -> None:
    file = write(end.join(["1,a b", "2,c", "", "1,d"]))
    assert read(file, block_bytes=3) == [("1", "a b"), ("2", "c"), ("1", "d")]


def test_blocks_of_any_size_have_the_same_rows(
    csv_path: str, write: Callable[..., Path], read: Callable[..., list[tuple[str, str]]]
) -> None:
    file = write("".join(f'{i % 3},"text ""{i}""\nsecond line",é{i}\n' for i in range(50)))
    assert read(file, block_bytes=7) == read(file)
    assert len(read(file)) == 50
