"""Temperature scaling: one number that makes a network's confidence honest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fit_temperature(logits: NDArray[np.float32], true: NDArray[np.int32]) -> float:
    """Return the temperature that minimizes the log loss of softmax(logits / temperature).

    Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.

    Args:
        logits: (rows, classes) of rows that were not trained on.
        true: (rows,) classes.
    """
    from scipy.optimize import minimize_scalar

    wide = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        likelihood = scaled[np.arange(len(true)), true] - np.log(np.exp(scaled).sum(axis=1))
        return float(-likelihood.mean())

    if len(true) == 0:
        return 1.0
    # A factor of 20 either way; beyond it, too few rows speak.
    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))
