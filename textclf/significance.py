"""Whether two models differ on the same rows: McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 25  # rows below which the chi-squared approximation is poor


@dataclass
class McNemar:
    """Counts rows that one model has right and the other wrong; the rest say nothing.

    McNemar 1947, Note on the sampling error of the difference between correlated proportions.

    Attributes:
        only_first: Rows that the first model alone has right.
        only_second: Rows that the second model alone has right.
    """

    only_first: int = 0
    only_second: int = 0

    def add(self, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> None:
        """Count rows, by whether each model has them right."""
        self.only_first += int(np.count_nonzero(first & ~second))
        self.only_second += int(np.count_nonzero(second & ~first))

    @property
    def exact(self) -> bool:
        """Whether the p-value is the binomial one, for few rows."""
        return self.only_first + self.only_second < _FEW

    @property
    def p_value(self) -> float:
        """Probability of such a difference or a larger one if the models were equally good."""
        from scipy.stats import binomtest, chi2

        rows = self.only_first + self.only_second
        if rows == 0:
            return 1.0
        if self.exact:
            return float(binomtest(self.only_first, rows).pvalue)
        # With Edwards' correction for continuity; equal counts differ by nothing.
        difference = max(0, abs(self.only_first - self.only_second) - 1)
        return float(chi2.sf(difference**2 / rows, 1))

    def as_dict(self) -> dict[str, Any]:
        """Return everything as what JSON can say."""
        return {
            "only_this": self.only_first,
            "only_other": self.only_second,
            "p_value": self.p_value,
            "test": "exact" if self.exact else "chi-squared with continuity correction",
        }
