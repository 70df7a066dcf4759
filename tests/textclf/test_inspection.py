"""One pass over a corpus, held against what Python itself counts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textclf.corpus.block import TextBlock
from textclf.corpus.reader import BadRows, Corpus, CorpusFormat
from textclf.findings import findings, guide, refusal
from textclf.inspection import inspect
from textclf.inspection_kernels import CONTROL, EMPTY, GARBLED, REPLACED, survey_rows
from textclf.inspection_result import Inspection, Place
from textclf.ngrams.unicode import load_tables
from textclf.survey import PERCENTILES

TABLES = load_tables(False, False)


def survey(texts: list[str]) -> tuple[list[int], list[int], list[int]]:
    """Return (hashes, words, trouble) of texts."""
    block = TextBlock.from_texts(texts)
    found = survey_rows(block.text, block.offsets, TABLES.pages, TABLES.properties)
    return tuple(part.tolist() for part in found)  # type: ignore[return-value]


def look(
    folder: Path,
    rows: list[tuple[str, str]],
    test: list[tuple[str, str]] | None = None,
    **options: int,
) -> Inspection:
    """Inspect (label, text) rows from a file."""
    corpora: list[Corpus] = []
    for name, part in (("train", rows), ("test", test)):
        if part is not None:
            path = folder / f"{name}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(part)
            labels = corpora[0].labels if corpora else None
            fmt = CorpusFormat(header=False)
            corpora.append(Corpus([path], fmt, labels=labels, bad_rows=BadRows(1.0)))
    return inspect(*corpora, **options)  # type: ignore[arg-type]


def codes(inspection: Inspection) -> list[str]:
    """Return the kinds of the findings."""
    return [finding.code for finding in findings(inspection)]


def plenty(*, of: str = "ab", each: int = 20) -> list[tuple[str, str]]:
    """Return rows that nothing is wrong with."""
    return [(label, f"{label} text number {i}") for label in of for i in range(each)]


LATIN = st.characters(max_codepoint=0x17F, exclude_categories=("Cs",))


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.text(LATIN, max_size=30), min_size=1))
def test_words_are_those_between_white_space(texts: list[str]) -> None:
    assert survey(texts)[1] == [len(text.split()) for text in texts]


@pytest.mark.parametrize(("text", "words"), [("我爱你", 3), ("เขา ab", 4), ("привет мир", 2)])
def test_characters_of_scripts_without_spaces_are_words(text: str, words: int) -> None:
    assert survey([text])[1] == [words]


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.text(max_size=8)))
def test_hashes_are_equal_for_equal_texts_only(texts: list[str]) -> None:
    hashes = survey(texts)[0]
    distinct = {text.encode("utf-8", "replace") for text in texts}
    assert len(set(hashes)) == len(distinct)


def test_hashes_see_the_end_of_long_texts() -> None:
    long = "word " * 1000
    assert len(set(survey([long + "a", long + "b", long])[0])) == 3


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("plain\ttext\r\n", 0),
        ("", EMPTY),
        (" \u00a0\n", EMPTY),
        ("one \ufffd", REPLACED),
        ("one\x07two", CONTROL),
        ("one\x93two", CONTROL),
        ("next line \x85", 0),
        ("déjà vu, São, ÃO, € 5, Ð, â la carte", 0),
    ],
)
def test_trouble_with_a_text(text: str, trouble: int) -> None:
    assert survey([text])[2] == [trouble]


@pytest.mark.parametrize("wrong", ["latin-1", "cp1252"])
@pytest.mark.parametrize("text", ["café", "naïve", "über", "5 £", "don’t", "“so”", "привет", "😀"])
def test_text_read_in_a_wrong_encoding_is_told(text: str, wrong: str) -> None:
    garbled = text.encode().decode(wrong, "ignore")
    if wrong == "latin-1" and "â" in garbled:
        assert survey([garbled])[2][0] & CONTROL
    elif not (wrong == "cp1252" and text == "привет"):
        assert survey([garbled])[2][0] & GARBLED
    assert survey([text])[2] == [0]


def test_figures_are_those_of_numpy(
    tmp_path: Path, multilingual: tuple[list[str], list[int]]
) -> None:
    texts, labels = multilingual
    texts = [text for text in texts if text.isascii()]
    found = look(tmp_path, [(str(label), text) for text, label in zip(texts, labels, strict=False)])
    words = [len(text.split()) for text in texts]
    assert found.rows == len(texts)
    assert found.classes == Counter(map(str, labels[: len(texts)]))
    assert list(found.classes) == sorted(found.classes)
    assert found.words.median == np.median(words)
    assert found.words.percentiles == {
        p: np.percentile(words, p, method="inverted_cdf") for p in PERCENTILES
    }
    assert (found.words.most, found.words.total) == (max(words), sum(words))
    assert found.words.longest == Place(str(tmp_path / "train.csv"), 1 + words.index(max(words)))
    assert found.ratio == len(texts) / np.median(words)


def test_nothing_is_found_where_nothing_is_wrong(tmp_path: Path) -> None:
    assert findings(look(tmp_path, plenty(), [("a", "other"), ("b", "another")])) == []


def test_copies_and_contradictions_are_told_apart(tmp_path: Path) -> None:
    found = look(
        tmp_path, [*plenty(), ("a", "x y"), ("a", "x y"), ("a", "z"), ("b", "z"), ("b", "z")]
    )
    assert found.duplicates.duplicates == 3
    assert found.duplicates.contradictory_texts == 1
    assert found.duplicates.contradictory_rows == 3
    (same, *_), (different, *_) = found.duplicate_examples, found.contradictory_examples
    assert [place.row for place in same] == [41, 42]
    assert [place.row for place in different] == [43, 44]
    assert codes(found) == ["contradictions", "duplicates"]


def test_empty_texts_are_no_copies_of_one_another(tmp_path: Path) -> None:
    found = look(tmp_path, [*plenty(), ("a", ""), ("b", " "), ("a", "")])
    assert found.empty.rows == 3
    assert found.empty.first is not None
    assert found.empty.first.row == 41
    assert found.duplicates.duplicates == 0
    assert codes(found) == ["empty-texts"]


def test_test_rows_that_are_training_rows(tmp_path: Path) -> None:
    found = look(
        tmp_path, plenty(), [("a", "new"), ("a", "a text number 3"), ("a", "b text number 0")]
    )
    assert found.test is not None
    assert (found.test.rows, found.test.overlap, found.test.overlap_differs) == (3, 2, 1)
    assert [place.row for place in found.test.examples[0]] == [2, 4]
    assert codes(found) == ["test-overlap", "untested-labels"]


def test_figures_of_a_sample_say_so(tmp_path: Path) -> None:
    rows = [(label, f"{label} {i}") for label in "ab" for i in range(2000)]
    found = look(tmp_path, rows + rows, rows, max_texts=1000)
    assert found.duplicates.sampled < 1
    assert found.duplicates.duplicates == pytest.approx(4000, rel=0.15)
    assert found.test is not None
    assert found.test.overlap == pytest.approx(4000, rel=0.15)
    assert [str(f).split()[0] for f in findings(found)] == ["about", "about"]


def test_bad_rows_are_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("".join(f"{label},{text}\n" for label, text in plenty()) + "a\n" * 9)
    found = inspect(Corpus([file], bad_rows=BadRows(1.0)))
    assert (found.rows, found.bad_rows) == (40, 9)
    assert [bad.row for bad in found.first_bad] == [41, 42, 43, 44, 45]
    assert findings(found)[0].level == "error"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (plenty(of="a"), "one-class"),
        ([(str(i), f"text {i}") for i in range(30)], "many-labels"),
        ([(label, " ") for label, _ in plenty()], "blank-texts"),
        ([(label, "fine") for label, _ in plenty()], "few-texts"),
        ([("a", "fine"), ("b", "dull")] * 20, "few-texts"),
        ([*plenty(), ("c", "rare")], "rare-labels"),
        ([*plenty(each=200), *plenty(of="c", each=10)], "imbalance"),
        ([*plenty(of="aA")], "similar-labels"),
        ([*plenty(), *(("NaN", f"text {i} more") for i in range(20))], "missing-labels"),
        ([*plenty(), ("a", "caf\u00c3\u00a9")], "mojibake"),
        ([*plenty(), ("a", "caf\ufffd")], "replacement-characters"),
        ([*plenty(), ("a", "bell \x07")], "control-characters"),
        ([*plenty(), ("a", "x" * 70_000)], "long-texts"),
        ([(label, f"{label}{i}") for label in "ab" for i in range(20)], "short-texts"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    rows: list[tuple[str, str]], code: str, tmp_path: Path
) -> None:
    found = [finding for finding in findings(look(tmp_path, rows)) if finding.code == code]
    assert len(found) == 1
    assert "\n" not in str(found[0])
    assert found[0].remedy


@pytest.mark.parametrize(
    ("header", "label", "guesses"),
    [
        ("date,author,team,message", None, ["author", "team"]),
        ("date,author,team,message", "team", []),
        ("date,author,class,message", None, []),
        ("id,author,title,message", None, []),  # nothing else can be it
    ],
)
def test_a_label_that_is_guessed_is_told(
    header: str, label: str | None, guesses: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "train.csv"
    path.write_text(f"{header}\n" + "".join(f"1,{'ab'[i % 2]},x,text {i}\n" for i in range(40)))
    found = inspect(Corpus([str(path)], CorpusFormat(label_column=label)))
    assert found.label_guesses == guesses
    told = [finding.message for finding in findings(found) if finding.code == "guessed-label"]
    assert bool(told) is bool(guesses)
    assert not told or "'author' is taken for it" in told[0]


def test_one_class_is_refused(tmp_path: Path) -> None:
    error = refusal(look(tmp_path, plenty(of="a")))
    assert error is not None
    assert "only one class, 'a'" in str(error)
    assert refusal(look(tmp_path, plenty())) is None


@pytest.mark.parametrize(
    ("ratio", "model"), [(0.5, "n-gram MLP"), (1499.9, "n-gram MLP"), (1500, "sequence model")]
)
def test_guide_decides_at_1500(ratio: float, model: str) -> None:
    assert guide(ratio)["model"] == model


def test_all_of_it_goes_into_json(tmp_path: Path) -> None:
    found = look(tmp_path, plenty(), plenty())
    figures = json.loads(json.dumps(found.as_dict()))
    assert figures["rows"] == 40
    assert figures["words"]["percentiles"]["95"] == 4
    assert figures["findings"][0]["code"] == "test-overlap"
    assert figures["guide"]["model"] == "n-gram MLP"


def test_what_is_between_columns_of_text_is_no_control_character(tmp_path):
    path = tmp_path / "two.csv"
    rows = "a,hello world,this is fine\nb,bye now,this is not\nb,no,nor this\n"
    path.write_text("label,title,body\n" + rows)
    done = subprocess.run(
        [sys.executable, "-m", "textclf", "inspect", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "control" not in done.stdout + done.stderr
