"""The streamed matrix against scikit-learn's in-memory pipeline."""

import gzip
import logging
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix, diags_array, vstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, chi2, f_classif
from sklearn.preprocessing import normalize

from textclf import sizes
from textclf.corpus.block import TextBlock
from textclf.ngrams import matrix as passes
from textclf.ngrams import reference
from textclf.ngrams.matrix import (
    choose_vocabulary,
    count_ngrams,
    settle_settings,
    write_matrix,
)
from textclf.ngrams.selection import log_count_spread
from textclf.ngrams.shards import ShardWriter
from textclf.ngrams.vectorizer import CompiledVectorizer, Hasher
from textclf.settings import PRESETS, NgramSettings, resolve

GUIDE = resolve([("guide", PRESETS["guide"])]).ngrams
# One and two words, as scikit-learn cuts them.
WORDS_ONLY = {
    "tokens": "words", "max_n": 2, "affixes": False, "subwords": 0, "boundaries": False,
    "as_written": False,
}  # fmt: skip
SHARED = Path(__file__).parents[4] / "shared" / "data" / "ag_news" / "train.csv.gz"


def cut(texts, labels, size):
    return [
        TextBlock.from_texts(texts[i : i + size], np.array(labels[i : i + size], np.int32))
        for i in range(0, len(texts), size)
    ]


def stream(blocks, settings, folder: Path, share=0.0):
    """Run all passes; return (n-grams, training matrix, its labels, validation rows)."""
    survey = count_ngrams(lambda: blocks, settings, share, 7)
    vocabulary = choose_vocabulary(lambda: blocks, survey)
    vectorizer = CompiledVectorizer(survey.settings, vocabulary)
    classes = len(survey.rows_by_class)
    writers = []
    for part in ("train", "validation"):
        (folder / part).mkdir()
        writers.append(ShardWriter(folder / part, vocabulary.size, classes, 3, 1))
    recode = np.arange(classes, dtype=np.int32)
    texts = write_matrix(lambda: blocks, vectorizer, survey.split, recode, *writers)
    train, held_out = (writer.close() for writer in writers)
    rows = vectorizer.transform(blocks[0])
    first = csr_matrix(
        (rows.data, rows.indices, rows.indptr), shape=(len(blocks[0]), vocabulary.size)
    )
    whole, ends = texts.in_order().tobytes(), texts.ends()
    names = [whole[a:b].decode() for a, b in pairwise(ends)]
    return names, first, train, held_out


def assert_same(ours, names, theirs, scores, threshold, tmp_first):
    """Same n-grams, but for ties in score at the cut; same values within 1e-5."""
    assert len(ours) == len(names)
    for name in set(ours) ^ set(names):
        assert scores[name] == pytest.approx(threshold, rel=1e-9)
    place = {name: i for i, name in enumerate(names)}
    mine = {name: i for i, name in enumerate(ours)}
    shared = [name for name in ours if name in place]
    assert len(shared) > 0.9 * len(ours)
    difference = tmp_first[:, [mine[n] for n in shared]] - theirs[:, [place[n] for n in shared]]
    assert abs(difference).max() < 1e-5


def check_guide(texts, labels, k, folder):
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, strip_accents="unicode")
    full = vectorizer.fit_transform(texts)
    select = SelectKBest(f_classif, k=min(k, full.shape[1])).fit(full, labels)
    names = vectorizer.get_feature_names_out()
    scores = dict(zip(names, select.scores_, strict=True))
    threshold = min(scores[n] for n in names[select.get_support()])
    settings = NgramSettings(**{**GUIDE.__dict__, "max_features": k})
    blocks = cut(texts, labels, 101)
    ours, first, _, _ = stream(blocks, settings, folder)
    assert_same(
        ours,
        names[select.get_support()],
        select.transform(full[: len(blocks[0])]),
        scores,
        threshold,
        first,
    )


@pytest.mark.parametrize("k", [500, 20_000])
def test_guide_settings_equal_scikit_learn_on_many_languages(k, multilingual, tmp_path):
    check_guide(*multilingual, k, tmp_path)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared real data are not here")
def test_guide_settings_equal_scikit_learn_on_ag_news(tmp_path):
    import csv

    with gzip.open(SHARED, "rt", encoding="utf-8", newline="") as file:
        rows = [row for row, _ in zip(csv.reader(file), range(8000), strict=False)]
    check_guide([" ".join(r[1:]) for r in rows], [int(r[0]) - 1 for r in rows], 20_000, tmp_path)


