"""Coverage factors: half-width of a 95 % interval over the standard uncertainty u (JCGM 100:2008,
2.3.6), for each distribution of an effect.

Only `student_quantile` imports scipy. Every run that is read from a file has its interval checked
with these factors (`store/interval_check.py`), and importing scipy takes longer than the check.
"""

from __future__ import annotations

import math
import statistics

from energybench.model import Effect

CONFIDENCE = 0.95
Z95 = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # 1.959964
RECTANGULAR95 = CONFIDENCE * math.sqrt(3.0)  # 95 % of the half-width √3·u
ONE_SIDED_Z95 = statistics.NormalDist().inv_cdf(CONFIDENCE)  # 1.644854, of a bound to one side
BOUND_SPAN = math.sqrt(12.0)  # a uniform distribution of width w has standard deviation w/√12


def coverage_factor(effect: Effect, *, approximate: bool = False) -> float:
    """Coverage factor of one random effect; of a student effect `approximate_student_factor` if
    `approximate`. An effect with the distribution "bound" is not random and has no such factor.
    """
    if effect.distribution == "bound":
        raise ValueError("a bound has no coverage factor")
    if effect.distribution == "student":
        student = approximate_student_factor if approximate else student_quantile
        return student(effect.dof or 1.0)
    return RECTANGULAR95 if effect.distribution == "rectangular" else Z95


def student_quantile(dof: float, confidence: float = CONFIDENCE) -> float:
    """Two-sided Student factor t(dof). The only function here that imports scipy."""
    from scipy import special

    return float(special.stdtrit(dof, (1 + confidence) / 2))


def approximate_student_factor(dof: float) -> float:
    """Two-sided 95 % Student factor without scipy.

    With 1 and 2 degrees of freedom, the exact inverse of the distribution function (Abramowitz and
    Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4). From 3 on, the expansion 26.7.5
    of the same handbook to the fourth order in 1/dof: too small by 0.12 % at 3, by 0.03 % at 4 and
    by less than 0.0004 % from 10 on. Below 3 the expansion is too wrong for other numbers, which
    are rare (two sides that scatter differently): their factor is `student_quantile`.
    """
    if dof == 1:
        return math.tan(math.pi * CONFIDENCE / 2)
    if dof == 2:
        return CONFIDENCE * math.sqrt(2 / (1 - CONFIDENCE**2))
    if dof < 3:
        return student_quantile(dof)
    z = Z95
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / dof**power for power, term in enumerate(terms))
