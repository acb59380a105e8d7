"""Whether a series of values has settled: the powers of successive stretches, or run times. Pure.

A series has settled if one of two rules is met:

- The last quarter of the values, at least three, lies within 2 %. 2 % is the scatter at which `run`
  stops by default, so that the rest of the warm-up is smaller than what the repeats resolve. Three
  values, because two may agree at a turning point. A quarter of the values, because a slow approach
  changes little over three values: an exponential approach has gone on for about 5 time constants,
  and less than 1 % of it is left.
- The series scatters by more, and the two halves of its last part differ by less than twice the
  standard error of their difference (Geweke, "Evaluating the accuracy of sampling-based approaches
  to calculating posterior moments", 1992: the means of an early and a late stretch of a series
  agree once the series is stationary). Only the newer half of the series counts, as in truncation
  rules for the output of simulations (MSER: White, "An effective truncation heuristic for bias
  reduction in simulation output", 1997): the older half is the warm-up.

A slower drift is not a warm-up. The idle phase after the work, interleaving, and the doubt `trend`
serve to find slower drifts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LAST = 3
WITHIN_REL = 0.02
# Least number of values for the second rule: three in each half are the fewest with a meaningful
# scatter.
_SCATTERING = 6
_STANDARD_ERRORS = 2.0  # |z| < 2: the usual 5 %


class Settling(NamedTuple):
    """A judgement on a series.

    settled    None if the series is too short to say
    drift_rel  relative change over the last part of the series; None below two values
    """

    settled: bool | None
    drift_rel: float | None


def judge(values: Sequence[float], enough: int = LAST) -> Settling:
    """Judge a series in the order of time.

    enough  number of values below which nothing is said (2 if each value is the mean of a long run)
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

    # First rule: the last values lie close together.
    if max(last) - min(last) <= WITHIN_REL * level:
        return Settling(True, drift)

    # Second rule: the two halves of the newer values agree within their scatter.
    if len(values) < _SCATTERING:
        return Settling(False, drift)
    newer = np.asarray(values[-max(_SCATTERING, len(values) // 2) :], dtype=np.float64)
    early, late = newer[: newer.size // 2], newer[newer.size // 2 :]
    error = math.sqrt(float(early.var(ddof=1)) / early.size + float(late.var(ddof=1)) / late.size)
    difference = float(late.mean() - early.mean())
    return Settling(abs(difference) <= _STANDARD_ERRORS * error, difference / level)


def settled(values: Sequence[float]) -> bool:
    """Whether the series has settled; False if the series is too short to say."""
    return judge(values).settled is True
