"""Standard input, pipes and the spool."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import psutil
import pytest

from textclf.corpus.block import TextBlock
from textclf.corpus.reader import Corpus, CorpusFormat
from textclf.corpus.spool import Spool
from textclf.errors import DataError, OutputError, UsageError

DATA = b"label,text\n" + b"".join(b"%d,text %d\n" % (i % 2, i) for i in range(200))
EXPECTED = [(i % 2, f"text {i}") for i in range(200)]


def rows(corpus: Corpus) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for block in corpus.blocks():
        assert block.labels is not None
        found += zip(block.labels.tolist(), block.texts(), strict=True)
    return found


def give_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize("data", [DATA, gzip.compress(DATA)], ids=["plain", "gzip"])
@pytest.mark.parametrize("layout_first", [True, False])
def test_standard_input_is_read_once(
    data: bytes, layout_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_stdin(monkeypatch, data)
    corpus = Corpus(["-"])
    if layout_first:
        assert corpus.layout.header == ("label", "text")
    assert rows(corpus) == EXPECTED
    with pytest.raises(UsageError, match="standard input: can be read only once"):
        corpus.blocks()


def test_standard_input_is_spooled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    give_stdin(monkeypatch, DATA)
    corpus = Corpus(["-"], spool_dir=tmp_path, block_bytes=64)
    assert next(iter(corpus.blocks())).rows[0] == 2  # a pass that is left early
    assert rows(corpus) == rows(corpus) == EXPECTED
    assert list(tmp_path.iterdir()) == []


def test_named_pipe_is_spooled(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(DATA,))
    writer.start()
    corpus = Corpus([pipe], spool_dir=tmp_path)
    assert rows(corpus) == rows(corpus) == EXPECTED
    writer.join()


def test_parquet_comes_through_standard_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"label": [0, 1], "text": ["x", "y"]}), sink)
    give_stdin(monkeypatch, sink.getvalue())
    assert rows(Corpus(["-"])) == [(0, "x"), (1, "y")]


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match="standard input: is closed"):
        list(Corpus(["-"], CorpusFormat(has_labels=False)).blocks())


def test_spool_gives_back_what_it_was_given(tmp_path: Path) -> None:
    blocks = [
        TextBlock.from_texts(["a", "ä", ""], [1, 0, -1]),
        TextBlock.from_bytes([b"x"], None, np.array([7]), "file\n", {"id": ["\U0001f600\t"]}),
    ]
    spool = Spool(iter(blocks), tmp_path)
    first, second = list(spool.blocks()), list(spool.blocks())
    for given, *kept in zip(blocks, first, second, strict=True):
        for block in kept:
            assert block.texts() == given.texts()
            assert block.rows.tolist() == given.rows.tolist()
            assert (block.source, block.extra) == (given.source, given.extra)
            assert (block.labels is None) == (given.labels is None)
    assert second[0].labels is not None
    assert second[0].labels.tolist() == [1, 0, -1]


def test_error_of_the_source_comes_again_in_the_next_pass(tmp_path: Path) -> None:
    def failing() -> Generator[TextBlock, None, None]:
        yield TextBlock.from_texts(["a"])
        raise DataError("broken")

    spool = Spool(failing(), tmp_path)
    for _ in range(2):
        blocks = spool.blocks()
        assert next(blocks).texts() == ["a"]
        with pytest.raises(DataError, match="broken"):
            next(blocks)


def test_spool_that_cannot_be_written(tmp_path: Path) -> None:
    spool = Spool(iter([TextBlock.from_texts(["a"])]), tmp_path / "none")
    with pytest.raises(OutputError, match="cannot be kept there"):
        list(spool.blocks())


def test_iterator_that_is_left_closes_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(DATA * 1000)
    opened = psutil.Process().num_fds()
    for _ in Corpus([file], block_bytes=1000).blocks():
        break
    assert psutil.Process().num_fds() <= opened
