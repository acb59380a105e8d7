"""Runs that were interleaved, as pairs: what drifts for both (temperature, other load, the clock)
leaves the ratio of a pair alone. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.uncertainty.repeats import MIN_REPEATS, LogRatio, student_quantile
from energybench.model import Measurement, Repeat


def paired(baseline: Measurement, candidate: Measurement) -> tuple[tuple[Repeat, Repeat], ...]:
    """The repeats of each block that both have, in the order of blocks; empty where they are not
    pairs (another session, under two blocks).
    """
    if (
        baseline.session is None
        or baseline.session != candidate.session
        or baseline.id == candidate.id
    ):
        return ()
    sides = [
        {repeat.block: repeat for repeat in side.repeats if repeat.block is not None}
        for side in (baseline, candidate)
    ]
    blocks = sorted(block for block in sides[0].keys() & sides[1].keys() if block is not None)
    return tuple((sides[0][block], sides[1][block]) for block in blocks) if len(blocks) > 1 else ()


def paired_log(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Scatter of the mean of ln(a/b) over pairs: s/√n with n − 1 degrees of freedom (the paired
    t-test, Student 1908, on logarithms).

    None below two pairs, or where a value is not positive.
    """
    if len(a) < 2 or min(*a, *b) <= 0:
        return None
    logs = np.log(np.asarray(a, dtype=np.float64) / np.asarray(b, dtype=np.float64))
    s = float(logs.std(ddof=1))
    return LogRatio(s / math.sqrt(logs.size), logs.size - 1) if s else LogRatio(0.0, math.inf)


def half_width(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Half-width of the 95 % interval of ln(a/b), which is the ratio's relative one; None where
    there is none yet.
    """
    found = paired_log(a, b)
    return student_quantile(len(a) - 1) * found.u if found is not None else None


def wants_more(sides: Sequence[Sequence[float]], target_rel: float, most: int) -> bool:
    """The stopping rule on pairs: at least MIN_REPEATS blocks, then until the ratio of every side
    to the first is within the target, at most `most`.
    """
    n = min(len(side) for side in sides)
    if n < min(MIN_REPEATS, most):
        return True
    widths = [half_width(sides[0][:n], side[:n]) for side in sides[1:]]
    return n < most and any(width is None or width > target_rel for width in widths)
