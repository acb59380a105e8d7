"""The median of the rounds' ratios and how sure it is, whatever distribution a shared machine makes
of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple

CONFIDENCE = 0.95


class Median(NamedTuple):
    """low … high: values of the sample between which the median lies with 95 % confidence; of five
    values or fewer their range, which holds it with less.
    """

    value: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def median(values: Iterable[float]) -> Median:
    """With the distribution-free interval by order statistics (Conover, Practical Nonparametric
    Statistics, section 3.2).
    """
    found = sorted(values)
    outside, below = (
        0,
        0.0,
    )  # how many values to leave out at each end, and the chance that the median lies beyond them
    while (below := below + math.comb(len(found), outside) / 2 ** len(found)) <= (
        1 - CONFIDENCE
    ) / 2:
        outside += 1
    outside = max(outside - 1, 0)
    return Median(statistics.median(found), found[outside], found[-1 - outside])


def ratios(above: Iterable[float], below: Iterable[float]) -> Median:
    """Of two sides that took turns: the median of each round's ratio."""
    return median(a / b for a, b in zip(above, below, strict=True))
