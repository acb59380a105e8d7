"""The median of ratios within rounds, with an interval that holds for any distribution: a shared
machine scatters times in no particular way.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple

CONFIDENCE = 0.95


class Median(NamedTuple):
    """A sample's median.

    low, high  sample values enclosing the true median with 95 % confidence; for five values or
               fewer the range of the sample, with less confidence
    """

    value: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def median(values: Iterable[float]) -> Median:
    """The median with a distribution-free interval by order statistics (Conover, Practical
    Nonparametric Statistics, section 3.2).
    """
    ordered = sorted(values)
    # How many values to leave out at either end, and the probability of a median beyond them
    outside, below = 0, 0.0
    limit = (1 - CONFIDENCE) / 2
    while (below := below + math.comb(len(ordered), outside) / 2 ** len(ordered)) <= limit:
        outside += 1
    outside = max(outside - 1, 0)
    return Median(statistics.median(ordered), ordered[outside], ordered[-1 - outside])


def ratios(above: Iterable[float], below: Iterable[float]) -> Median:
    """The median of the rounds' ratios, for two sides that took turns."""
    return median(a / b for a, b in zip(above, below, strict=True))
