"""Each format, plain and compressed, read back as it was written by other software."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textclf.corpus.reader import BadRows, Corpus, CorpusFormat
from textclf.errors import DataError

Write = Callable[..., Path]
Read = Callable[..., list[tuple[str | None, str]]]

ROWS = [("a", "one, two"), ("b", "drei \u00e4"), ("a", "")]


def _parquet() -> bytes:
    sink = io.BytesIO()
    labels, texts = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"label": labels, "text": texts}), sink)
    return sink.getvalue()


CONTENTS: dict[str, bytes] = {
    "csv": "".join(f'{label},"{text}"\n' for label, text in ROWS).encode(),
    "tsv": "".join(f"{label}\t{text}\n" for label, text in ROWS).encode(),
    "jsonl": "".join(json.dumps({"label": a, "text": b}) + "\n\n" for a, b in ROWS).encode(),
    "fasttext": "".join(f"__label__{label} {text}\n" for label, text in ROWS).encode(),
    "parquet": _parquet(),
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".lzma": partial(lzma.compress, format=lzma.FORMAT_ALONE),
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    # As pzstd writes it: before each frame one to be skipped, of four bytes here.
    ".pz.zst": lambda data: b"P*M\x18\x04\0\0\0size" + pa.compress(data, "zstd", asbytes=True),
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_every_format_in_every_compression(
    kind: str, suffix: str, write: Write, read: Read
) -> None:
    data = COMPRESSIONS[suffix](CONTENTS[kind])
    assert read(write(data, f"data.{kind}{suffix}")) == ROWS


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_hash_is_that_of_the_files(kind: str, suffix: str, write: Write) -> None:
    data = COMPRESSIONS[suffix](CONTENTS[kind])
    files = [write(data, f"{i}.{kind}") for i in range(2)]
    corpus = Corpus(files)
    for _ in corpus.blocks():
        pass
    assert corpus.sha256() == hashlib.sha256(data + data).hexdigest()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "fasttext", "parquet"])
def test_format_is_told_without_a_usual_name(kind: str, write: Write, read: Read) -> None:
    assert read(write(CONTENTS[kind], "data.dat")) == ROWS


def test_members_of_a_compressed_file_are_joined(write: Write, read: Read) -> None:
    for compress in COMPRESSIONS.values():
        assert read(write(compress(b"a,x\n") + compress(b"b,y\n"))) == [("a", "x"), ("b", "y")]


def test_plain_lines_are_texts(write: Write, read: Read) -> None:
    file = write(b"one, two\r\n\n__label__a \xc3\xa4\rlast", "data.txt")
    expected = [(None, text) for text in ("one, two", "", "__label__a ä", "last")]
    for size in (1, 2, 3, 100):
        assert read(file, CorpusFormat("lines", has_labels=False), block_bytes=size) == expected


def test_no_lines_are_no_error(write: Write, read: Read) -> None:
    assert read(write(b"", "data.txt"), CorpusFormat(has_labels=False)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [("s", "s"), (3, "3"), (2.5, "2.5"), (True, "true"), (10**30, str(10**30))],
)
def test_json_values_as_labels(value: object, text: str, write: Write, read: Read) -> None:
    assert read(write(json.dumps({"label": value, "text": "x"}), "a.jsonl")) == [(text, "x")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "row 2 (line 3): the line is not JSON"),
        ("[1]", "the line is not a JSON object"),
        ('{"label": 1}', "there is no 'text'"),
        ('{"label": null, "text": "x"}', "the label is blank"),
        ('{"label": NaN, "text": "x"}', "the label is blank"),
        ('{"label": [1], "text": "x"}', "'label' is not one value but a list"),
        ("[" * 100_000, "the line is not JSON"),
    ],
)
def test_bad_json_lines(line: str, message: str, write: Write, read: Read) -> None:
    file = write('{"label": 1, "text": "x"}\n\n' + line + "\n", "a.jsonl")
    with pytest.raises(DataError) as caught:
        read(file)
    assert message in str(caught.value)
    assert len(read(file, bad_rows=BadRows(1))) == 1


def test_lone_surrogates_in_json_are_replaced(write: Write, read: Read) -> None:
    assert read(write('{"label": "\\ud800", "text": "a\\udfffb"}', "a.jsonl")) == [
        ("\ufffd", "a\ufffdb")
    ]


def test_line_that_is_too_long_is_skipped(write: Write) -> None:
    file = write(b"x" * 100_000 + b"\r\nnext\r\n", "a.txt")
    for size in (1000, 1001):
        fmt = CorpusFormat("lines", has_labels=False)
        corpus = Corpus([file], fmt, bad_rows=BadRows(1), block_bytes=size, max_row_bytes=5000)
        assert [(b.texts(), b.rows.tolist()) for b in corpus.blocks()] == [(["next"], [2])]


@pytest.mark.parametrize(
    ("line", "message"), [("x y", "has no label"), ("__label__a __label__b x", "has 2 labels")]
)
def test_fasttext_rows_have_one_label(line: str, message: str, write: Write, read: Read) -> None:
    file = write(f"__label__a x\n{line}\n", "a.txt")
    with pytest.raises(DataError, match=f"row 2: the row {message}"):
        read(file)


def test_parquet_types_become_text(tmp_path: Path, read: Read) -> None:
    table = pa.table(
        {
            "label": pa.array([1, 2, 1], pa.int8()),
            "title": pa.array(["a", None, "b"]).dictionary_encode(),
            "text": pa.array(["x", "y", "z"], pa.large_string()),
            "vector": [[1.0], [2.0], [3.0]],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    fmt = CorpusFormat(text_columns=("title", "text"))
    assert read(tmp_path / "a.parquet", fmt) == [("1", "a x"), ("2", " y"), ("1", "b z")]


@pytest.mark.parametrize("labels", [["a", None], [1.0, float("nan")]])
def test_parquet_row_without_label_is_bad(labels: list[object], tmp_path: Path, read: Read) -> None:
    pq.write_table(pa.table({"label": labels, "text": ["x", "y"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 2: the label is blank"):
        read(tmp_path / "a.parquet")


def test_parquet_bytes_that_are_no_text_make_a_bad_row(tmp_path: Path, read: Read) -> None:
    texts = [b"caf\xc3\xa9", b"caf\xe9"]
    pq.write_table(pa.table({"label": ["a", "b"], "text": texts}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"row 2: 'text' is not valid UTF-8 \(byte 0xe9\)"):
        read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", bad_rows=BadRows(1)) == [("a", "café")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.txt"])
def test_the_first_json_row_may_be_long(write: Write, read: Read, name: str) -> None:
    rows = [{"label": "a", "text": "x" * (1 << 20)}, {"label": "b", "text": "y"}]
    file = write("\n" + "".join(json.dumps(row) + "\n" for row in rows), name)
    assert [(label, len(text)) for label, text in read(file)] == [("a", 1 << 20), ("b", 1)]


TIMES = {
    "timestamp[ms]": pa.array([0, 2**61]).cast(pa.timestamp("ms")),
    "date32[day]": pa.array([0, 2**30], pa.int32()).cast(pa.date32()),
    "duration[ms]": pa.array([0, 2**62]).cast(pa.duration("ms")),
    "time64[us]": pa.array([0, 2**60]).view(pa.time64("us")),
}


@pytest.mark.parametrize("kind", TIMES)
def test_a_time_that_python_has_not_makes_a_bad_row(tmp_path: Path, read: Read, kind: str) -> None:
    table = pa.table({"label": ["a", "b"], "text": TIMES[kind]})
    pq.write_table(table, tmp_path / "a.parquet")
    expected = f"a.parquet, row 2: 'text' is a {kind} that cannot be read; correct it"
    with pytest.raises(DataError, match=re.escape(expected)):
        read(tmp_path / "a.parquet")


def test_an_unknown_time_zone_is_named(tmp_path: Path, read: Read) -> None:
    times = pa.array([0, 0], pa.timestamp("ms", "Mars/Phobos"))
    pq.write_table(pa.table({"label": ["a", "b"], "text": times}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"row 1: 'text' is a .*Mars/Phobos.* cannot be read"):
        read(tmp_path / "a.parquet")


TWINS = pa.table(
    [pa.array(["a", "b"]), pa.array(["x1", "x2"]), pa.array(["y1", "y2"])],
    names=["label", "text", "text"],
)


@pytest.mark.parametrize("recurring", [False, True])
def test_parquet_of_long_texts_is_read_a_few_rows_at_a_time(
    tmp_path: Path, recurring: bool
) -> None:
    texts = [f"{0 if recurring else i} " + "word " * 20_000 for i in range(400)]  # 40 MB
    table = pa.table({"label": ["a", "b"] * 200, "text": texts})
    pq.write_table(table, tmp_path / "long.parquet", row_group_size=50)
    blocks = list(Corpus((tmp_path / "long.parquet",)).blocks())
    assert sum(map(len, blocks)) == 400
    assert max(len(block.text) for block in blocks) <= 3 << 20


@pytest.mark.parametrize(("number", "texts"), [(2, ["x1", "x2"]), (3, ["y1", "y2"])])
def test_parquet_columns_of_one_name_go_by_number(
    tmp_path: Path, read: Read, number: int, texts: list[str]
) -> None:
    pq.write_table(TWINS, tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet", CorpusFormat(text_columns=(number,)))
    assert [text for _, text in found] == texts


def test_parquet_columns_of_one_name_are_both_passed_through(tmp_path: Path) -> None:
    pq.write_table(TWINS, tmp_path / "a.parquet")
    fmt = CorpusFormat(text_columns=(3,), extra_columns=("*",))
    (block,) = Corpus([tmp_path / "a.parquet"], fmt).blocks()
    assert block.extra == {"label": ["a", "b"], "text": ["x1", "x2"], "3": ["y1", "y2"]}


@pytest.mark.parametrize(
    "fmt",
    [
        CorpusFormat(text_columns=("text",)),
        CorpusFormat(text_columns=(2,), extra_columns=("text",)),
    ],
)
def test_a_name_of_two_parquet_columns_says_too_little(
    tmp_path: Path, read: Read, fmt: CorpusFormat
) -> None:
    pq.write_table(TWINS, tmp_path / "a.parquet")
    with pytest.raises(DataError, match="2 columns are named 'text'; give the column's number"):
        read(tmp_path / "a.parquet", fmt)


def test_a_later_parquet_file_may_have_other_places(tmp_path: Path, read: Read) -> None:
    table = pa.table({"label": ["a"], "text": ["x"], "id": ["1"]})
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(table.select(["id", "text", "label"]), tmp_path / "b.parquet")
    assert read([tmp_path / "a.parquet", tmp_path / "b.parquet"]) == [("a", "x"), ("a", "x")]


TWO_COLUMNS = {
    "a.csv": b"label,title,text\n1,a,b c\n",
    "a.tsv": b"label\ttitle\ttext\n1\ta\tb c\n",
    "a.jsonl": b'{"label": 1, "title": "a", "text": "b c"}\n',
}


@pytest.mark.parametrize("name", [*TWO_COLUMNS, "a.parquet"])
def test_texts_of_several_columns_are_told_apart(
    name: str, csv_path: str, write: Write, tmp_path: Path
) -> None:
    if name in TWO_COLUMNS:
        write(TWO_COLUMNS[name], name)
    else:
        pq.write_table(pa.table({"label": [1], "title": ["a"], "text": ["b c"]}), tmp_path / name)
    corpus = Corpus([tmp_path / name], CorpusFormat(text_columns=("title", "text")))
    assert [block.texts() for block in corpus.blocks()] == [["a\x1fb c"]]


def test_small_corpora_are_read_without_heavy_modules(write: Write) -> None:
    code = """
import sys
from textclf.corpus.reader import Corpus, CorpusFormat
for file, labelled in ((sys.argv[1], True), (sys.argv[2], False)):
    assert list(Corpus([file], CorpusFormat(has_labels=labelled)).blocks())
heavy = {"numba", "pyarrow", "pandas", "scipy", "tensorflow", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""
    files = [write("a,b\n", "a.csv"), write("one\ntwo\n", "a.txt")]
    subprocess.run([sys.executable, "-c", code, *files], check=True)


@pytest.mark.parametrize("name", ["rows.json", "rows.txt"])
def test_a_json_array_is_no_lines(name: str, write: Write) -> None:
    file = write('[\n  {"label": "a", "text": "b"}\n]\n', name)
    with pytest.raises(DataError, match=r"is one JSON array; .*jq -c '\.\[\]'"):
        Corpus([file]).layout.describe()
