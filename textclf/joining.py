"""Linear support vector machines beside a network: trained at once, weighed, saved as one network.

They err on other rows than the network does: their scores, added to its logits, took 3 % off the
errors on the mean of sixteen sets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textclf.layers import Dense, Floats, Weights, dense_layers, forward, sparse_dense
from textclf.linear_svm import LinearSVM, train_linear_svm
from textclf.parallel import Pool

if TYPE_CHECKING:
    from textclf.ngrams.shards import Shard

# A score is saved as a hidden unit, which is 0 below minus so much: nearly none is lower.
_REACH = np.float32(3.0)
# A log loss, which machines are not trained for, leaves them less weight than the fewest errors do:
# with half as much again there were 0.5 % fewer on the mean of sixteen sets.
_MORE = 1.5
_POLL = 0.1  # seconds


def fit_svm_weight(weights: Weights, svm: LinearSVM, validation: Sequence[Shard]) -> float:
    """Return the weight of the machines' scores at which the sum with the logits fits best.

    As with `calibration.fit_temperature`, what is minimized is the rows' log loss at the
    temperature that suits them; and where rows are few, it counts that logits and scores are
    expected to weigh the same. The scores then get half as much again.

    Args:
        weights: Of the network.
        svm: The machines.
        validation: Rows that neither was trained on; without any, the weight is 1.5.
    """
    from scipy.optimize import minimize

    from textclf.ngrams.vectorizer import Rows

    layers, found = dense_layers(weights), []
    for shard in validation:
        rows = Rows(shard.x.indptr, shard.x.indices, shard.x.data)
        scores = np.maximum(sparse_dense(rows, svm.kernel, svm.bias), -_REACH)
        found.append((forward(rows, layers), scores, np.array(shard.y)))
    if not sum(len(true) for _, _, true in found):
        return _MORE
    logits, scores, true = (np.concatenate(parts) for parts in zip(*found, strict=True))
    rows_of_true = np.arange(len(true)), true

    def loss(logarithms: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        temperature, weight = np.exp(logarithms)
        cooled, weighed = logits / temperature, weight * scores
        both = cooled + weighed
        both -= both.max(axis=1, keepdims=True)
        chances = np.exp(both)
        sums = chances.sum(axis=1, keepdims=True)
        likelihood = both[rows_of_true] - np.log(sums[:, 0])
        chances /= sums
        chances[rows_of_true] -= 1.0
        slope = np.array([-(chances * cooled).sum(), (chances * weighed).sum()])
        total = (logarithms**2).sum() / 2 - likelihood.sum()
        return float(total) / len(true), (logarithms + slope) / len(true)

    bounds = [(-3.0, 5.0), (-6.0, 3.0)]
    best = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds)
    return _MORE * float(np.exp(best.x.sum()))


def join(weights: Weights, svm: LinearSVM, weight: float) -> Weights:
    """Return one network that adds the machines' scores, weighed, to the logits of another.

    A machine is a hidden unit more, which says how far above -3 a row's score is: next to none is
    below. So logits are larger by the same for all classes, of which probabilities take no notice.
    Without hidden layers the kernels are added, and no score is cut.

    Args:
        weights: Of the other network.
        svm: The machines.
        weight: That of their scores.
    """
    pairs = [(weights[i], weights[i + 1]) for i in range(0, len(weights), 2)]
    units, share = len(svm.bias), np.float32(weight)
    joined: Weights = []
    for i, ((kernel_name, kernel), (bias_name, bias)) in enumerate(pairs):
        if len(pairs) == 1:
            kernel, bias = kernel + share * svm.kernel, bias + share * svm.bias
        elif i == 0:
            kernel = np.hstack((kernel, svm.kernel))
            bias = np.concatenate((bias, svm.bias + _REACH))
        elif i == len(pairs) - 1:
            kernel = np.vstack((kernel, share * np.eye(units, dtype=np.float32)))
        else:
            kernel, bias = _pass_on(kernel, units), np.pad(bias, (0, units))
        joined += [(kernel_name, kernel), (bias_name, bias)]
    return joined


def network_of(layers: Sequence[Dense]) -> list[Dense]:
    """Return the network that `join` made these layers of, with hidden ones, and machines."""
    last, found = len(layers) - 1, []
    classes = len(layers[last].bias)
    for i, layer in enumerate(layers):
        rows = slice(None) if i == 0 else slice(-classes)
        columns = slice(None) if i == last else slice(-classes)
        found.append(Dense(layer.kernel[rows, columns], layer.bias[columns]))
    return found


def _pass_on(kernel: Floats, units: int) -> Floats:
    """Return a kernel that leaves more units, which are never negative, as they are."""
    wider = np.pad(kernel, ((0, units), (0, units)))
    wider[-units:, -units:] = np.eye(units, dtype=np.float32)
    return wider


class SVMBeside:
    """Trains support vector machines on a thread, while TensorFlow is imported and trains.

    Args:
        parts: The rows of each; the same arguments serve all.
        n_classes: Classes.
        seed: Seed of the order of rows.
        class_weight: (classes,) what rows cost.
        work: Folder for what waits on disk.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[Shard]],
        n_classes: int,
        *,
        seed: int,
        class_weight: Floats | None,
        work: Path | None,
    ) -> None:
        self._stop = threading.Event()
        self._pool = Pool(1)
        self._found: list[Future[LinearSVM]] = [
            self._pool.submit(
                train_linear_svm,
                part,
                n_classes,
                seed=seed,
                class_weight=class_weight,
                should_stop=self._stop.is_set,
                work=work,
            )
            for part in parts
        ]

    def close(self) -> None:
        """Have the machines stop, and end the thread."""
        self.hurry()
        self._pool.shutdown(cancel_futures=True)

    def hurry(self) -> None:
        """Have the machines stop after the shard that they are at."""
        self._stop.set()

    def wait(self, should_stop: Callable[[], bool]) -> list[LinearSVM] | None:
        """Return the machines of each part; None if `should_stop` said so first.

        Raises:
            OSError: If rows could not be read, or what waits on disk could not be written.
            MemoryError: If the thread has died without a word.
        """
        while True:
            whole = self._pool.whole()  # looked at first, as in `Pool.result`
            if not wait(self._found, _POLL).not_done:
                break
            if not whole:
                raise MemoryError("a thread has died")
            if should_stop():
                return None
        return [self._pool.result(found) for found in self._found]
