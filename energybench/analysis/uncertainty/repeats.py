"""Statistics of repeats: means, scatter, Student's t on logarithms, equivalence.

Pure functions. scipy.special is imported only for a Student quantile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.uncertainty.coverage_factors import CONFIDENCE, student_quantile
from energybench.analysis.uncertainty.effects import student
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
    """Scatter of ln(mean a / mean b): standard error, and degrees of freedom of Student's t.

    u is 0 and dof infinite if neither side scatters.
    """

    u: float
    dof: float


def log_scatter(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Scatter of the ratio of two means, by Student's t on the logarithms.

    None if a side has fewer than two values, because its scatter is then not known, or if a value
    is not positive (a ratio of such energies has no meaning).

    From three values on each side: Welch's t (Welch 1947). Its degrees of freedom come from
    estimated variances; if the side with fewer values happens to scatter little, they are far too
    many (3 against 8 values: 5.9 % wrong at a level of 5 %). Therefore that side's variance counts
    in the degrees of freedom as at least the pooled variance. With two values on a side: each side
    keeps its own Student factor (Cochran 1964, the approximation to Behrens and Fisher's problem),
    since Welch's t covers only 91 % for 2 against 8 values. benchmarks/verdicts.py counts both.
    """
    if min(len(a), len(b)) < 2 or min(*a, *b) <= 0:
        return None
    logs = [np.log(np.asarray(side, dtype=np.float64)) for side in (a, b)]
    sizes = [side.size for side in logs]
    variances = [float(side.var(ddof=1)) for side in logs]
    terms = [variance / n for variance, n in zip(variances, sizes, strict=True)]
    total = sum(terms)
    if total == 0:
        return LogRatio(0.0, math.inf)
    if min(sizes) == 2:
        return LogRatio(math.sqrt(total), _cochran_dof(terms, sizes))
    pooled = sum(variance * (n - 1) for variance, n in zip(variances, sizes, strict=True)) / sum(
        n - 1 for n in sizes
    )
    floors = [pooled if n < max(sizes) else 0.0 for n in sizes]
    steady = [
        max(variance, floor) / n
        for variance, floor, n in zip(variances, floors, sizes, strict=True)
    ]
    dof = sum(steady) ** 2 / sum(term**2 / (n - 1) for term, n in zip(steady, sizes, strict=True))
    return LogRatio(math.sqrt(total), dof)


def _cochran_dof(terms: Sequence[float], sizes: Sequence[int]) -> float:
    """Degrees of freedom with Cochran's factor: the mean of the two sides' Student factors,
    weighted with their squared standard errors.
    """
    from scipy import special

    factors = [student_quantile(n - 1) for n in sizes]
    factor = sum(term * t for term, t in zip(terms, factors, strict=True)) / sum(terms)
    dof = float(special.stdtridf((1 + CONFIDENCE) / 2, factor))
    return min(max(dof, min(sizes) - 1.0), max(sizes) - 1.0)


def equal_scatter(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Scatter of the ratio of two means if the side with a single value scatters as the other side
    does, an assumption that nothing here tests.

    None if no side or both sides have a single value, or if a value is not positive.
    """
    single, several = sorted((a, b), key=len)
    if len(single) != 1 or len(several) < 2 or min(*a, *b) <= 0:
        return None
    n = len(several)
    s = float(np.log(np.asarray(several, dtype=np.float64)).std(ddof=1))
    return LogRatio(s * math.sqrt(1 + 1 / n), n - 1) if s else LogRatio(0.0, math.inf)


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
