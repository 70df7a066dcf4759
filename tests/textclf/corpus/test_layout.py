"""What is detected of a file's layout, and what the user says instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from textclf.corpus.bad_rows import BadRows
from textclf.corpus.labels import LabelMap
from textclf.corpus.layout import Columns
from textclf.corpus.reader import Corpus, CorpusFormat
from textclf.errors import DataError

Write = Callable[..., Path]
Read = Callable[..., list[tuple[str | None, str]]]

NO_HEADER = "no header: label in column 1, "
LABEL = "header: label in 'label', "
EMOTION = "header: label in 'emotion', "
DETECTED = [
    ("1,a\n2,b\n", NO_HEADER + "text in column 2"),
    ("1,a,b\n2,b,c\n", NO_HEADER + "text in columns 2 and 3"),
    ("1,a,b,c\n2,b,c,d\n", NO_HEADER + "text in columns 2-4"),
    ("sports,we won\nworld,you lost\n", NO_HEADER + "text in column 2"),
    ("label,text\n1,a\n", LABEL + "text in 'text'"),
    ("label,Title,Description\n3,a,b\n", LABEL + "text in 'Title' and 'Description'"),
    ("text,label\na,1\nb,2\n", LABEL + "text in 'text'"),
    (",text,label\n0,a,x\n", LABEL + "text in 'text'"),
    ("id,review,emotion\n7,a,joy\n", EMOTION + "text in 'review'"),
    ("emotion,words\n1,a\n2,b\n", EMOTION + "text in 'words'"),
    ("emotion,words\n" + "joy,ha ha\nfear,oh no\n" * 6, EMOTION + "text in 'words'"),
    ("emotion,words\njoy,ha\nfear,oh\n", NO_HEADER + "text in column 2"),
    ("text,hello\nlabel,you\ntext,there\n", NO_HEADER + "text in column 2"),
    ("label,this is not a name of a column\n1,b\n", NO_HEADER + "text in column 2"),
    ("kind,kind\n1,b\n", NO_HEADER + "text in column 2"),
    ("label,text\nx,text\ny,b\n", LABEL + "text in 'text'"),
    ("label,text,text\n1,b,c\n", LABEL + "text in 'text' and 'text'"),
]


@pytest.mark.parametrize(("content", "statement"), DETECTED)
def test_header_and_columns_are_detected(content: str, statement: str, write: Write) -> None:
    assert Corpus([write(content)]).layout.describe() == "comma-separated, " + statement


@pytest.mark.parametrize(
    ("content", "statement"),
    [
        ("a;b\nc;d, e, f\n", "semicolon-separated"),
        ("a\tb, c\nd\te\n", "tab-separated"),
        ("a|b\nd|e, f\n", "separated by vertical bars"),
        ('a,"b;c;d"\nd,"b;c"\n', "comma-separated"),
    ],
)
def test_delimiter_is_detected(content: str, statement: str, write: Write) -> None:
    assert Corpus([write(content)]).layout.describe().startswith(statement + ", no header: ")


def test_a_line_for_excel_is_told_of(write: Write) -> None:
    with pytest.raises(DataError, match=r"row 1: .* Excel .* remove that line"):
        Corpus([write("sep=;\nlabel;text\na;b\n")]).layout.describe()


def test_a_byte_order_mark_within_is_no_part_of_a_label(
    csv_path: str, write: Write, read: Read
) -> None:
    half = "\ufefflabel,text\nx,some\ny,words\n"
    corpus = Corpus([write(half + half.replace("label,text\n", ""))])
    blocks = list(corpus.blocks())
    assert corpus.labels.names == ["x", "y"]
    assert sum(map(len, blocks)) == 4


def test_known_label_in_the_first_row_is_no_header(write: Write) -> None:
    file = write("label,text\nspam,mail\n")
    assert Corpus([file]).layout.header == ("label", "text")
    known = LabelMap(["label", "spam"]).freeze()
    assert Corpus([file], labels=known).layout.header is None


@pytest.mark.parametrize(
    ("fmt", "rows"),
    [
        (CorpusFormat(header=False), [("label", "text more"), ("1", "a b")]),
        (CorpusFormat(header=True, label_column=2), [("a", "1 b")]),
        (CorpusFormat(text_columns=("more", 2)), [("1", "b a")]),
        (CorpusFormat(label_column="More"), [("b", "a")]),
        (CorpusFormat(header=True, label_column=3, text_columns=(1,)), [("b", "1")]),
        (CorpusFormat(has_labels=False), [(None, "a")]),
    ],
)
def test_what_the_user_says_counts(
    fmt: CorpusFormat, rows: list[tuple[str | None, str]], csv_path: str, write: Write, read: Read
) -> None:
    assert read(write("label,text,more\n1,a,b\n"), fmt) == rows


NAMED = Columns(3, 2, (0,), {2: "v1", 0: "v2"})
UNNAMED = Columns(3, 2, (0,), {})


@pytest.mark.parametrize(
    ("trained", "content", "fmt", "rows"),
    [
        (NAMED, "v1,v2\nx,a b\n", CorpusFormat(), [("x", "a b")]),
        (NAMED, "id,V2\n7,a b\n", CorpusFormat(has_labels=False), [(None, "a b")]),
        (NAMED, "v1,v2\nx,a\n", CorpusFormat(text_columns=("v1",)), [("a", "x")]),
        (NAMED, "v2,text,v3\na,b,c\n", CorpusFormat(label_column="v3"), [("c", "a")]),
        (NAMED, "text,label\na,x\n", CorpusFormat(), [("x", "a")]),
        (NAMED, "v2,label\na,x\n", CorpusFormat(), [("x", "a")]),
        (NAMED, "v2,v2\na,b\n", CorpusFormat(header=False), [("v2", "v2"), ("a", "b")]),
        (NAMED, "a b,c,x\n", CorpusFormat(), [("x", "a b")]),
        (NAMED, "v1,other\nx,a b\n", CorpusFormat(has_labels=False), [(None, "a b")]),
        (NAMED, "v2,label\na,x\n", CorpusFormat(has_labels=False), [(None, "a")]),
        (NAMED, '{"v2": "a", "v1": "x"}\n', CorpusFormat(format="jsonl"), [("x", "a")]),
        (UNNAMED, "a b,c d,x\n", CorpusFormat(), [("x", "a b")]),
        (UNNAMED, "a b,c d,x\n", CorpusFormat(has_labels=False), [(None, "a b")]),
        (UNNAMED, "a b,c d\n", CorpusFormat(has_labels=False), [(None, "a b c d")]),
        (UNNAMED, "label,text,more\nx,a,b\n", CorpusFormat(text_columns=(2,)), [("x", "a")]),
    ],
)
def test_columns_of_the_training_files_are_used_where_a_file_has_them(
    trained: Columns,
    content: str,
    fmt: CorpusFormat,
    rows: list[tuple[str | None, str]],
    csv_path: str,
    write: Write,
    read: Read,
) -> None:
    assert read(write(content), replace(fmt, trained=trained)) == rows


TWO_TEXTS = Columns(3, 2, (0, 1), {2: "v1", 0: "v2", 1: "v3"})


@pytest.mark.parametrize(
    ("trained", "content", "has_labels", "message"),
    [
        (NAMED, "v2,v4\na,x\n", True, "there is no column 'v1'; the columns are v2, v4"),
        (NAMED, "v1,v2,v2\nx,a,b\n", False, "2 columns are named 'v2'"),
        (TWO_TEXTS, "v3,v1\na,x\n", False, "there is no column 'v2'; the columns are v3, v1"),
    ],
)
def test_a_file_that_has_some_of_the_columns_and_not_all_is_refused(
    trained: Columns, content: str, has_labels: bool, message: str, write: Write
) -> None:
    corpus = Corpus([write(content)], CorpusFormat(has_labels=has_labels, trained=trained))
    with pytest.raises(DataError, match=message):
        corpus.layout.describe()


def test_numbers_given_for_named_columns_of_the_training_file_go_by_name_elsewhere(
    write: Write, read: Read
) -> None:
    fmt = CorpusFormat(label_column=1, text_columns=(2,))
    first = Corpus([write("label,text\nx,a\n")], fmt).layout
    assert first.columns is not None
    other = write("text,label\nb,y\n", "other.csv")
    assert read(other, fmt.of_later_files(first.columns)) == [("y", "b")]


STRAY = 'pos\t"unclosed one\nneg\ttwo\npos\tthree "x"\nneg\t"four"\n'


@pytest.mark.parametrize("fmt", [CorpusFormat(), CorpusFormat(quotes=False)])
def test_quotes_of_a_tsv_that_close_nothing_are_part_of_the_texts(
    fmt: CorpusFormat, csv_path: str, write: Write, read: Read
) -> None:
    file = write(STRAY, "data.tsv")
    texts = [text for _, text in read(file, fmt)]
    assert texts == ['"unclosed one', "two", 'three "x"', '"four"']
    assert Corpus([file], fmt).layout.describe().startswith("tab-separated, quotes are literal, ")


@pytest.mark.parametrize(
    ("content", "name", "fmt"),
    [
        ('a\t"two\nlines"\nb\tthree\n', "data.tsv", CorpusFormat()),
        ('a,"two\nlines"\nb,three\n', "data.csv", CorpusFormat()),
        ('a\t"two\nlines\tof"\nb\tthree\n', "data.tsv", CorpusFormat(quotes=True)),
    ],
)
def test_quoted_cells_go_on_in_the_next_line(
    content: str, name: str, fmt: CorpusFormat, csv_path: str, write: Write, read: Read
) -> None:
    (_, first), (_, second) = read(write(content, name), fmt)
    assert first.startswith("two\nlines")
    assert second == "three"


FIRST = "label,text\nfood,soup\nsport,goal\n"


@pytest.mark.parametrize(
    "second", ["Label,Text\nfood,bread\n", "text, LABEL \nbread,food\n", "food,bread\n"]
)
def test_a_later_file_may_name_its_columns_in_another_case_or_not_at_all(
    second: str, csv_path: str, write: Write, read: Read
) -> None:
    rows = read([write(FIRST, "a.csv"), write(second, "b.csv")])
    assert rows == [("food", "soup"), ("sport", "goal"), ("food", "bread")]


@pytest.mark.parametrize(
    ("first", "second", "fmt", "said"),
    [
        (FIRST, "label,body\nfood,bread\n", CorpusFormat(), "there is no column 'text'"),
        (FIRST, "food,bread\n", CorpusFormat(header=True), "there is no column 'label'"),
        ("food,soup\n", "label,text\nfood,bread\n", CorpusFormat(), "looks like a header"),
    ],
)
def test_a_later_file_that_names_other_columns_is_refused(
    first: str, second: str, fmt: CorpusFormat, said: str, csv_path: str, write: Write, read: Read
) -> None:
    files = [write(first, "a.csv"), write(second, "b.csv")]
    with pytest.raises(DataError, match=said) as error:
        read(files, fmt)
    assert "b.csv" in str(error.value)


LATE = "a\tsome words\n" * 9_000 + 'b\t"unclosed\na\tone\nb\ttwo "x" of\n'

MERGED_ELSEWHERE = "text\tauthor\tlabel\n" + "some words\tme\tx\n" * 9_000
MERGED_ELSEWHERE += 'one\t"nick\ta\ntwo\tme\tb\nthree\tx"\tb\n'


@pytest.mark.parametrize(
    ("content", "fmt", "refused"),
    [
        (LATE, CorpusFormat(), True),
        ('a\tone\nb\t"two\na\tthree"\n', CorpusFormat(), False),  # taken literally
        (MERGED_ELSEWHERE, CorpusFormat(), True),
        (LATE, CorpusFormat(quotes=False), False),
        ('a\tone\nb\t"two\na\tthree"\n', CorpusFormat(quotes=True), False),
        ('a\tone\nb\t"two\tthree\nlines"\n', CorpusFormat(), False),
    ],
)
def test_rows_that_quotes_of_a_tsv_make_one_are_refused(
    content: str, fmt: CorpusFormat, refused: bool, csv_path: str, write: Write
) -> None:
    corpus = Corpus([write(content, "data.tsv")], fmt)
    if not refused:
        list(corpus.blocks())
        return
    row = content[: content.index('"')].count("\n") + 1
    with pytest.raises(DataError, match=rf"data\.tsv, row {row}: .* of 3 lines.*--no-quotes"):
        list(corpus.blocks())


def test_what_is_odd_about_a_file_that_was_read_before_is_not_said_again(
    write: Write, tmp_path: Path
) -> None:
    file = write("one cell\n" + LATE, "data.tsv")
    policy, fmt = BadRows(5, tmp_path / "rejects.tsv"), CorpusFormat(header=False, delimiter="\t")
    for seen in (False, True):
        corpus = Corpus([file], fmt, bad_rows=policy, seen=seen)
        list(corpus.blocks())
        assert corpus.rejected == 2
    assert len((tmp_path / "rejects.tsv").read_text("utf-8").splitlines()) == 3


def test_the_columns_of_a_file_can_be_stored(write: Write) -> None:
    columns = Corpus([write("a,text,label\n1,b,x\n")]).layout.columns
    assert columns == Columns(3, 2, (1,), {2: "label", 1: "text"})
    assert Columns.of(json.loads(json.dumps(columns.as_dict()))) == columns


@pytest.mark.parametrize(
    "damage",
    [
        {"width": 1},
        {"texts": []},
        {"texts": [1.0]},
        {"label": -1},
        {"names": {"1": "text"}},
        {"names": {"1": "text", "2": 5}},
    ],
)
def test_stored_columns_that_cannot_be_are_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="its columns"):
        Columns.of(Columns(3, 2, (1,), {1: "text", 2: "label"}).as_dict() | damage)


def test_columns_are_passed_through(csv_path: str, write: Write) -> None:
    file = write("id,label,text\nä,1,a\n8,2,b\n")
    corpus = Corpus([file], CorpusFormat(extra_columns=("id",)))
    assert [block.extra for block in corpus.blocks()] == [{"id": ["ä", "8"]}]
    assert corpus.layout.describe().endswith(", passing through 'id'")


def test_later_file_has_its_own_header_or_none(csv_path: str, write: Write, read: Read) -> None:
    first = write("label,text\na,x\n", "1.csv")
    others = [write("text,label\ny,b\n", "2.csv"), write("c,z\n", "3.csv")]
    assert read([first, *others]) == [("a", "x"), ("b", "y"), ("c", "z")]


def test_later_file_with_a_header_of_other_names_is_refused(write: Write, read: Read) -> None:
    first = write("label,text\na,x\nb,y\n", "1.csv")
    with pytest.raises(DataError, match=r"2\.csv.*message, category.*'label', 'text'"):
        read([first, write("message,category\nz,a\nw,b\n", "2.csv")])


def test_a_header_that_comes_again_is_a_header_all_the_same(write: Write) -> None:
    corpus = Corpus([write("label,text\na,x\nb,y\n" * 2)])
    assert corpus.layout.header == ("label", "text")


def test_a_first_line_longer_than_what_is_looked_at_is_read_whole(write: Write) -> None:
    columns = [f"column_{i:05}" for i in range(8000)]
    rows = "".join(f"{label},x{',0' * 8000}\n" for label in "ab")
    corpus = Corpus([write(f"label,text,{','.join(columns)}\n{rows}")])
    assert corpus.layout.width == 8002


def test_header_and_first_row_are_counted(csv_path: str, write: Write) -> None:
    [block] = Corpus([write("label,text\na,x\nb,y\n")]).blocks()
    assert block.rows.tolist() == [2, 3]


def test_labels_are_stripped_and_texts_are_not(csv_path: str, write: Write, read: Read) -> None:
    assert read(write("a , x \n\u00a0a, \nb,\n")) == [("a", " x "), ("a", " "), ("b", "")]


def test_pattern_names_sorted_files(write: Write, read: Read, tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c[1].csv"):
        write(f"1,{name}\n", name)
    assert [text for _, text in read(tmp_path / "?.csv")] == ["a.csv", "b.csv"]
    assert read(tmp_path / "c[1].csv") == [("1", "c[1].csv")]


ENCODED = [
    ("utf-8-sig", None), ("utf-16", None), ("utf-16", "utf-16"), ("latin-1", "latin-1"),
    ("cp1252", "cp1252"), ("utf-16-le", "utf-16-le"), ("utf-8-sig", "utf-8"),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "said"), ENCODED)
def test_encodings(
    encoding: str, said: str | None, csv_path: str, write: Write, read: Read
) -> None:
    content = "ä,caf\u00e9\nb,na\u00efve\n" * 9000
    rows = read(write(content.encode(encoding)), CorpusFormat(encoding=said), block_bytes=9999)
    assert rows == [("ä", "café"), ("b", "naïve")] * 9000


def test_a_byte_order_mark_is_no_part_of_a_cell_though_the_encoding_has_none(
    csv_path: str, write: Write, read: Read
) -> None:
    file = write("\ufefflabel,text\na,b\n".encode("utf-16-le"))
    fmt = CorpusFormat(encoding="utf-16-le", label_column="label")
    assert read(file, fmt) == [("a", "b")]


def test_a_long_first_row_that_may_be_json_is_read_as_csv(write: Write, read: Read) -> None:
    long = "z" * 200_000
    file = write(f"{{{long},a\nb,c\n" + "d,e\n" * 20_000)
    assert read(file, CorpusFormat(header=False))[0] == ("{" + long, "a")


def test_file_that_is_not_of_the_encoding(write: Write, read: Read) -> None:
    with pytest.raises(DataError, match=r"is not valid utf-32 \(it has no byte order mark\)"):
        read(write("a,b\nc,d\n"), CorpusFormat(encoding="utf-32"))


def test_bytes_that_are_not_of_the_encoding_make_a_bad_row(write: Write, read: Read) -> None:
    content = "a,b\nc,d\ne,f\n".encode("utf-16").replace(b"d\0", b"\0\xd8")
    with pytest.raises(DataError, match="row 2: the row is not valid utf-16"):
        read(write(content))
