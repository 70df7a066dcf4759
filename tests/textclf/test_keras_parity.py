"""The saved model without TensorFlow says what Keras says."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from textclf.classifier import Classifier
from textclf.corpus.block import TextBlock
from textclf.layers import Dense
from textclf.metrics import softmax
from textclf.ngrams.matrix import choose_vocabulary, count_ngrams
from textclf.ngrams.vectorizer import Vectorizer
from textclf.settings import NetworkSettings, NgramSettings


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_predictions_equal_those_of_keras(layers, multilingual):
    from textclf.tensorflow_runtime import load_tensorflow

    load_tensorflow()
    from textclf.network import build_network
    from textclf.sparse_batches import SparseEncoder
    from textclf.weights import named_weights

    texts, labels = multilingual
    block = TextBlock.from_texts(texts, np.array(labels, np.int32))
    ngrams = NgramSettings(max_n=3, max_features=500)
    survey = count_ngrams(lambda: [block], ngrams, 0.0, 1)
    vectorizer = Vectorizer(ngrams, choose_vocabulary(lambda: [block], survey))
    shape = NetworkSettings(layers=layers, units=16, members=3, dropout=0.5)
    network = build_network(500, 4, shape, seed=3)
    arrays = [array for _, array in named_weights(network)]
    dense = [Dense(k, b) for k, b in zip(arrays[::2], arrays[1::2], strict=True)]
    classifier = Classifier(list("abcd"), vectorizer, dense)

    rows = vectorizer.transform(block)
    matrix = csr_matrix((rows.data, rows.indices, rows.indptr), shape=(len(texts), 500))
    by_keras = network(SparseEncoder(500)(matrix), training=False).numpy().mean(axis=1)
    np.testing.assert_allclose(classifier.logits(rows), by_keras, atol=1e-5)
    np.testing.assert_allclose(classifier.predict_proba(texts), softmax(by_keras), atol=1e-5)
