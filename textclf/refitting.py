"""Which rows a network is trained on in the end: of a small corpus also those held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from textclf.classifier import Classifier
from textclf.layers import Weights, dense_layers
from textclf.ngrams.shards import Shard
from textclf.preparation import Prepared
from textclf.quantization import quantize
from textclf.settings import TrainingSettings
from textclf.sizes import MANY_HELD_OUT


class AllRows(Sequence[Shard]):
    """The shards of the training rows and of those held out, as one.

    Args:
        prepared: The corpus.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._parts = (prepared.train, prepared.validation)
        self.n_classes = prepared.train.n_classes

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @overload
    def __getitem__(self, i: int) -> Shard: ...
    @overload
    def __getitem__(self, i: slice) -> list[Shard]: ...
    def __getitem__(self, i: int | slice) -> Shard | list[Shard]:
        """Return a shard, mapped anew."""
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        train, held_out = self._parts
        i = range(len(self))[i]
        return train[i] if i < len(train) else held_out[i - len(train)]


def rows_to_refit(prepared: Prepared, training: TrainingSettings) -> Sequence[Shard]:
    """Return all rows if a network should be trained on them in the end, else none.

    They are where few are held out: there a twentieth to a fifth more rows took 2 % off the
    errors, and training is short. A learning rate that falls over all epochs would fall otherwise.

    Args:
        prepared: The corpus; its validation rows are some of the training file's.
        training: How it is trained.
    """
    wanted = training.refit and training.schedule == "constant"
    if wanted and 0 < prepared.validation.n_rows < MANY_HELD_OUT:
        return AllRows(prepared)
    return ()


def refitted(judged: Classifier, weights: Weights) -> Classifier:
    """Return a classifier with weights trained once more, stored and calibrated as it was."""
    twin = Classifier(
        judged.labels,
        judged.vectorizer,
        dense_layers(weights),
        judged.temperature,
        judged.class_names,
        judged.columns,
    )
    return quantize(twin, judged.layers[0].stored)
