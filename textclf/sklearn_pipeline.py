"""A trained model as a scikit-learn pipeline: our vectorizer, then scikit-learn's network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelBinarizer

from textclf.api_rows import checked_texts
from textclf.corpus.block import TextBlock
from textclf.corpus.layout import Columns
from textclf.ngrams.vectorizer import Vectorizer, Vocabulary
from textclf.settings import stored_ngrams

if TYPE_CHECKING:
    from textclf.classifier import Classifier


class TextFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns texts into tf-idf rows with a trained vocabulary.

    Args:
        settings: The settings of n-grams as {key: value}.
        vocabulary: The vocabulary's arrays by name.
        columns: The columns that the model was trained on, as `Columns.as_dict`; None: not known.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        vocabulary: dict[str, NDArray[Any]],
        columns: dict[str, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.vocabulary = vocabulary
        self.columns = columns

    def fit(self, X: Any, y: Any = None) -> TextFeatures:
        """Do nothing: the vocabulary is trained."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Sequence[str]) -> sparse.csr_matrix:
        """Return (texts, features) float32, of texts or of a table of them.

        Raises:
            ValueError: As `TextClassifier.predict` does.
        """
        texts = checked_texts(X, Columns.of(self.columns))
        vocabulary = Vocabulary(**self.vocabulary)
        vectorizer = Vectorizer(stored_ngrams(self.settings), vocabulary)
        rows = vectorizer.transform(TextBlock.from_texts(texts))
        shape = (len(rows.indptr) - 1, vocabulary.size)
        return sparse.csr_matrix((rows.data, rows.indices, rows.indptr), shape=shape)


def sklearn_pipeline(classifier: Classifier) -> Pipeline:
    """Return the model as a pipeline whose `predict_proba` takes texts.

    Its classes are sorted as scikit-learn expects.
    """
    vectorizer = classifier.vectorizer
    arrays = {
        f.name: getattr(vectorizer.vocabulary, f.name) for f in dataclasses.fields(Vocabulary)
    }
    columns = classifier.columns.as_dict() if classifier.columns is not None else None
    texts = TextFeatures(dataclasses.asdict(vectorizer.settings), arrays, columns)
    classes, order = np.unique(np.array(classifier.labels), return_index=True)
    kernels = [layer.kernel for layer in classifier.layers]
    biases = [layer.bias for layer in classifier.layers]
    temperature = np.float32(classifier.temperature)
    kernels[-1] = (kernels[-1] / temperature)[:, order]
    biases[-1] = (biases[-1] / temperature)[order]
    if len(classes) == 2:  # scikit-learn's two classes share one output
        kernels[-1] = kernels[-1][:, 1:] - kernels[-1][:, :1]
        biases[-1] = biases[-1][1:] - biases[-1][:1]
    network = _linear(kernels, biases) if len(kernels) == 1 else _layered(kernels, biases, classes)
    network.classes_ = classes
    network.n_features_in_ = kernels[0].shape[0]
    return make_pipeline(texts, network)


def _linear(kernels: list[NDArray[Any]], biases: list[NDArray[Any]]) -> LogisticRegression:
    network = LogisticRegression()
    network.coef_ = np.ascontiguousarray(kernels[0].T)
    network.intercept_ = biases[0]
    network.n_iter_ = np.zeros(1, dtype=np.int32)
    return network


def _layered(
    kernels: list[NDArray[Any]], biases: list[NDArray[Any]], classes: NDArray[Any]
) -> MLPClassifier:
    network = MLPClassifier(hidden_layer_sizes=tuple(len(bias) for bias in biases[:-1]))
    network.coefs_, network.intercepts_ = kernels, biases
    network.n_layers_ = len(kernels) + 1
    network.n_outputs_ = len(biases[-1])
    network.out_activation_ = "logistic" if network.n_outputs_ == 1 else "softmax"
    network._label_binarizer = LabelBinarizer().fit(classes)
    return network
