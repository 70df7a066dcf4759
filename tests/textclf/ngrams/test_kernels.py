"""Tokenizing and hashing: kernels, plain Python and scikit-learn say the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from textclf.corpus.block import TextBlock
from textclf.ngrams import reference
from textclf.ngrams.vectorizer import Hasher
from textclf.settings import NgramSettings

WAYS = [
    NgramSettings(analyzer=analyzer, tokens=tokens, strip_accents=strip, min_n=low, max_n=high)
    for analyzer, tokens in [
        ("word", "words"),
        ("word", "words+punctuation"),
        ("char", "words"),
        ("char_wb", "words"),
    ]
    for strip in (True, False)
    for low, high in [(1, 2), (3, 5)]
] + [
    NgramSettings(max_n=3, affixes=False),
    NgramSettings(max_n=2, subwords=1),
    NgramSettings(max_n=2, subwords=4),
    NgramSettings(max_n=2, subwords=16, boundaries=False, as_written=False),
    NgramSettings(max_n=3, boundaries=False),
    NgramSettings(max_n=3, gaps=False),
    NgramSettings(max_n=3, as_written=False),
    NgramSettings(max_n=3, lowercase=False),
    NgramSettings(max_n=3, unspaced_max_n=1),
    NgramSettings(max_n=3, unspaced_max_n=7),
]
TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("aÉİΣσ ς.'½\t\x1f東ไひ"))
)
LONGER = st.text("aBbéжЖ東ไ .*\x1f", max_size=60)


def kernel_hashes(texts: list[str], way: NgramSettings) -> list[list[int]]:
    hashed = Hasher(way)(TextBlock.from_texts(texts))
    return [hashed.hashes[a:b].tolist() for a, b in zip(hashed.ends, hashed.ends[1:], strict=False)]


@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_kernels_equal_plain_python_on_many_languages(way, sentences):
    texts = list(sentences.values())
    assert kernel_hashes(texts, way) == [
        [h for _, h in reference.ngrams(text, way)] for text in texts
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS | LONGER, min_size=1, max_size=4), st.sampled_from(WAYS))
def test_kernels_equal_plain_python_on_any_text(texts, way):
    expected = [[h for _, h in reference.ngrams(text, way)] for text in texts]
    assert kernel_hashes(texts, way) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS | LONGER, min_size=1, max_size=4), st.sampled_from(WAYS))
def test_texts_of_ngrams_are_found_again(texts, way):
    block = TextBlock.from_texts(texts)
    expected = [(r, p, t) for r, text in enumerate(texts)
                for p, (t, _) in enumerate(reference.ngrams(text, way))]  # fmt: skip
    rows = np.array([r for r, _, _ in expected], np.int64)
    places = np.array([p for _, p, _ in expected], np.int64)
    text, ends = Hasher(way).texts(block, rows, places)
    named = [text[a:b].tobytes() for a, b in pairwise(ends)]
    assert named == [t.encode() for _, _, t in expected]


@pytest.mark.parametrize("analyzer", ["word", "char", "char_wb"])
@pytest.mark.parametrize("bounds", [(1, 1), (1, 2), (2, 4), (6, 9)])
@pytest.mark.parametrize("accents", [None, "unicode"])
def test_ngrams_are_those_of_scikit_learn(analyzer, bounds, accents, sentences):
    analyze = CountVectorizer(
        analyzer=analyzer, ngram_range=bounds, strip_accents=accents
    ).build_analyzer()
    way = NgramSettings(
        analyzer=analyzer,
        tokens="words",
        min_n=bounds[0],
        max_n=bounds[1],
        strip_accents=accents is not None,
        affixes=False,
        boundaries=False,
        as_written=False,
    )
    for text in sentences.values():
        assert sorted(t for t, _ in reference.ngrams(text, way)) == sorted(analyze(text))


def as_part(run):
    """Write a run of a word between spaces as we do: a star for what is not there."""
    before, after = "" if run[0] == " " else "*", "" if run[-1] == " " else "*"
    return f"{before}{run.strip()}{after}"


@pytest.mark.parametrize("longest", [1, 3, 5])
def test_parts_of_words_are_the_padded_ngrams_of_scikit_learn(longest, sentences):
    way = NgramSettings(
        max_n=1,
        subwords=longest,
        boundaries=False,
        gaps=False,
        as_written=False,
        unspaced_max_n=1,
    )
    padded = CountVectorizer(analyzer="char_wb", ngram_range=(1, longest + 1)).build_analyzer()
    for text in sentences.values():
        ngrams = [t for t, _ in reference.ngrams(text, way)]
        words = [t for t in ngrams if "*" not in t and len(t) > 1]
        runs = [r for word in words for r in padded(word) if r == word or r.strip() != word]
        expected = [as_part(run) for run in runs if 0 < len(run.strip()) <= longest]
        assert sorted(t for t in ngrams if "*" in t) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't!", ["i", "can", "'", "t", "!"]),
        ("東京タワー is 5€", ["東", "京", "タ", "ワ", "ー", "is", "5", "€"]),
        ("प्राप्त है।", ["प्राप्त", "है", "।"]),
        ("", []),
    ],
)
def test_default_words_keep_punctuation_marks_and_single_characters(text, words):
    way = NgramSettings(max_n=1, unspaced_max_n=1, affixes=False, as_written=False)
    assert [t for t, _ in reference.ngrams(text, way)] == words


@pytest.mark.parametrize(
    ("text", "ngrams"),
    [
        ("trained by", ["trained", "trained by", "train*", "*ned", "by"]),
        ("четыре", ["четыре", "четыр*", "*ыре"]),
        ("trail mix!", ["trail", "trail mix", "*ail", "mix", "mix !", "!"]),
    ],
)
def test_longer_words_also_count_by_their_beginning_and_end(text, ngrams):
    way = NgramSettings(max_n=2, boundaries=False)
    assert [t for t, _ in reference.ngrams(text, way)] == ngrams


@pytest.mark.parametrize(
    ("text", "longest", "ngrams"),
    [
        ("no!", 2, ["<s> no", "no", "no !", "!", "! </s>"]),
        ("no!", 1, ["no", "!"]),
        ("so", 3, ["<s> so", "<s> so </s>", "so", "so </s>"]),
        ("東", 3, ["<s> 東", "<s> 東 </s>", "東", "東 </s>"]),
        ("so\x1fno", 2, ["<s> so", "so", "so </s>", "<s> no", "no", "no </s>"]),
        ("\x1f \x1fno", 2, ["<s> no", "no", "no </s>"]),
        ("", 3, []),
        (" ", 3, []),
    ],
)
def test_the_beginning_and_the_end_of_a_text_count_beside_words(text, longest, ngrams):
    assert [t for t, _ in reference.ngrams(text, NgramSettings(max_n=longest))] == ngrams


@pytest.mark.parametrize(
    ("text", "strip_accents", "ngrams"),
    [
        ("us in the US", False, ["us", "in", "the", "us", "US"]),
        ("Ça va, Жора", False, ["ça", "Ça", "va", ",", "жора", "Жора"]),
        ("Ça va", True, ["ca", "Ça", "va"]),
        ("ΟΔΟΣ", False, ["οδος", "ΟΔΟΣ"]),
        ("İş", False, ["i̇ş", "İş"]),
        ("1½ l", True, ["11", "1½", "⁄", "2", "l"]),
        ("no capitals", False, ["no", "capitals"]),
    ],
)
def test_a_word_that_lower_casing_changes_also_counts_as_written(text, strip_accents, ngrams):
    way = NgramSettings(max_n=1, boundaries=False, affixes=False, strip_accents=strip_accents)
    assert [t for t, _ in reference.ngrams(text, way)] == ngrams


def test_a_word_counts_once_where_text_keeps_its_capitals():
    way = NgramSettings(max_n=1, lowercase=False, affixes=False)
    assert [t for t, _ in reference.ngrams("The US", way)] == ["The", "US"]


def test_ngrams_are_longer_where_characters_are_words():
    way = NgramSettings(max_n=2, boundaries=False)
    found = [t for t, _ in reference.ngrams("a 東京都内に", way)]
    assert found == [
        "a", "a 東", "東", "東 京", "東 京 都", "東 京 都 内", "京", "京 都", "京 都 内",
        "京 都 内 に", "都", "都 内", "都 内 に", "内", "内 に", "に",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ngrams"),
    [
        ("東 \t京", ["東", "京", "<sp> 京", "東 <sp>"]),
        ("都東 京は", ["都", "東", "京", "<sp> 京", "<sp> 京 は", "東 <sp>", "都 東 <sp>", "は"]),
        ("東 京 は", ["東", "京", "<sp> 京", "東 <sp>", "は", "<sp> は", "京 <sp>"]),
        ("東京", ["東", "京"]),
        ("東 a 京", ["東", "a", "京"]),
        (" 東 , 京 ", ["東", ",", "京"]),
        ("한 국", ["한", "국"]),
    ],
)
def test_a_space_between_two_characters_that_are_words_counts_with_them(text, ngrams):
    way = NgramSettings(max_n=1, unspaced_max_n=1, boundaries=False)
    assert [t for t, _ in reference.ngrams(text, way)] == ngrams


def test_a_row_of_megabytes_is_one_row():
    text = "word " * 300_000
    assert len(kernel_hashes([text, "a b"], NgramSettings(max_n=2))[0]) == 600_001  # words, pairs
