"""Interleaved runs as pairs: common drifts of both runs (temperature, foreign load, the clock)
leave the ratio of a pair unchanged. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.uncertainty.coverage_factors import student_quantile
from energybench.analysis.uncertainty.repeats import MIN_REPEATS, LogRatio
from energybench.model import Measurement, Repeat


def is_same_run(first: Measurement, second: Measurement) -> bool:
    """Whether two results belong to the same run. Parts of two jobs can have the same id, the id of
    the node.
    """
    keys = [(run.id, run.job, run.host.started_utc) for run in (first, second)]
    return keys[0] == keys[1]


def paired(baseline: Measurement, candidate: Measurement) -> tuple[tuple[Repeat, Repeat], ...]:
    """The repeats of the common blocks of both runs, in the order of the blocks.

    Empty if the two runs are not pairs: different sessions, or fewer than two common blocks.
    """
    if baseline.session is None or baseline.session != candidate.session:
        return ()
    if is_same_run(baseline, candidate):
        return ()
    left, right = _by_block(baseline), _by_block(candidate)
    blocks = sorted(left.keys() & right.keys())
    if len(blocks) < 2:
        return ()
    return tuple((left[block], right[block]) for block in blocks)


def _by_block(side: Measurement) -> dict[int, Repeat]:
    return {repeat.block: repeat for repeat in side.repeats if repeat.block is not None}


def paired_log(a: Sequence[float], b: Sequence[float]) -> LogRatio | None:
    """Scatter of the mean of ln(a/b) over pairs: s/√n with n − 1 degrees of freedom.

    The paired t-test (Student 1908) on logarithms. None for fewer than two pairs, or if a value is
    not positive.
    """
    if len(a) < 2 or min(*a, *b) <= 0:
        return None
    logs = np.log(np.asarray(a, dtype=np.float64) / np.asarray(b, dtype=np.float64))
    s = float(logs.std(ddof=1))
    return LogRatio(s / math.sqrt(logs.size), logs.size - 1) if s else LogRatio(0.0, math.inf)


def half_width(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Half-width of the 95 % interval of ln(a/b), equal to the relative half-width of the ratio.

    None without an interval.
    """
    scatter = paired_log(a, b)
    return student_quantile(len(a) - 1) * scatter.u if scatter is not None else None


def wants_more(sides: Sequence[Sequence[float]], target_rel: float, most: int) -> bool:
    """Whether the stopping rule on pairs asks for another block.

    At least MIN_REPEATS blocks, then blocks until the ratio of each side to the first side is
    within the target, and never more than `most`.
    """
    n = min(len(side) for side in sides)
    if n < min(MIN_REPEATS, most):
        return True
    widths = [half_width(sides[0][:n], side[:n]) for side in sides[1:]]
    return n < most and any(width is None or width > target_rel for width in widths)
