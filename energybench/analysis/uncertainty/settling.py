"""Whether a series (the power of one stretch after another, run times) has come to rest. Pure.

Two rules, either is enough:
- The last quarter of the values, three at least, lies within 2 %. 2 % is the scatter that `run`
  stops at by default, so what is left of the warm-up is below what the repeats are asked to
  resolve; three, because two may agree on a turning point; a quarter, because a slow approach
  changes little over any three values: of one that is exponential some 5 time constants pass, and
  less than 1 % is left of it.
- Of a series that scatters by more: the two halves of its last part differ by less than twice the
  standard error of that difference (Geweke, "Evaluating the accuracy of sampling-based approaches
  to calculating posterior moments", 1992: means of an early and a late stretch of a series agree
  once it is stationary). Only the newer half of the series is looked at, as in truncation rules for
  simulation output (MSER: White, "An effective truncation heuristic for bias reduction in
  simulation output", 1997): what came before is the warm-up.

A drift slower than that is not warm-up: the idle after the work, interleaving and the doubt `trend`
are for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LAST = 3
WITHIN_REL = 0.02
# values that the second rule wants at least: three in each half, the fewest with a scatter worth
# the name
_SCATTERING = 6
_STANDARD_ERRORS = 2.0  # |z| < 2: the usual 5 %


class Settling(NamedTuple):
    """settled: None where the series is too short to say. drift_rel: the change over its last part,
    None below two values.
    """

    settled: bool | None
    drift_rel: float | None


def judge(values: Sequence[float], enough: int = LAST) -> Settling:
    """Judge a series in the order of time.

    `enough`: values below which nothing is said (2 where each is the mean of a long run).
    """
    if len(values) < 2:
        return Settling(None, None)
    last = values[-max(LAST, len(values) // 4) :]
    level = abs(sum(last) / len(last))
    if level == 0:
        return Settling(True if len(values) >= enough else None, 0.0)
    drift = (last[-1] - last[0]) / level
    if len(values) < enough:
        return Settling(None, drift)
    if max(last) - min(last) <= WITHIN_REL * level:
        return Settling(True, drift)
    if len(values) < _SCATTERING:
        return Settling(False, drift)
    newer = np.asarray(values[-max(_SCATTERING, len(values) // 2) :], dtype=np.float64)
    early, late = newer[: newer.size // 2], newer[newer.size // 2 :]
    error = math.sqrt(float(early.var(ddof=1)) / early.size + float(late.var(ddof=1)) / late.size)
    apart = float(late.mean() - early.mean())
    return Settling(abs(apart) <= _STANDARD_ERRORS * error, apart / level)


def settled(values: Sequence[float]) -> bool:
    """Whether the series has come to rest; False where it is too short to say."""
    return judge(values).settled is True
