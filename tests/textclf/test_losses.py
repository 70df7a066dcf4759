"""What training minimizes, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from textclf.tensorflow_runtime import load_tensorflow

load_tensorflow(1)

from textclf import losses  # noqa: E402 - after TensorFlow's environment is set
from textclf.losses import CalibratedLoss, MemberLoss  # noqa: E402

LOGITS = np.random.default_rng(1).normal(size=(5, 3, 4)).astype(np.float32) * 3
LABELS = np.array([0, 1, 2, 3, 3])


@pytest.mark.parametrize("margin", [0.0, 2.5])
def test_a_row_of_each_member_is_to_exceed_the_other_classes_by_the_margin(margin: float) -> None:
    lowered = LOGITS.copy()
    lowered[np.arange(5), :, LABELS] -= margin
    own = log_softmax(lowered, axis=2)[np.arange(5), :, LABELS]
    found = MemberLoss(margin).call(LABELS, LOGITS).numpy()
    np.testing.assert_allclose(found, -own.mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("at_once", [256, 1])
def test_the_calibrated_loss_is_that_at_the_best_temperature(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "_CLASSES_AT_ONCE", at_once)
    metric = CalibratedLoss()
    metric.active = True
    for part in (slice(0, 2), slice(2, 5)):
        metric.update_state(LABELS[part], LOGITS[part])
    means = LOGITS.mean(axis=1)

    def loss(temperature: float) -> float:
        return float(-log_softmax(means / temperature, axis=1)[np.arange(5), LABELS].mean())

    best = min(map(loss, 1.15 ** np.arange(-4.0, 21.0)))
    assert metric.result().numpy() == pytest.approx(best, rel=1e-5)
    assert metric.uncalibrated() == pytest.approx(loss(1.0), rel=1e-5)
