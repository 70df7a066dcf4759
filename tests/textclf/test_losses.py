"""What training minimizes, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from textclf.tensorflow_runtime import load_tensorflow

load_tensorflow(1)

from textclf.losses import MemberLoss  # noqa: E402 - after TensorFlow's environment is set

LOGITS = np.random.default_rng(1).normal(size=(5, 3, 4)).astype(np.float32) * 3
LABELS = np.array([0, 1, 2, 3, 3])


@pytest.mark.parametrize("margin", [0.0, 2.5])
def test_a_row_of_each_member_is_to_exceed_the_other_classes_by_the_margin(margin: float) -> None:
    lowered = LOGITS.copy()
    lowered[np.arange(5), :, LABELS] -= margin
    own = log_softmax(lowered, axis=2)[np.arange(5), :, LABELS]
    found = MemberLoss(margin).call(LABELS, LOGITS).numpy()
    np.testing.assert_allclose(found, -own.mean(axis=1), rtol=1e-5)


def test_without_a_margin_it_is_never_more() -> None:
    plain, strict = (MemberLoss(margin).call(LABELS, LOGITS).numpy() for margin in (0.0, 2.5))
    assert (plain < strict).all()
