"""Bad input ends in one line that says what, where and what to do, or is tolerated and counted."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from textclf.corpus.labels import LabelMap
from textclf.corpus.reader import BadRows, Corpus, CorpusFormat
from textclf.errors import DataError, OutputError, TextclfError, UsageError

Write = Callable[..., Path]
Read = Callable[..., list[tuple[str | None, str]]]

BAD_ROWS = [
    ("column too many", b"a,b\nc,d,e\na,f\n", "row 2: the row has 3 columns and not 2"),
    ("column missing", b"a,b\nc\na,f\n", "row 2: the row has 1 column and not 2"),
    ("unclosed quote", b'a,b\na,c\nb,"d\ne', "row 3: a quote is opened and never closed"),
    ("invalid UTF-8", b"a,b\nb,\xe9\n", "row 2: the row is not valid UTF-8 (byte 0xe9)"),
    ("overlong UTF-8", b"a,b\nb,\xc0\x80\n", "row 2: the row is not valid UTF-8 (byte 0xc0)"),
    ("surrogate", b"a,b\nb,\xed\xa0\x80\n", "row 2: the row is not valid UTF-8 (byte 0xed)"),
    ("NUL", b"a,b\nb,c\0d\n", "row 2: there is a NUL byte"),
    ("blank label", b"a,b\n \xc2\xa0,d\n", "row 2: the label is blank"),
    ("quoted blank label", b'a,b\n"",d\n', "row 2: the label is blank"),
    ("other line than row", b'a,"b\nb"\n\nc\n', "row 2 (line 4): the row has 1 column and not 2"),
    ("after CR LF", b'a,"b\r\nb"\r\n\r\nc\r\n', "row 2 (line 4): the row has 1 column and not 2"),
    ("after CR", b'a,"b\rb"\r\rc\r', "row 2 (line 4): the row has 1 column and not 2"),
]


@pytest.mark.parametrize(
    ("content", "message"), [c[1:] for c in BAD_ROWS], ids=[c[0] for c in BAD_ROWS]
)
@pytest.mark.parametrize("block_bytes", [1 << 20, 5])
def test_first_bad_row_is_named(
    content: bytes, message: str, block_bytes: int, csv_path: str, write: Write, read: Read
) -> None:
    file = write(content)
    with pytest.raises(DataError) as caught:
        read(file, CorpusFormat(header=False, delimiter=","), block_bytes=block_bytes)
    assert str(caught.value).startswith(f"{file}, {message}")
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)


FILES = [
    ("empty", b"", "the file is empty"),
    ("blank lines only", b"\n\r\n\n", "the file is empty"),
    ("byte order mark only", b"\xef\xbb\xbf", "the file is empty"),
    ("header only", b"label,text\n", "there are no rows below the header"),
    ("one column", b"a\nb\nc\n", "has only one column"),
    ("zip", b"PK\x03\x04" + bytes(100), "is not text but a zip archive"),
    (
        "xlsx",
        b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(99),
        "is not text but a workbook or document of an office program; save it as CSV there",
    ),
    ("image", b"\x89PNG\r\n\x1a\n" + bytes(100), "is not text but a PNG image"),
    ("gzipped tar", gzip.compress(bytes(257) + b"ustar\0" + bytes(1000)), "but a tar archive"),
    ("gzipped twice", gzip.compress(gzip.compress(b"a,b\n")), "compressed twice"),
    ("little UTF-16 without mark", "a,b\nc,d\n".encode("utf-16-le"), "there is a NUL byte"),
    ("Parquet as CSV", b"PAR1" + bytes(100), "cannot be read as Parquet"),
]


@pytest.mark.parametrize(("content", "message"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_unusable_file_is_explained(
    content: bytes, message: str, csv_path: str, write: Write, read: Read
) -> None:
    file = write(content)
    with pytest.raises(DataError) as caught:
        read(file)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(file))


COMPRESSED = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
}


@pytest.mark.parametrize("kind", COMPRESSED)
def test_truncated_archive_is_named_as_such(kind: str, write: Write, read: Read) -> None:
    whole = COMPRESSED[kind](os.urandom(300_000).hex().encode().replace(b"a", b"\nx,"))
    with pytest.raises(DataError, match=f"the {kind} file is truncated"):
        read(write(whole[: len(whole) // 2]), bad_rows=BadRows(1.0))


@pytest.mark.parametrize("kind", COMPRESSED)
def test_an_archive_that_something_else_follows_is_damaged(
    kind: str, write: Write, read: Read
) -> None:
    with pytest.raises(DataError, match=f"the {kind} file is damaged"):
        read(write(COMPRESSED[kind](b"a,x\nb,y\n") + b"something else"))


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_zeros_may_follow_an_archive(kind: str, write: Write, read: Read) -> None:
    assert read(write(COMPRESSED[kind](b"a,x\nb,y\n") + bytes(512))) == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damaged_archive_is_named_as_such(kind: str, write: Write, read: Read) -> None:
    whole = bytearray(COMPRESSED[kind](os.urandom(3000).hex().encode()))
    for place in range(len(whole) // 2, len(whole) // 2 + 40):
        whole[place] ^= 0x5A
    with pytest.raises(DataError, match=f"the {kind} file is damaged"):
        read(write(bytes(whole)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing.csv", "no such file"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: "a\0b.csv", "cannot be read"),
        (lambda folder: "x" * 5000, "cannot be read"),
        (lambda folder: folder / "*.nothing", "no file matches"),
    ],
)
def test_path_that_is_no_file(
    make: Callable[[Path], Path], message: str, tmp_path: Path, read: Read
) -> None:
    with pytest.raises(DataError, match=message):
        read(make(tmp_path))


def test_second_file_is_looked_for_before_the_first_is_read(write: Write, tmp_path: Path) -> None:
    corpus = Corpus([write("a,b\n" * 5), tmp_path / "missing.csv"])
    with pytest.raises(DataError, match=r"missing\.csv: no such file"):
        next(iter(corpus.blocks()))


def test_unreadable_file(write: Write, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = write("a,b\n")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="permission denied"):
        read(file)


def test_missing_column_lists_the_columns(write: Write, read: Read) -> None:
    file = write("label,text\na,b\n")
    with pytest.raises(DataError, match=r"no column 'body'; the columns are label, text"):
        read(file, CorpusFormat(text_columns=("body",)))
    with pytest.raises(DataError, match="there is no column 3: a row has 2"):
        read(file, CorpusFormat(text_columns=(3,)))


@pytest.mark.parametrize(
    "fmt",
    [
        CorpusFormat(label_column="nope"),
        CorpusFormat(text_columns=("nope",)),
        CorpusFormat(extra_columns=("nope",)),
        CorpusFormat(extra_columns=("nope",), has_labels=False),
    ],
)
def test_missing_column_of_a_file_without_header_is_wanted_by_number(
    fmt: CorpusFormat, write: Write, read: Read
) -> None:
    with pytest.raises(DataError, match=r"'nope': the file has no header; .* from 1 to 3") as error:
        read(write("3,SEC Adopts New Rules,more of it\n2,Goal,a match\n"), fmt)
    assert "SEC" not in str(error.value)


def test_duplicate_header_is_refused_only_where_it_matters(write: Write, read: Read) -> None:
    with pytest.raises(DataError, match=r"2 columns are named 'label'.*1 or 3"):
        read(write("label,text,label\na,b,c\n"))
    file = write("label,text,text\na,b,c\n")
    with pytest.raises(DataError, match=r"2 columns are named 'text'.*2 or 3"):
        read(file, CorpusFormat(text_columns=("text",)))
    assert read(file, CorpusFormat(header=True, text_columns=(3,))) == [("a", "c")]


def test_label_never_seen_in_training_is_a_bad_row(csv_path: str, write: Write, read: Read) -> None:
    file = write("a,x\nb,y\nc,z\n")
    known = LabelMap(["a", "b"]).freeze()
    with pytest.raises(DataError, match=r"row 3: the label 'c' was never seen in training"):
        read(file, labels=known)
    assert read(file, labels=known, bad_rows=BadRows(1)) == [("a", "x"), ("b", "y")]


def test_label_in_other_capitals_is_told_how_training_wrote_it(write: Write, read: Read) -> None:
    known = LabelMap(["Sports news", "arts"]).freeze()
    with pytest.raises(DataError, match=r"never seen in training; write it 'Sports news', as in"):
        read(write("arts,x\nSPORTS  news,y\n"), labels=known)


def test_columns_the_other_way_round_are_told(csv_path: str, write: Write, read: Read) -> None:
    known = LabelMap(["sport", "arts"]).freeze()
    with pytest.raises(DataError, match=r"the row's text is the label 'arts': swap the columns"):
        read(write("a painting,arts\na goal,sport\n"), labels=known)


def test_tolerated_rows_are_counted_and_written(
    csv_path: str, write: Write, tmp_path: Path
) -> None:
    file = write(b'a,b\nc\nb,\xff\ttab\n,"x\ny"\nb,ok\n')
    rejects = tmp_path / "rejects.tsv"
    corpus = Corpus([file], CorpusFormat(delimiter=","), bad_rows=BadRows(3, rejects))
    for _ in range(2):
        kept = [
            (row, text)
            for b in corpus.blocks()
            for row, text in zip(b.rows, b.texts(), strict=True)
        ]
        assert kept == [(1, "b"), (5, "ok")]
        assert corpus.rejected == 3
    lines = [line.split("\t") for line in rejects.read_text("utf-8").splitlines()]
    assert lines[0] == ["file", "row", "reason", "content"]
    assert [(line[0], line[1]) for line in lines[1:]] == [(str(file), n) for n in "234"]
    assert lines[2][3] == "b,\ufffd\\ttab"
    assert lines[3][2:] == ["the label is blank", ',"x\\ny"']


def test_more_bad_rows_than_allowed(csv_path: str, write: Write, read: Read) -> None:
    file = write("a,b\nc\nd\na,e\n")
    with pytest.raises(DataError, match=r"row 3: .*bad row 2 and 1 are allowed"):
        read(file, bad_rows=BadRows(1))
    assert len(read(file, bad_rows=BadRows(0.5))) == 2


@pytest.mark.parametrize(
    ("rejects", "remedy"), [(None, "list them with --rejects FILE"), ("bad.tsv", "see bad.tsv")]
)
def test_a_larger_share_of_bad_rows_than_allowed_tells_the_first(
    rejects: str | None, remedy: str, csv_path: str, write: Write, read: Read, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    file = write("a,b\nc\nd\na,e\n")
    with pytest.raises(DataError) as error:
        read(file, bad_rows=BadRows(0.005, Path(rejects) if rejects else None))
    assert str(error.value) == (
        f"{file}, row 2: the row has 1 column and not 2; of 4 rows 2 are bad, "
        f"more than the 0.5% allowed; {remedy}"
    )


def test_files_of_bad_rows_alone_are_refused(write: Write, read: Read) -> None:
    with pytest.raises(DataError, match="all of its 2 rows are bad"):
        read(write(",x\n,y\n"), bad_rows=BadRows(1.0))


def test_rejects_of_several_corpora_share_a_file(write: Write, read: Read, tmp_path: Path) -> None:
    policy = BadRows(5, tmp_path / "rejects.tsv")
    for name in ("one.csv", "two.csv"):
        read(write("a,b\nc\nd,e\n", name), bad_rows=policy)
    assert len((tmp_path / "rejects.tsv").read_text("utf-8").splitlines()) == 3


def test_rejects_that_cannot_be_written(write: Write, read: Read, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"rejects.tsv: cannot be written"):
        read(write("a,b\n"), bad_rows=BadRows(5, tmp_path / "none" / "rejects.tsv"))


@pytest.mark.parametrize("cut", [b'"', b""], ids=["closed", "unclosed"])
def test_row_that_is_too_long_is_skipped(cut: bytes, write: Write) -> None:
    long = b'b,"' + b'x""\n,' * 200_000 + cut
    file = write(b"a,b\n" + long + b"\nc,d\n")
    corpus = Corpus([file], bad_rows=BadRows(1), block_bytes=10_000, max_row_bytes=50_000)
    texts = [text for block in corpus.blocks() for text in block.texts()]
    assert texts == (["b", "d"] if cut else ["b"])
    assert corpus.rejected == 1
    with pytest.raises(DataError, match=r"row 2: .*(longer than 50000 bytes|never closed)"):
        list(Corpus([file], block_bytes=10_000, max_row_bytes=50_000).blocks())


def test_row_and_line_are_right_after_a_row_that_is_too_long(write: Write) -> None:
    file = write(b'a,b\nb,"' + b"x\r\n" * 100_000 + b'"\r\nc\n')
    rejects = BadRows(1)
    with pytest.raises(DataError, match=r"row 3 \(line 100003\)"):
        list(Corpus([file], bad_rows=rejects, block_bytes=7001, max_row_bytes=50_000).blocks())


@pytest.mark.slow
def test_memory_stays_bounded_while_a_long_row_is_skipped(tmp_path: Path) -> None:
    code = """
