"""How long a search may go on, and how much of that it has spent."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .history import History

_NOTE_EVERY = 5.0  # seconds


@dataclass(frozen=True)
class Limits:
    """When a search ends; what it did before a kill counts.

    Attributes:
        trials: Trials in all; None: as many as there is time for.
        seconds: Seconds in all; None: as many as it takes.
        seed: Of the proposals.
    """

    trials: int | None = None
    seconds: float | None = None
    seed: int = 1


class Budget:
    """The seconds and trials of a search, from now on.

    Args:
        limits: When it ends.
        history: Knows what was spent before; told of more.
    """

    def __init__(self, limits: Limits, history: History) -> None:
        self._limits, self._history = limits, history
        self._began, self._before = time.time(), history.spent
        self._noted = self._before

    @property
    def spent(self) -> float:
        """Seconds that the search took so far."""
        return self._before + time.time() - self._began

    @property
    def left(self) -> float:
        """Seconds that it may still take; infinite without a limit."""
        return math.inf if self._limits.seconds is None else self._limits.seconds - self.spent

    def is_spent(self) -> bool:
        """Return whether there is no time or no trial left."""
        trials = self._limits.trials
        return self.left <= 0 or (trials is not None and len(self._history.told()) >= trials)

    def exceeds(self, seconds: float, share: float) -> bool:
        """Return whether so many seconds are more than a share of the whole."""
        return self._limits.seconds is not None and seconds > share * self._limits.seconds

    def note(self) -> None:
        """Put down what is spent."""
        self._history.spent = self._noted = self.spent

    def note_now_and_then(self) -> None:
        """Put it down if a while has passed since: whoever is killed cannot."""
        if self.spent - self._noted >= _NOTE_EVERY:
            self.note()