def test_chi2_chooses_as_scikit_learn_on_presence(multilingual, tmp_path):
    texts, labels = multilingual
    counter = CountVectorizer(
        ngram_range=(1, 2), min_df=2, token_pattern=r"(?u)\b\w\w+\b", binary=True
    )
    present = counter.fit_transform(texts)
    select = SelectKBest(chi2, k=300).fit(present, labels)
    names = counter.get_feature_names_out()
    scores = dict(zip(names, select.scores_, strict=True))
    threshold = min(scores[n] for n in names[select.get_support()])
    settings = NgramSettings(**WORDS_ONLY, max_features=300)
    ours, *_ = stream(cut(texts, labels, 50), settings, tmp_path)
    for name in set(ours) ^ set(names[select.get_support()]):
        assert scores[name] == pytest.approx(threshold, rel=1e-9)


@pytest.mark.parametrize("selection", ["chi2", "f_classif"])
def test_many_classes_are_scored_in_a_pass_of_their_own(
    selection, multilingual, tmp_path, monkeypatch
):
    blocks = cut(*multilingual, 100)
    settings = NgramSettings(selection=selection, max_features=400)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    at_once, first, *_ = stream(blocks, settings, tmp_path / "a")
    monkeypatch.setattr(passes, "_CLASSES_AT_ONCE", 3)
    apart, second, *_ = stream(blocks, settings, tmp_path / "b")
    assert at_once == apart
    assert abs(first - second).max() < 1e-6


def test_many_classes_take_no_memory_from_ngrams(tmp_path, caplog):
    random = np.random.default_rng(1)
    texts = [" ".join(f"word{i}" for i in random.integers(0, 3000, 8)) for _ in range(4000)]
    labels = random.integers(0, 500, 4000)
    # A matrix with zeros would hold 262 n-grams.
    settings = NgramSettings(**WORDS_ONLY | {"max_n": 1}, count_memory_mb=1)
    ours, *_ = stream(cut(texts, labels, 500), settings, tmp_path)
    assert len(ours) > 2900
    assert "memory holds scores" not in caplog.text


