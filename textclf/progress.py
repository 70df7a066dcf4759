"""How long jobs tell their caller how far they are, and learn that they should stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """How far a stage of a job is.

    Attributes:
        stage: `count`, `score`, `vectorize`, `train`, `evaluate`, ...
        done: Units done: rows, or for `train` steps.
        total: Units in all; None while that is not known.
        figures: Named figures to show, such as the loss.
    """

    stage: str
    done: int
    total: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


Report = Callable[[Progress], None]
OnEpoch = Callable[[Mapping[str, float]], None]  # told each epoch's figures


def silent(_: Progress) -> None:
    """Report to nobody."""