import resource, sys
from textclf.corpus.reader import BadRows, Corpus
def peak(file, **options):
    for block in Corpus([file], bad_rows=BadRows(1), **options).blocks(): pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = peak(sys.argv[1])
print(before, peak(sys.argv[2]))
"""
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(b"a,bcdef\n" * 2_000_000)
    with large.open("wb") as file:
        file.write(b'a,b\nc,"')
        for _ in range(150):
            file.write(b"x" * (1 << 20))
        file.write(b'"\nd,e\n')
    result = subprocess.run(
        [sys.executable, "-c", code, small, large], capture_output=True, text=True, check=True
    )
    before, after = map(int, result.stdout.split())
    assert after - before < 120  # MiB


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_characters_without_a_mark_are_told_by_their_zeros(
    encoding: str, write: Write, read: Read
) -> None:
    file = write(("label,text\n" + "a,the naïve Größe\n" * 9).encode(encoding))
    with pytest.raises(DataError, match=f"is {encoding} without a byte order mark") as found:
        read(file)
    assert found.value.remedy == f"give --encoding {encoding}"
    assert len(read(file, CorpusFormat(encoding=encoding))) == 9


@pytest.mark.parametrize(
    "fmt",
    [
        CorpusFormat(delimiter=",,"),
        CorpusFormat(delimiter='"'),
        CorpusFormat(label_column=0),
        CorpusFormat(header=False, label_column="x"),
        CorpusFormat(encoding="nonsense"),
        CorpusFormat(encoding="base64"),
        CorpusFormat(format="lines"),
        CorpusFormat(format="fasttext", text_columns=("a",)),
    ],
)
def test_contradictions_are_usage_errors(fmt: CorpusFormat, write: Write, read: Read) -> None:
    with pytest.raises(UsageError):
        read(write("a,b\n"), fmt)


def test_file_that_changes_between_passes(write: Write) -> None:
    corpus = Corpus([write("a,b\n")])
    assert len(list(corpus.blocks())) == 1
    write("a,b\nc,d\n")
    with pytest.raises(DataError, match="was changed while it was in use"):
        list(corpus.blocks())


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows * 2,
        lambda rows: rows[: len(rows) // 2 + 1],
        lambda rows: rows.replace("a,", "x,"),
        lambda rows: rows + "c\n",
        lambda _: "",
    ],
    ids=["longer", "cut off", "of the same length", "with a bad row", "empty"],
)
def test_file_that_changes_while_it_is_read_again(
    write: Write, change: Callable[[str], str]
) -> None:
    rows = "a,b\nb,c\n" * 200_000
    corpus = Corpus([write(rows)], block_bytes=1000)
    assert sum(map(len, corpus.blocks())) == 400_000
    again = corpus.blocks()
    next(again)
    write(change(rows))
    with pytest.raises(DataError, match="was changed while it was in use"):
        list(again)


def test_file_that_is_replaced_by_one_of_its_size_and_age_between_passes(
    write: Write, tmp_path: Path
) -> None:
    path = write("a,b\n")
    corpus = Corpus([path])
    assert len(list(corpus.blocks())) == 1
    other = write("a,c\n", "other.csv")
    then = path.stat()
    os.utime(other, ns=(then.st_atime_ns, then.st_mtime_ns))
    other.replace(path)
    with pytest.raises(DataError, match="was changed while it was in use"):
        list(corpus.blocks())


def test_file_that_is_cut_off_while_it_is_read_is_not_blamed_on_a_row(write: Write) -> None:
    rows = 'a,"b\nc"\n' * 400_000
    blocks = Corpus([write(rows)], block_bytes=1000).blocks()
    next(blocks)
    write(rows[: len(rows) // 2 - 2])  # within quotes
    with pytest.raises(DataError, match="was changed while it was in use"):
        list(blocks)


def test_file_that_is_cut_off_between_rows_while_it_is_read_is_noticed(write: Write) -> None:
    path = write("a,b\n" * 400_000)
    blocks = Corpus([path], block_bytes=1000).blocks()
    next(blocks)
    os.truncate(path, 4 * 300_000)
    with pytest.raises(DataError, match="was changed while it was in use"):
        list(blocks)


def test_file_that_grows_while_it_is_read_once(write: Write) -> None:
    path = write("a,b\n" * 400_000)
    blocks = Corpus([path], block_bytes=1000).blocks()
    read = len(next(blocks))
    with path.open("a") as file:
        file.write("a,b\n")
    assert read + sum(map(len, blocks)) == 400_001


def test_errors_of_the_reader_have_the_exit_code_of_bad_data(write: Write, read: Read) -> None:
    with pytest.raises(TextclfError) as caught:
        read(write(""))
    assert caught.value.exit_code == 65
