"""Statistics of repeats: scatter, Welch on logs, equivalence.

Pure; scipy.special only where a Student quantile is needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.uncertainty.effects import CONFIDENCE, student
from energybench.model import Effect, Verdict

# a stopping rule on the interval's width covers 88-90 % from n = 2 and 93-95 % from n = 5: see
# docs/method.md
MIN_REPEATS = 8


class Summary(NamedTuple):
    """Mean, standard deviation (None at n = 1: not known, not 0) and count of one quantity over
    repeats.
    """

    mean: float
    s: float | None
    n: int


def summary(values: Sequence[float]) -> Summary:
    """Raises ValueError where there are no values."""
    if not values:
        raise ValueError("no values")
    data = np.asarray(values, dtype=np.float64)
    return Summary(
        float(data.mean()), float(data.std(ddof=1)) if data.size > 1 else None, int(data.size)
    )


def student_quantile(dof: float, confidence: float = CONFIDENCE) -> float:
    """Two-sided Student factor t(dof)."""
    from scipy import special

    return float(special.stdtrit(dof, (1 + confidence) / 2))


SCATTER = "run-to-run scatter"


def scatter_effect(values: Sequence[float]) -> Effect | None:
    """The scatter of the mean as an effect (scale s/√n, n − 1 degrees of freedom); None at n = 1 or
    without scatter.
    """
    found = summary(values)
    return student(SCATTER, found.s / math.sqrt(found.n), found.n - 1) if found.s else None


def relative_half_width(values: Sequence[float]) -> float | None:
    """Half-width of the scatter's 95 % interval of the mean, relative to the mean; None at n = 1."""
    found = summary(values)
    if found.s is None or found.mean == 0:
        return None
    return student_quantile(found.n - 1) * found.s / math.sqrt(found.n) / abs(found.mean)


def wants_more(values: Sequence[float], target_rel: float, max_repeats: int) -> bool:
    """The stopping rule: at least MIN_REPEATS, then until the scatter's half-width is within the
    target, at most max_repeats. On scatter alone.
    """
    if len(values) < min(MIN_REPEATS, max_repeats):
        return True
    reached = relative_half_width(values)
    return len(values) < max_repeats and (reached is None or reached > target_rel)


class LogRatio(NamedTuple):
    """Scatter of ln(mean a / mean b): its standard error and Welch-Satterthwaite degrees of
    freedom; 0 and inf where neither scatters.
    """

    u: float
    dof: float


def welch_log(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Welch's t on logarithms (Welch 1947): what the scatter of a and b leaves open in the ratio of
    their means.

    A side with one value has no scatter to give: its run-to-run part is not known, and a doubt says
    so. None where both sides have one value, or where a value is not positive (a ratio of such
    energies means nothing).
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
    """Of a ratio baseline/candidate by its interval [low, high].

    better, worse: the interval lies on one side of 1. equivalent: it lies within 1/(1+m) … 1+m. An
    interval that does both (a small but certain difference) is equivalent: the margin says what is
    too small to matter. A 95 % interval inside the margin is stricter than the two one-sided tests
    at 5 % (Schuirmann 1987), which use the 90 % interval.
    """
    if 1 / (1 + margin) <= low and high <= 1 + margin:
        return "equivalent"
    if low > 1:
        return "better"
    if high < 1:
        return "worse"
    return "inconclusive"


def trend(values: Sequence[float]) -> float | None:
    """Spearman's rank correlation with the order of the repeats: a warm-up or throttling shows as
    |ρ| near 1. None below 5 values.
    """
    if len(values) < 5 or len(set(values)) < 2:
        return None
    ranks = np.argsort(np.argsort(np.asarray(values))).astype(float)
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
