"""Which of many random effects may be replaced by normal effects of the same variance.

A draw of one effect costs about a millisecond, and a job on a thousand nodes has tens of thousands
of effects. A sum of many small independent effects is normal (central limit theorem). The criterion
for "many and small" is the fourth cumulant that a normal distribution lacks, relative to the
squared variance of the whole sum: an excess kurtosis k of a symmetric sum moves its 97.5 % quantile
by the factor 1 + k (z² − 3)/24 = 1 + 0.035 k, z = 1.96 (Cornish and Fisher, "Moments and cumulants
in the specification of distributions", 1938). Cumulants of independent effects add up. Effects are
replaced from the smallest on, as long as |k| of all that are replaced stays below 0.02; so the
half-width changes by less than 0.1 %. The largest effects are still drawn, unless they are normal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.model import Effect

# Up to this number of random effects all are drawn. Two runs on different nodes with eight boards
# each have about half as many.
FOLD_ABOVE = 128
_KURTOSIS = 0.02
_RECTANGULAR = -1.2  # excess kurtosis of a rectangle
# Student's t with 2 degrees of freedom or fewer has no variance; close above 2 its variance says
# little of its quantiles. Such effects are always drawn.
_LEAST_DOF = 3.0
# From 3 to 4 degrees of freedom Student's t has no fourth cumulant. tests/analysis/uncertainty/
# test_folding.py holds the intervals of such sums within 1.5 % of simulated ones with this value.
_STUDENT = 12.0


def normal_u(effect: Effect) -> float:
    """Standard deviation of an effect, signed as the effect; NaN if it has to be drawn."""
    if effect.distribution != "student":
        return effect.u
    dof = effect.dof or 1.0
    return effect.u * math.sqrt(dof / (dof - 2)) if dof >= _LEAST_DOF else math.nan


def excess_kurtosis(effect: Effect) -> float:
    """Excess kurtosis of one effect, not above _STUDENT."""
    if effect.distribution == "rectangular":
        return _RECTANGULAR
    if effect.distribution == "student":
        dof = effect.dof or 1.0
        return min(6 / (dof - 4), _STUDENT) if dof > 4 else _STUDENT
    return 0.0


def replaceable(effects: Sequence[Effect], contributions: Floats) -> npt.NDArray[np.bool_]:
    """Which effects together are as good as normal in the sum of independent contributions.

    effects        random effects
    contributions  their standard deviations in the sum, of any sign; NaN: has to be drawn
    """
    variances = contributions**2
    total = float(np.nansum(variances))
    kurtosis = np.array([abs(excess_kurtosis(effect)) for effect in effects], dtype=np.float64)
    cumulants = np.where(np.isnan(variances), math.inf, kurtosis * variances**2)
    order = np.argsort(cumulants, kind="stable")
    within = np.empty(len(effects), dtype=np.bool_)
    within[order] = np.cumsum(cumulants[order]) <= _KURTOSIS * total**2
    return within
