"""Contributions sum to what they explain, and are what the definition says."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textclf.corpus.block import TextBlock
from textclf.explanation import class_ngrams, explain, mean_gradient
from textclf.highlighting import highlights
from textclf.layers import Dense
from textclf.settings import NgramSettings

DEPTHS = [(), (8,), (16, 5), (7, 6, 5)]


@pytest.fixture(scope="module", params=DEPTHS, ids=str)
def classifier(request, make_model):
    return make_model(request.param)


def test_contributions_sum_to_the_difference_from_the_empty_text(classifier, themes):
    for text in themes[0][:30]:
        found = explain(classifier, text)
        expected = found.logits - found.empty_logits
        np.testing.assert_allclose(found.contributions.sum(axis=0), expected, atol=2e-5)


def test_an_explanation_agrees_with_the_prediction(classifier, themes):
    found = explain(classifier, themes[0][0])
    np.testing.assert_allclose(found.probabilities, classifier.predict_proba(themes[0][:1])[0])
    assert found.label == classifier.predict(themes[0][:1])[0]


def test_contributions_are_integrated_gradients(classifier, themes):
    """A Riemann sum of numerical gradients along the line from the empty text."""
    text = themes[0][1]
    found = explain(classifier, text)
    rows = classifier.vectorizer.transform(TextBlock.from_texts([text]))
    kernels = [
        (layer.kernel.astype(float), layer.bias.astype(float)) for layer in classifier.layers
    ]

    def logits(x):
        for i, (kernel, bias) in enumerate(kernels):
            x = (np.maximum(x, 0) if i else x) @ kernel + bias
        return x / classifier.temperature

    values = rows.data.astype(float)
    kernels[0] = (kernels[0][0][rows.indices], kernels[0][1])
    steps, size = 400, 1e-6
    total = np.zeros((len(values), 3))
    for place in (np.arange(steps) + 0.5) / steps:
        for j in range(len(values)):
            nudge = np.zeros(len(values))
            nudge[j] = size
            change = logits(place * values + nudge) - logits(place * values - nudge)
            total[j] += values[j] * change / (2 * size) / steps
    np.testing.assert_allclose(found.contributions, total, atol=5e-3)


def test_of_a_linear_model_a_contribution_is_weight_times_value(make_model, themes):
    classifier = make_model()
    rows = classifier.vectorizer.transform(TextBlock.from_texts(themes[0][:1]))
    expected = rows.data[:, None] * classifier.layers[0].kernel[rows.indices] / 1.2
    np.testing.assert_allclose(explain(classifier, themes[0][0]).contributions, expected, rtol=1e-5)


@pytest.mark.parametrize("text", ["", "qqqq zzzz"])
def test_a_text_without_known_ngrams_has_no_contributions(classifier, text):
    found = explain(classifier, text)
    assert found.ngrams == []
    assert found.contributions.shape == (0, 3)
    np.testing.assert_array_equal(found.logits, found.empty_logits)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_the_mean_gradient_accounts_for_the_whole_change(seed, widths):
    random = np.random.default_rng(seed)
    layers = [Dense(random.normal(size=(a, b)), random.normal(size=b)) for a, b in pairwise(widths)]
    start, change = random.normal(size=widths[0]), 3 * random.normal(size=widths[0])

    def output(x):
        for layer in layers:
            x = np.maximum(x, 0) @ layer.kernel + layer.bias
        return x

    expected = output(start + change) - output(start)
    found = change @ mean_gradient(start, change, layers)
    np.testing.assert_allclose(found, expected, atol=1e-9 * (1 + np.abs(expected).max()))


def test_the_words_of_a_class_speak_for_it(make_model):
    found = class_ngrams(make_model(), 5)
    assert "soup" in [c.ngram for c in class_ngrams(make_model(), 10)["food"]]
    assert list(found) == ["food", "music", "sport"]
    values = [c.value for c in found["sport"]]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)


def test_looked_at_part_by_part_the_same_ngrams_speak_most(classifier, monkeypatch):
    whole = class_ngrams(classifier, 6)
    monkeypatch.setattr("textclf.explanation._COLUMNS", 7)
    parts = class_ngrams(classifier, 6)
    for label in classifier.labels:
        assert [c.ngram for c in parts[label]] == [c.ngram for c in whole[label]]


@pytest.mark.parametrize("hidden", [(), (8,), (16, 5)])
def test_an_ngram_speaks_as_a_text_of_it_alone_does(make_model, hidden):
    # With boundaries, a word alone would be the first and the last as well.
    classifier = make_model(hidden, settings=NgramSettings(max_n=3, boundaries=False))
    found = class_ngrams(classifier, 300)
    empty = explain(classifier, "").logits
    for label, place in (("food", 0), ("sport", 2)):
        # Not a pair, and too short to count by its beginning and end.
        alone = [c for c in found[label] if explain(classifier, c.ngram).ngrams == [c.ngram]]
        assert alone
        for c in alone[:20]:
            change = explain(classifier, c.ngram).logits - empty
            assert c.value == pytest.approx(change[place] - change.mean(), abs=1e-4)


def test_the_top_are_the_largest_of_either_sign(classifier, themes):
    found = explain(classifier, themes[0][2])
    values = [abs(c.value) for c in found.top("music", 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(np.abs(found.contributions[:, 1]).max())


WAYS = [
    NgramSettings(max_n=3),
    NgramSettings(tokens="words", max_n=3, boundaries=False),
    NgramSettings(analyzer="char", min_n=2, max_n=4),
    NgramSettings(analyzer="char_wb", min_n=2, max_n=3),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.analyzer}-{way.tokens}")
def test_highlights_are_the_text_and_share_out_every_contribution(make_model, themes, way):
    classifier = make_model((6,), settings=way)
    for text in [*themes[0][:20], "SOUP, soup;  Soup bread!", "Soup\x1fthe bread.", ""]:
        found = explain(classifier, text)
        pieces = highlights(found, "food", way)
        assert "".join(piece for piece, _ in pieces) == text
        total = found.contributions[:, 0].sum()
        assert sum(weight for _, weight in pieces) == pytest.approx(total, abs=1e-6)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=100)
def test_highlights_keep_any_text(text):
    from types import SimpleNamespace

    found = SimpleNamespace(
        text=text, labels=["a"], ngrams=["a", "0", "."], contributions=np.ones((3, 1))
    )
    for way in WAYS:
        assert "".join(piece for piece, _ in highlights(found, "a", way)) == text


def test_a_byte_that_is_no_text_is_explained_as_it_is_predicted(classifier):
    found = explain(classifier, "guitar song caf\udce9")
    assert found.text == "guitar song caf\ufffd"
    pieces = highlights(found, found.label, classifier.vectorizer.settings)
    assert "".join(piece for piece, _ in pieces) == found.text
