"""Whatever is in a file, reading it gives blocks or an error of ours."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textclf.corpus import formats
from textclf.corpus.block import TextBlock
from textclf.corpus.reader import BadRows, Corpus, CorpusFormat
from textclf.errors import TextclfError


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"label": ["a", "b"] * 5, "text": ["one", "zwei"] * 5}), sink)
    return sink.getvalue()


CSV = b'label,title,text\n1,"a ""b""","line\nline"\r\n2,caf\xc3\xa9,\n' * 3
SEEDS: dict[str, bytes] = {
    "a.csv": CSV,
    "a.tsv": CSV.replace(b",", b"\t"),
    "a.jsonl": b'{"label": 1, "text": "x"}\n{"label": "b", "text": null}\n' * 3,
    "a.txt": b"__label__a one two\n__label__b\n" * 3,
    "a.parquet": _parquet(),
    "utf16.csv": CSV.decode().encode("utf-16"),
    "a.csv.gz": gzip.compress(CSV),
    "a.csv.bz2": bz2.compress(CSV),
    "a.csv.xz": lzma.compress(CSV),
    "a.csv.zst": pa.compress(CSV, "zstd", asbytes=True),
}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=4)), min_size=1, max_size=5
)


def mutated(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """Overwrite, insert and delete bytes at places given as shares of the length."""
    for share, deleted, inserted in changes:
        place = int(share * len(data))
        data = data[:place] + inserted + data[place + deleted :]
    return data


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, labels=st.booleans(), python=st.booleans(), size=st.integers(1, 200))
def test_mutated_files_give_blocks_or_an_error_of_ours(
    name: str,
    tmp_path: Path,
    changes: list[tuple[float, int, bytes]],
    labels: bool,
    python: bool,
    size: int,
) -> None:
    file = tmp_path / name
    file.write_bytes(mutated(SEEDS[name], changes))
    corpus = Corpus(
        [file], CorpusFormat(has_labels=labels), bad_rows=BadRows(1.0), block_bytes=size
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "worth_python", lambda stream: python)
        check(corpus.blocks)


def check(blocks: Callable[[], Iterator[TextBlock]]) -> None:
    message = ""
    try:
        for block in blocks():
            assert len(block.texts()) == len(block) == len(block.rows) > 0
            assert block.labels is None or block.labels.min() >= 0
            assert block.offsets[-1] == len(block.text)
    except TextclfError as error:
        message = str(error)
    assert "\n" not in message


LINES = st.lists(
    st.sampled_from([b"a", b"word ", b"\xc3\xa4", b"\xff", b"\0", b"\n", b"\r", b"\r\n"]),
    max_size=30,
).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=LINES, size=st.integers(1, 40), longest=st.integers(1, 12))
def test_each_line_is_a_row_or_bad(tmp_path: Path, data: bytes, size: int, longest: int) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(data)

    def good(line: bytes) -> bool:
        valid = line.decode("utf-8", "replace").encode("utf-8") == line
        return len(line) <= longest and b"\0" not in line and valid

    lines = list(enumerate(data.splitlines(), 1))
    expected = [(number, line.decode("utf-8")) for number, line in lines if good(line)]
    corpus = Corpus(
        [str(path)], CorpusFormat("lines", has_labels=False), bad_rows=BadRows(1000),
        block_bytes=size, max_row_bytes=longest,
    )  # fmt: skip
    if lines and not expected:
        with pytest.raises(TextclfError):
            list(corpus.blocks())
        return
    found = [
        (int(number), text)
        for block in corpus.blocks()
        for number, text in zip(block.rows, block.texts(), strict=True)
    ]
    assert found == expected
    assert corpus.rejected == len(lines) - len(expected)
