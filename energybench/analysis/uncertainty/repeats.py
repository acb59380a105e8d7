"""Statistics of repeats: means, scatter, Welch's t on logarithms, equivalence.

Pure functions. scipy.special is imported only for a Student quantile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.uncertainty.effects import CONFIDENCE, student
from energybench.model import Effect, Verdict

# Least number of repeats before the stopping rule may stop. A stopping rule on the width of the
# interval covers the truth in 88-90 % of the cases from n = 2 and in 93-95 % from n = 5, see
# docs/method.md.
MIN_REPEATS = 8


class Summary(NamedTuple):
    """Mean, standard deviation and number of the values of one quantity over the repeats.

    s  None for a single value: the standard deviation is then not known, and not 0
    """

    mean: float
    s: float | None
    n: int


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard deviation and number of values. Raises ValueError if there are no values."""
    if not values:
        raise ValueError("no values")
    data = np.asarray(values, dtype=np.float64)
    deviation = float(data.std(ddof=1)) if data.size > 1 else None
    return Summary(float(data.mean()), deviation, int(data.size))


def student_quantile(dof: float, confidence: float = CONFIDENCE) -> float:
    """Two-sided Student factor t(dof)."""
    from scipy import special

    return float(special.stdtrit(dof, (1 + confidence) / 2))


def scatter_effect(values: Sequence[float]) -> Effect | None:
    """The scatter of the mean as an effect: scale s/√n, n − 1 degrees of freedom.

    None for a single value, and for values without scatter.
    """
    stats = summary(values)
    return student(stats.s / math.sqrt(stats.n), stats.n - 1) if stats.s else None


def relative_half_width(values: Sequence[float]) -> float | None:
    """Half-width of the 95 % interval of the mean, by scatter alone, relative to the mean.

    None for a single value, and for a mean of 0.
    """
    stats = summary(values)
    if stats.s is None or stats.mean == 0:
        return None
    return student_quantile(stats.n - 1) * stats.s / math.sqrt(stats.n) / abs(stats.mean)


def wants_more(values: Sequence[float], target_rel: float, max_repeats: int) -> bool:
    """Whether the stopping rule asks for another repeat. The rule looks at the scatter alone.

    At least MIN_REPEATS, then repeats until the scatter's half-width is within the target, and
    never more than max_repeats.
    """
    if len(values) < min(MIN_REPEATS, max_repeats):
        return True
    half_width = relative_half_width(values)
    return len(values) < max_repeats and (half_width is None or half_width > target_rel)


class LogRatio(NamedTuple):
    """Scatter of ln(mean a / mean b): standard error and Welch-Satterthwaite degrees of freedom.

    u is 0 and dof infinite if neither side scatters.
    """

    u: float
    dof: float


def welch_log(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Scatter of the ratio of two means, by Welch's t on the logarithms (Welch 1947).

    A side with a single value contributes no scatter: its run-to-run scatter is not known, and a
    doubt says so. None if both sides have a single value, or if a value is not positive (a ratio of
    such energies has no meaning).
    """
    if min(*a, *b) <= 0 or len(a) + len(b) < 3:
        return None
    logs = [np.log(np.asarray(side, dtype=np.float64)) for side in (a, b) if len(side) > 1]
    terms = [(float(side.var(ddof=1)) / side.size, side.size - 1) for side in logs]
    total = sum(term for term, _ in terms)
    if total == 0:
        return LogRatio(0.0, math.inf)
    return LogRatio(math.sqrt(total), total**2 / sum(term**2 / dof for term, dof in terms))


def verdict(low: float, high: float, margin: float) -> Verdict:
    """The verdict on a ratio baseline/candidate by its interval [low, high].

    better, worse  the interval lies on one side of 1
    equivalent     the interval lies within 1/(1+m) … 1+m
    inconclusive   the interval contains 1 and reaches beyond the margin

    An interval that is both on one side of 1 and within the margin (a small but certain difference)
    is equivalent: the margin says which differences are too small to matter. A 95 % interval inside
    the margin is stricter than two one-sided tests at 5 % (Schuirmann 1987), which use the 90 %
    interval.
    """
    if 1 / (1 + margin) <= low and high <= 1 + margin:
        return "equivalent"
    if low > 1:
        return "better"
    if high < 1:
        return "worse"
    return "inconclusive"


def arithmetic_mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def trend(values: Sequence[float]) -> float | None:
    """Spearman's rank correlation of the values with their order.

    A warm-up or throttling shows as |ρ| near 1. None for fewer than 5 values, and for equal values.
    """
    if len(values) < 5 or len(set(values)) < 2:
        return None
    ranks = np.argsort(np.argsort(np.asarray(values))).astype(float)
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
