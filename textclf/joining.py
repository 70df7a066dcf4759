"""Linear support vector machines beside a network: trained at once, weighed, saved as one network.

They err on other rows than the network does: their scores, added to its logits, took 3 % off the
errors on the mean of sixteen sets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.calibration import fit_factors, fit_temperature, take_enough
from textclf.layers import Dense, Floats, Weights, dense_layers, forward, sparse_dense
from textclf.linear_svm import COST, LinearSVM, train_linear_svm
from textclf.metrics import softmax
from textclf.ngrams.vectorizer import Rows
from textclf.parallel import Pool

if TYPE_CHECKING:
    from textclf.ngrams.shards import Shard

# A score is saved as a hidden unit, which is 0 below minus so much: nearly none is lower.
_REACH = np.float32(3.0)
# A log loss, which machines are not trained for, leaves them less weight than the fewest errors do:
# with twice as much there were 0.4 % to 1 % fewer on the mean of 42 sets.
_MORE = 2.0
# What a row's loss may cost: more, where rows of a class are much alike. On the mean of 42 sets the
# better of two made 1 % fewer errors than the first alone, and 3 % fewer on pages of manuals; of
# more rows there is less to gain, and it takes its time.
_COSTS, _MOST_ROWS = (COST, 4 * COST), 200_000
_POLL = 0.1  # seconds


def fit_svm_weight(weights: Weights, svm: LinearSVM, validation: Sequence[Shard]) -> float:
    """Return the weight of the machines' scores at which the sum with the logits fits best.

    What fits is said by `calibration.fit_factors`; the scores then get twice as much.

    Args:
        weights: Of the network.
        svm: The machines.
        validation: Rows that neither was trained on; without any, the weight is 2.
    """
    layers = dense_layers(weights)

    parts = Rows.parts(validation, len(svm.bias))
    found = take_enough((forward(rows, layers), _scores(svm, rows), true) for rows, true in parts)
    if not sum(len(true) for _, _, true in found):
        return _MORE
    logits, scores, true = (np.concatenate(each) for each in zip(*found, strict=True))
    of_network, of_machines = fit_factors([logits, scores], true)
    return float(_MORE * of_machines / of_network)


def _scores(svm: LinearSVM, rows: Rows) -> Floats:
    """Return (rows, classes) scores, as the joined network knows them."""
    return np.maximum(sparse_dense(rows, svm.kernel, svm.bias), -_REACH)


def train_best_svm(
    parts: Sequence[Sequence[Shard]], validation: Sequence[Shard], n_classes: int, **how: Any
) -> list[LinearSVM]:
    """Train machines on each part, at the cost that suits the validation rows best.

    Of few rows to train on, two costs are tried on the first part.

    Args:
        parts: The rows to train on; none of the first part's are validation rows.
        validation: Rows that tell; without any, the first cost is taken.
        n_classes: Classes.
        how: As for `train_linear_svm`.

    Raises:
        OSError: As that does.
    """
    first, *others = parts
    few = sum(len(first[i].y) for i in range(len(first))) <= _MOST_ROWS
    costs = _COSTS if few else _COSTS[:1]
    tried = train_linear_svm(first, n_classes, costs=costs, **how)
    best = min(range(len(tried)), key=lambda i: _log_loss(tried[i], validation))
    taken = costs[: best + 1]
    return [
        tried[best],
        *(train_linear_svm(part, n_classes, costs=taken, **how)[-1] for part in others),
    ]


def _log_loss(svm: LinearSVM, validation: Sequence[Shard]) -> float:
    """Return the mean log loss of the scores at the temperature that suits them; 0 of no rows."""
    parts = Rows.parts(validation, len(svm.bias))
    found = take_enough((_scores(svm, rows), true) for rows, true in parts)
    if not sum(len(true) for _, true in found):
        return 0.0
    scores, true = (np.concatenate(each) for each in zip(*found, strict=True))
    cooled = np.divide(scores, fit_temperature(scores, true), dtype=np.float32)
    likely = softmax(cooled)[np.arange(len(true)), true]
    return float(-np.log(np.maximum(likely, np.finfo(np.float32).tiny)).mean())


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
        parts: As for `train_best_svm`; so are the next two.
        validation: Shards.
        n_classes: Classes.
        seed: Seed of the order of rows.
        class_weight: (classes,) what rows cost.
        work: Folder for what waits on disk.
    """

    def __init__(
        self,
        parts: Sequence[Sequence[Shard]],
        validation: Sequence[Shard],
        n_classes: int,
        *,
        seed: int,
        class_weight: Floats | None,
        work: Path | None,
    ) -> None:
        self._stop = threading.Event()
        self._pool = Pool(1)
        self._found: Future[list[LinearSVM]] = self._pool.submit(
            train_best_svm, parts, validation, n_classes,
            seed=seed, class_weight=class_weight, should_stop=self._stop.is_set, work=work,
        )  # fmt: skip

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
            if not wait([self._found], _POLL).not_done:
                break
            if not whole:
                raise MemoryError("a thread has died")
            if should_stop():
                return None
        return self._pool.result(self._found)
