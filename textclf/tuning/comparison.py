"""Whether settings are better than others by more than chance."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Standard errors by which settings must be better than those that the search started from.
CONFIDENCE = 2.0


def clearly_better(figures: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Return whether settings got more of the same rows right than chance would let them.

    Of the rows that only one of both got right (McNemar 1947), the difference must be more than
    two standard errors.

    Args:
        figures: What `worker.measure` said of them.
        others: What it said of those that they are compared to.
    """
    if (figures["rows"], figures["order"]) != (others["rows"], others["order"]):
        return False
    right, right_before = (_bits(f) for f in (figures, others))
    gained = int(np.count_nonzero(right & ~right_before))
    lost = int(np.count_nonzero(right_before & ~right))
    return gained - lost > CONFIDENCE * math.sqrt(gained + lost)


def _bits(figures: Mapping[str, Any]) -> NDArray[np.bool_]:
    packed = np.frombuffer(base64.b64decode(figures["right"]), np.uint8)
    return np.unpackbits(packed, count=figures["rows"]).astype(bool)
