"""A pipe whose writer pauses: what has come is passed on, and is not cut into crumbs."""

import os
import sys
import threading
import types

import pytest

from textclf.corpus.layout import ALL_COLUMNS
from textclf.corpus.reader import Corpus, CorpusFormat
from textclf.errors import DataError


@pytest.fixture
def pipe(monkeypatch):
    """The writing end of a pipe that is standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as raw, os.fdopen(writing, "wb", buffering=0) as end:
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=raw))
        yield end


@pytest.mark.parametrize(
    ("kind", "line"),
    [("lines", "hi"), ("fasttext", "__label__a hi"), ("jsonl", '{"text": "hi"}')],
)
def test_a_line_is_passed_on_before_the_next_is_written(pipe, kind, line):
    pipe.write(f"{line}\n".encode())
    blocks = Corpus(("-",), CorpusFormat(format=kind, has_labels=False)).blocks()
    assert next(blocks).texts() == ["hi"]
    pipe.write(f"{line} \n".encode().replace(b"hi", b"ho"))
    assert [text.strip() for text in next(blocks).texts()] == ["ho"]
    pipe.close()
    assert list(blocks) == []


def test_a_character_cut_in_two_is_put_together(pipe):
    whole = "né\n".encode()
    pipe.write(b"a\n" + whole[:2])
    blocks = Corpus(("-",), CorpusFormat(format="lines", has_labels=False)).blocks()
    assert next(blocks).texts() == ["a"]
    pipe.write(whole[2:])
    pipe.close()
    assert [text for block in blocks for text in block.texts()] == ["né"]


def test_a_fast_writer_fills_large_blocks(pipe):
    data = b"some words of a line\n" * 100_000

    def write():
        with pipe:
            for start in range(0, len(data), 1 << 14):
                pipe.write(data[start : start + (1 << 14)])

    thread = threading.Thread(target=write)
    thread.start()
    blocks = list(Corpus(("-",), CorpusFormat(format="lines", has_labels=False)).blocks())
    thread.join()
    assert sum(map(len, blocks)) == 100_000
    assert len(blocks) < 15


def test_a_csv_in_a_pipe_is_detected_from_more_than_its_first_bytes(pipe):
    def write():
        with pipe:
            pipe.write(b"tex")
            pipe.write(b"t;label\nsome words;a\nother words;b\n")

    thread = threading.Thread(target=write)
    thread.start()
    corpus = Corpus(("-",), CorpusFormat(text_columns=("text",), has_labels=False))
    texts = [text for block in corpus.blocks() for text in block.texts()]
    thread.join()
    assert texts == ["some words", "other words"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", 'id,text\n1,"a, b"\n2,c\n', {"id": ["1", "2"], "text": ["a, b", "c"]}),
        ("a.csv", "id,text,id\n1,a,2\n", {"id": ["1"], "text": ["a"], "3": ["2"]}),
        ("a.jsonl", '{"text": "a", "n": 1}\n{"text": "b"}\n', {"text": ["a", "b"], "n": [1, None]}),
        ("a.txt", "a\nb\n", {}),
    ],
)
def test_all_columns_can_be_passed_through(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content)
    fmt = CorpusFormat(has_labels=False, extra_columns=ALL_COLUMNS)
    (block,) = Corpus((tmp_path / name,), fmt).blocks()
    assert block.extra == expected


def test_a_column_without_a_name_does_not_take_that_of_another(tmp_path):
    (tmp_path / "a.csv").write_text("2,,4,text,text\na,b,c,d,e\n")
    fmt = CorpusFormat(header=True, text_columns=(5,), has_labels=False, extra_columns=ALL_COLUMNS)
    (block,) = Corpus((tmp_path / "a.csv",), fmt).blocks()
    names = ["2", "column_2", "4", "text", "5"]
    assert block.extra == {name: [cell] for name, cell in zip(names, "abcde", strict=True)}


@pytest.mark.parametrize(
    ("extra", "expected", "said"),
    [
        (ALL_COLUMNS, [{"text": ["a"]}, {"text": ["b"]}], "row 2: 'id' is not passed through"),
        (("id",), [{"id": [None]}, {"id": [1]}], "no row so far has 'id'"),
    ],
)
def test_a_key_that_comes_later_is_told_of_or_passed_through_by_its_name(
    pipe, caplog, extra, expected, said
):
    pipe.write(b'{"text": "a"}\n')
    fmt = CorpusFormat(format="jsonl", has_labels=False, extra_columns=extra)
    blocks = Corpus(("-",), fmt).blocks()
    found = [next(blocks).extra]
    pipe.write(b'{"text": "b", "id": 1}\n')
    found.append(next(blocks).extra)
    pipe.close()
    assert found == expected
    assert said in caplog.text


def test_wide_characters_in_a_pipe_are_told_as_in_a_file(pipe):
    pipe.write(("a song of love\n" * 40).encode("utf-16-le"))
    pipe.close()
    with pytest.raises(DataError, match="utf-16-le without a byte order mark"):
        list(Corpus(("-",), CorpusFormat(format="lines", has_labels=False)).blocks())
