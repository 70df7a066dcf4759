"""The Python interface: a scikit-learn classifier of texts.

>>> from textclf import TextClassifier
>>> words = {"food": ["soup", "bread", "dinner"], "sport": ["goal", "match", "team"]}
>>> rows = [(f"{w} number {i}", k) for k in words for w in words[k] for i in range(60)]
>>> texts, labels = zip(*rows)
>>> model = TextClassifier(epochs=5, batch_size=16, learning_rate=0.01).fit(texts, labels)
>>> model.predict(["soup for dinner", "what a goal"]).tolist()
['food', 'sport']
>>> model.classes_.tolist()
['food', 'sport']
>>> model.predict_proba(["soup"]).shape
(1, 2)

Or a file, such as that of the sample that comes with the package:

>>> from textclf import datasets
>>> sample = datasets.fetch(datasets.find("sample"))
>>> model = TextClassifier(epochs=2).fit(sample.train)
>>> model.predict(["I was charged twice for the same order"]).tolist()
['billing']
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from textclf.api_rows import (
    WRITTEN,
    checked_blocks,
    checked_texts,
    repeated,
    table_columns,
    width,
    write_rows,
)
from textclf.classifier import Classifier
from textclf.corpus.block import TextBlock
from textclf.corpus.layout import Columns, CorpusFormat
from textclf.errors import ConfigError, DataError, interruption
from textclf.job import TrainingFiles
from textclf.settings import PRESETS, SECTIONS, Settings, resolve

if TYPE_CHECKING:
    from sklearn.utils import Tags

Block: TypeAlias = "TextBlock | tuple[Sequence[str], Sequence[Any]]"

_AT_ONCE = 4096  # texts vectorized at once


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multi-layer perceptron on tf-idf of n-grams: texts in, labels out.

    It trains as `textclf train` does: with the same settings, seed and rows it is the same model.
    Texts are written to a temporary folder and read from there, so memory stays bounded. It can be
    pickled, which `GridSearchCV(n_jobs=2)` needs; to keep a model, use `save`, whose folder holds
    no code.

    >>> model = TextClassifier(preset="guide", max_n=3)
    >>> model.resolved_settings().ngrams.max_n
    3
    >>> model.predict(["a text"])
    Traceback (most recent call last):
    sklearn.exceptions.NotFittedError: This TextClassifier instance is not fitted yet. ...

    Args:
        preset: Settings to start from: `default`, or `guide`.
        analyzer: `word`, `char` or `char_wb`; like all that follow, None is the preset's.
        tokens: What a word is: `words+punctuation`, or `words`.
        min_n: Shortest n-gram.
        max_n: Longest n-gram.
        affixes: Whether words also count by their first five characters and their last three.
        min_df: Least number of training rows an n-gram must occur in.
        max_features: Number of n-grams kept; 0 keeps all.
        sublinear_tf: Whether tf becomes 1 + ln(tf).
        layers: Layers of the network, the output included; 1 is a linear model.
        units: Units of each hidden layer.
        members: Networks trained side by side and averaged into one.
        input_dropout: Share of the input features dropped in training.
        dropout: Share of the hidden units dropped in training.
        batch_size: Rows a batch.
        epochs: Most epochs.
        patience: Epochs without a better validation loss before training stops.
        learning_rate: The optimizer's learning rate.
        validation_split: Share of the rows held out for early stopping and calibration.
        class_weight: `balanced` weighs classes alike; None leaves them as they are.
        random_state: Seed of the split, the shuffles, the initial weights and dropout.
        settings: Any other settings as {section: {key: value}}, see `textclf.settings`.

    Attributes:
        classes_: (classes,) the labels, sorted.
        classifier_: The trained model.
        history_: Figures of each epoch; not there in a loaded model.
    """

    _width: int | None = None  # columns of the table that it was trained on, if it was one

    def __init__(
        self,
        *,
        preset: str = "default",
        analyzer: str | None = None,
        tokens: str | None = None,
        min_n: int | None = None,
        max_n: int | None = None,
        affixes: bool | None = None,
        min_df: int | None = None,
        max_features: int | None = None,
        sublinear_tf: bool | None = None,
        layers: int | None = None,
        units: int | None = None,
        members: int | None = None,
        input_dropout: float | None = None,
        dropout: float | None = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        learning_rate: float | None = None,
        validation_split: float | None = None,
        class_weight: str | None = None,
        random_state: int | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.preset = preset
        self.analyzer = analyzer
        self.tokens = tokens
        self.min_n = min_n
        self.max_n = max_n
        self.affixes = affixes
        self.min_df = min_df
        self.max_features = max_features
        self.sublinear_tf = sublinear_tf
        self.layers = layers
        self.units = units
        self.members = members
        self.input_dropout = input_dropout
        self.dropout = dropout
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.validation_split = validation_split
        self.class_weight = class_weight
        self.random_state = random_state
        self.settings = settings

    def resolved_settings(self) -> Settings:
        """Return every setting that `fit` trains with.

        Raises:
            ConfigError: If a parameter has a value that it cannot have.
        """
        if not isinstance(self.settings or {}, Mapping):
            raise ConfigError("settings are no mapping", remedy="give {section: {key: value}}")
        if self.preset not in PRESETS:
            raise ValueError(f"there is no preset {self.preset!r}; there are {', '.join(PRESETS)}")
        given = self.get_params(deep=False) | {"seed": self.random_state}
        own: dict[str, dict[str, Any]] = {}
        for section, kind in SECTIONS.items():
            keys = (key for key in kind.__dataclass_fields__ if given.get(key) is not None)
            own[section] = {key: _plain(given[key]) for key in keys}
        return resolve(
            [
                ("preset", PRESETS[self.preset]),
                ("settings", self.settings or {}),
                ("TextClassifier", own),
            ]
        )

    def fit(
        self,
        X: Sequence[str] | str | Path | Iterable[Block],
        y: Sequence[Any] | None = None,
        *,
        format: CorpusFormat | None = None,
    ) -> TextClassifier:
        """Train a model.

        Args:
            X: Texts, or a table of columns of them; or, with `y` left out, the path of a labelled
                file that `textclf train` reads, or blocks of rows: (texts, labels) pairs, which
                need not fit in memory.
            y: Their labels.
            format: How the file is laid out; by default that is detected.

        Raises:
            ValueError: If texts and labels do not fit each other, are not such, or cannot be
                trained on.
            DataError: If a file's rows cannot be trained on.

        >>> greetings = [("bonjour à tous", "fr"), ("good morning all", "en")]
        >>> pairs = [(f"{text} {i}", label) for i in range(100) for text, label in greetings]
        >>> batches = ([*zip(*pairs[i : i + 50])] for i in range(0, 200, 50))
        >>> model = TextClassifier(epochs=2, batch_size=8).fit(batches)
        >>> model.predict(["bonjour", "good morning"]).tolist()
        ['fr', 'en']
        """
        settings, columns = self.resolved_settings(), table_columns(X)
        if columns and (name := repeated(columns.names.values())) is not None:
            raise ValueError(f"X has several columns {name!r}: give each a name of its own")
        with tempfile.TemporaryDirectory(prefix="textclf-") as folder:
            work = Path(folder)
            rows = work / "rows.jsonl"
            if y is None and isinstance(X, (str, Path)):
                files = TrainingFiles((str(X),), format=format or CorpusFormat())
                names: dict[str, Any] | None = None
            elif isinstance(X, (str, Path)):
                raise ValueError("y is given, but X is one string: give a sequence of texts")
            else:
                names = write_rows(rows, checked_blocks(X, y))
                files = TrainingFiles((str(rows),), format=WRITTEN)
            try:
                with _interruptible():
                    self.classifier_, self.history_ = _train(files, settings, work)
                if names is not None:
                    if columns is None and y is not None and (n := width(X)) > 1:
                        columns = Columns(n, None, tuple(range(n)), {})
                    self.classifier_.columns = columns  # not those of our own file
                self._width = width(X) if y is not None else None
            except DataError as error:
                if names is None:
                    raise
                where = error.where.replace(str(rows), "the texts")
                raise ValueError(f"{where}: {error.what}") from error
        labels = self.classifier_.labels
        self._take_classes(labels if names is None else [names[label] for label in labels])
        return self

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, classes) probabilities; the classes are in the order of `classes_`.

        Of a table, the columns that the model was trained on are taken by their names.

        Raises:
            ValueError: If it is neither texts nor a table of them, or lacks one of these columns.
        """
        check_is_fitted(self, "classifier_")
        texts = checked_texts(X, self.classifier_.columns, self._width)
        starts = range(0, len(texts), _AT_ONCE)
        blocks = (TextBlock.from_texts(texts[i : i + _AT_ONCE]) for i in starts)
        with _interruptible():
            found = [p for _, p in self.classifier_.predict_blocks(blocks)]
        empty = np.empty((0, len(self.classes_)), dtype=np.float32)
        return np.asarray(np.concatenate([empty, *found])[:, self._order])

    def predict(self, X: Sequence[str]) -> NDArray[Any]:
        """Return (texts,) the most probable label of each text."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def save(self, path: str | Path) -> None:
        """Write the model into a new folder, from which the command can use it too.

        Raises:
            FileExistsError: If the folder exists.
        """
        check_is_fitted(self, "classifier_")
        self.classifier_.save(Path(path))

    @classmethod
    def load(cls, path: str | Path) -> TextClassifier:
        """Load a model from its folder, or that of its run; labels come back as strings.

        Raises:
            DataError: If it is no model, or is damaged.

        >>> folder = Path(tempfile.mkdtemp()) / "model"
        >>> texts = [f"{animal} {i}" for i in range(100) for animal in ("cat", "dog")]
        >>> TextClassifier(epochs=1).fit(texts, [0, 1] * 100).save(folder)
        >>> TextClassifier.load(folder).classes_.tolist()
        ['0', '1']
        """
        model = cls()
        model.classifier_ = Classifier.load(path)
        model._take_classes(model.classifier_.labels)
        return model

    def _take_classes(self, labels: Sequence[Any]) -> None:
        """Sort the classes, which scikit-learn expects, and note where each is in the model."""
        self.classes_, self._order = np.unique(np.array(labels), return_index=True)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        tags.non_deterministic = False
        return tags


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have Ctrl-C end what is within also while a kernel runs, which numba calls a SystemError."""
    try:
        yield
    except SystemError as error:
        if interruption(error) is None:
            raise
        raise KeyboardInterrupt from error


def _train(
    files: TrainingFiles, settings: Settings, work: Path
) -> tuple[Classifier, list[dict[str, float]]]:
    """Train as the command does, without leaving a run."""
    from textclf.finishing import finish
    from textclf.preparation import Stopwatch, prepare
    from textclf.progress import silent
    from textclf.refitting import rows_to_refit
    from textclf.tensorflow_runtime import preload
    from textclf.training import fit

    preload(settings.training.threads)
    prepared = prepare(files, settings, work, Stopwatch(), silent)
    result = fit(
        prepared.train,
        prepared.validation,
        settings.network,
        settings.training,
        seed=settings.training.seed,
        all_rows=rows_to_refit(prepared, settings.training),
    )
    return finish(prepared, result, settings.output.weights).classifier, result.history


def _plain(value: Any) -> Any:
    """Return numpy's scalars, which a parameter search gives, as Python's."""
    return value.item() if isinstance(value, np.generic) else value
