"""Whether settings are better than others by more than chance."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How often settings that are no better may seem so: as often as two standard errors are exceeded.
CHANCE = 0.0227


def clearly_better(figures: Mapping[str, Any], others: Mapping[str, Any], tried: int = 1) -> bool:
    """Return whether settings got more of the same rows right than chance would let them.

    Of the rows that only one of both got right (McNemar 1947), the difference must be so many
    standard errors as chance seldom makes of the best of all that were tried (Dunn 1961, Multiple
    Comparisons among Means): 2.0 of one, 2.8 of ten, 3.5 of a hundred.

    Args:
        figures: What `worker.measure` said of them.
        others: What it said of those that they are compared to.
        tried: Settings of which these are the best.
    """
    if (figures["rows"], figures["order"]) != (others["rows"], others["order"]):
        return False
    right, right_before = (_bits(f) for f in (figures, others))
    gained = int(np.count_nonzero(right & ~right_before))
    lost = int(np.count_nonzero(right_before & ~right))
    errors = NormalDist().inv_cdf(1 - CHANCE / max(1, tried))
    return gained - lost > errors * math.sqrt(gained + lost)


def _bits(figures: Mapping[str, Any]) -> NDArray[np.bool_]:
    packed = np.frombuffer(base64.b64decode(figures["right"]), np.uint8)
    return np.unpackbits(packed, count=figures["rows"]).astype(bool)