@pytest.mark.parametrize("sublinear", [True, False])
@pytest.mark.parametrize("use_idf", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("norm", ["l2", "none"])
def test_weights_equal_scikit_learn(sublinear, use_idf, smooth, norm, multilingual, tmp_path):
    texts, labels = multilingual
    theirs = TfidfVectorizer(
        token_pattern=r"(?u)\b\w\w+\b", ngram_range=(1, 2), min_df=2, sublinear_tf=sublinear,
        use_idf=use_idf, smooth_idf=smooth, norm=None if norm == "none" else norm,
    )  # fmt: skip
    full = theirs.fit_transform(texts)
    settings = NgramSettings(
        **WORDS_ONLY, max_features=0, sublinear_tf=sublinear, use_idf=use_idf, smooth_idf=smooth,
        norm=norm, log_count_ratio=False,
    )  # fmt: skip
    ours, first, _, _ = stream(cut(texts, labels, 100), settings, tmp_path)
    place = {name: i for i, name in enumerate(theirs.get_feature_names_out())}
    assert set(place) == set(ours)
    assert abs(first - full[:100][:, [place[n] for n in ours]]).max() < 1e-5


def test_log_count_ratios_multiply_tf_idf_before_the_norm(multilingual, tmp_path):
    texts, labels = multilingual
    theirs = TfidfVectorizer(
        token_pattern=r"(?u)\b\w\w+\b", ngram_range=(1, 2), min_df=2, norm=None
    )
    full = theirs.fit_transform(texts)
    rows = np.bincount(labels)
    by_class = [
        np.asarray((full[np.array(labels) == k] > 0).sum(axis=0))[0] for k in range(len(rows))
    ]
    scale = np.sqrt(log_count_spread(np.stack(by_class, axis=1), rows))
    expected = normalize(full @ diags_array(scale))
    settings = NgramSettings(**WORDS_ONLY, max_features=0, sublinear_tf=False)
    ours, first, _, _ = stream(cut(texts, labels, 100), settings, tmp_path)
    place = {name: i for i, name in enumerate(theirs.get_feature_names_out())}
    assert abs(first - csr_matrix(expected)[:100][:, [place[n] for n in ours]]).max() < 1e-5


def test_shards_hold_every_row_once_and_the_split_is_by_text(multilingual, tmp_path):
    texts, labels = multilingual
    settings = NgramSettings(max_features=0)
    blocks = cut(texts * 2, labels * 2, 100)
    _, _, train, held_out = stream(blocks, settings, tmp_path, 0.25)
    assert train.n_rows + held_out.n_rows == 1200
    assert 0.15 < held_out.n_rows / 1200 < 0.35
    # Each text is there twice, both times on the same side.
    assert train.n_rows % 2 == 0
    stacked = vstack([shard.x for shard in train] + [shard.x for shard in held_out])
    sums = np.sort(np.asarray(stacked.sum(axis=1)).ravel())
    np.testing.assert_allclose(sums[::2], sums[1::2], atol=1e-5)
    counted = np.bincount(np.concatenate([s.y for s in [*train, *held_out]]))
    assert counted.tolist() == (2 * np.bincount(labels)).tolist()


def test_the_cut_into_blocks_changes_nothing(multilingual, tmp_path):
    settings = NgramSettings(max_features=300)
    results = []
    for size in (7, 600):
        (tmp_path / str(size)).mkdir()
        ours, _, train, _ = stream(cut(*multilingual, size), settings, tmp_path / str(size))
        results.append((ours, sum(shard.x.sum() for shard in train)))
    assert results[0][0] == results[1][0]
    assert results[0][1] == pytest.approx(results[1][1])


def test_a_full_memory_for_counting_is_told_once_and_is_no_warning(caplog):
    texts = [f"common word{i} other{i} third{i}" for i in range(5000)]
    blocks = cut(texts, [i % 2 for i in range(5000)], 500)
    with caplog.at_level(logging.INFO):
        survey = count_ngrams(lambda: blocks, NgramSettings(count_memory_mb=1), 0.0, 1)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert f"short by at most {survey.counts.pruned_below}" in record.getMessage()
    assert survey.counts.df.max() == 5000


@pytest.mark.parametrize(("classes", "longest"), [(16, 3), (17, 2)])
def test_the_classes_of_the_first_rows_say_how_long_ngrams_are(classes, longest):
    texts = [f"one two three four {i}" for i in range(2 * classes)]
    labels = [*range(classes)] * 2
    survey = count_ngrams(lambda: cut(texts, labels, 3), NgramSettings(), 0.0, 1)
    assert survey.settings.max_n == longest
    assert sum(survey.rows_by_class) == len(texts)


def test_of_long_texts_few_wait_in_memory_for_the_first_to_be_counted(monkeypatch):
    monkeypatch.setattr("textclf.ngrams.matrix._MOST_BYTES", 1000)
    monkeypatch.setattr("textclf.ngrams.matrix.LITTLE_TEXT", 500)
    drawn = []
    blocks = (drawn.append(i) or cut([f"a long text {'x' * 300}"], [i % 2], 1)[0] for i in range(9))
    _, corpus = settle_settings(NgramSettings(), blocks)
    assert len(drawn) == 4
    assert sum(map(len, corpus)) == 9


def with_new_words(rows, new):
    """Return rows of nine words that all have, and some that no other has."""
    known = "this is what all the rows say of it"
    return [" ".join([known, *(f"new{i}x{k}" for k in range(new))]) for i in range(rows)]


@pytest.mark.parametrize(
    ("little_text", "new_words", "longest"), [(10**6, 0, 4), (1000, 3, 0), (1000, 5, 4)]
)
def test_little_text_or_words_that_are_rare_are_counted_by_their_parts(
    little_text, new_words, longest, monkeypatch
):
    monkeypatch.setattr(passes, "LITTLE_TEXT", little_text)
    monkeypatch.setattr(sizes, "LITTLE_TEXT", little_text)
    blocks = cut(with_new_words(100, new_words), [i % 2 for i in range(100)], 9)
    assert count_ngrams(lambda: blocks, NgramSettings(), 0.0, 1).settings.subwords == longest


def test_much_text_is_told_by_all_of_it_though_its_rows_are_long():
    rows = [f"some usual words of row {i % 7} " * 300 for i in range(600)]
    _, corpus = settled = settle_settings(NgramSettings(), iter(cut(rows, [0, 1] * 300, 50)))
    assert sum(len(block.text) for block in corpus) > sizes.LITTLE_TEXT
    assert settled[0].subwords == 0


def test_a_part_of_a_word_weighs_a_third_of_what_the_word_does(multilingual, tmp_path):
    texts, labels = multilingual
    settings = NgramSettings(
        max_n=1, subwords=3, max_features=0, log_count_ratio=False, use_idf=False, norm="none",
        sublinear_tf=False,
    )  # fmt: skip
    ours, first, _, _ = stream(cut(texts, labels, 100), settings, tmp_path)
    counter = CountVectorizer(
        analyzer=lambda text: [t for t, _ in reference.ngrams(text, settings)], min_df=2
    )
    full = counter.fit_transform(texts)
    place = {name: i for i, name in enumerate(counter.get_feature_names_out())}
    weights = [0.35 if len(name) > 1 and "*" in name else 1.0 for name in ours]
    expected = full[:100][:, [place[n] for n in ours]] @ diags_array(weights)
    assert {0.35, 1.0} == set(weights)
    assert abs(first - expected).max() < 1e-6


def test_ngrams_that_settings_make_longer_stay_so_with_many_classes():
    blocks = cut([f"one two three {i}" for i in range(20)], [*range(20)], 20)
    assert count_ngrams(lambda: blocks, NgramSettings(max_n=3), 0.0, 1).settings.max_n == 3


def test_nothing_is_hashed_before_the_longest_ngram_is_known():
    with pytest.raises(ValueError, match="with_max_n"):
        Hasher(NgramSettings())
