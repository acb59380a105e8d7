"""Check of an energy counter against the power readings of the same device.

Reason: counters that are wrong by a large factor (zeus issue 181: 187 J against 327 J).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.scale_at_levels import Scale
from energybench.analysis.energy.window_energy import WindowEnergy
from energybench.analysis.uncertainty.coverage_factors import student_quantile
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import bound
from energybench.model import Doubt

# A counter and a power integral that differ by more than this share, beyond their own uncertainty,
# are a doubt.
_DISAGREE = 0.02
_SIGMAS = 3.0
_LEVEL = 0.9973  # of a normal distribution within 3 standard deviations
# Least number of windows with which the scatter of the difference decides alone. A load in step,
# seen either high or low, looks alike in n windows by chance in one case of 2^(n-1), and such loads
# are rare.
_ENOUGH_WINDOWS = 8


class _Group(NamedTuple):
    """Windows judged together.

    joules    shape [n, 2]: energy by the counter and by the power readings
    larger_j  shape [n]: the larger of the two
    """

    windows: tuple[int, ...]
    joules: Floats
    larger_j: Floats


def cross_check(
    counter: Sequence[WindowEnergy],
    power: Sequence[WindowEnergy],
    place: Place,
    scale: Scale | None = None,
) -> tuple[WindowEnergy, ...]:
    """The energies of the counter, window by window. If the counter and the power readings
    disagree, each interval is widened to the side of the power integral.

    A power sensor that sees a part of each period is blind to a load in step with its period; then
    the disagreement is not an error of the counter. In one window only the uncertainty of the power
    integral allows for such a load. Over several windows the effect of such a load differs from
    start to start, whereas a wrong counter is wrong in the same way every time. Therefore the mean
    over several windows decides, against its scatter: from eight windows on the scatter alone, with
    fewer windows the larger of the scatter and of the modelled uncertainty.

    scale  ratio of the counter to the power readings from stretches of constant power, where no
           load can be overlooked; None if the run does not show the ratio
    """
    checked = list(counter)
    both = [
        i
        for i, (mine, other) in enumerate(zip(counter, power, strict=True))
        if mine.energy_j is not None and other.energy_j is not None
    ]
    blind = any(effect.kind == "in-step" for i in both for effect in power[i].effects)
    groups = [both] if blind and both else [[i] for i in both]
    for group in (_group(windows, counter, power) for windows in groups):
        apart_rel = _of_scale(scale) or _disagreement_rel(group, counter, power)
        if apart_rel is None:
            continue
        doubt = _doubt(group, place, in_step_possible=blind)
        for i, larger_j in zip(group.windows, group.larger_j.tolist(), strict=True):
            side = bound(
                "counter-against-power",
                apart_rel * larger_j,
                place,
                key=f"counter-power:{place.words}",
            )
            checked[i] = counter[i]._replace(
                effects=(*counter[i].effects, side), doubts=(*counter[i].doubts, doubt)
            )
    return tuple(checked)


def _group(
    windows: Sequence[int], counter: Sequence[WindowEnergy], power: Sequence[WindowEnergy]
) -> _Group:
    joules = np.array([(counter[i].energy_j or 0.0, power[i].energy_j or 0.0) for i in windows])
    return _Group(tuple(windows), joules, np.maximum(joules.max(axis=1), 1e-9))


def _disagreement_rel(
    group: _Group, counter: Sequence[WindowEnergy], power: Sequence[WindowEnergy]
) -> float | None:
    """(power integral − counter) over the larger value; None if the two agree."""
    apart_j = group.joules[:, 1] - group.joules[:, 0]
    total_j, n = float(group.larger_j.sum()), len(group.windows)
    counter, power = [counter[i] for i in group.windows], [power[i] for i in group.windows]
    common_rel = _u_common_j(power) / total_j
    u_rel = math.hypot(_u_windows_j(counter, power) / total_j, common_rel)
    limit_rel = _SIGMAS * u_rel
    if n > 1:
        scatter_rel = float((apart_j / group.larger_j).std(ddof=1)) / math.sqrt(n)
        limit_rel = _SIGMAS * max(u_rel, scatter_rel)
        if n >= _ENOUGH_WINDOWS:
            # the differences tell how much a load in step, or an edge, changes from start to start
            factor = student_quantile(n - 1, _LEVEL)
            own_rel = math.hypot(factor * scatter_rel, _SIGMAS * common_rel)
            limit_rel = min(limit_rel, own_rel)
    apart_rel = float(apart_j.sum()) / total_j
    return apart_rel if abs(apart_rel) > limit_rel + _DISAGREE else None


def _of_scale(scale: Scale | None) -> float | None:
    """(power integral − counter) over the larger of the two, from the ratio of the scales; None if
    the scales agree.
    """
    if scale is None:
        return None
    apart_rel = (1 - scale.ratio) / max(1.0, scale.ratio)
    return apart_rel if abs(apart_rel) > _SIGMAS * scale.u + _DISAGREE else None


def _u_windows_j(counter: Sequence[WindowEnergy], power: Sequence[WindowEnergy]) -> float:
    """Standard uncertainty of (power integral − counter), summed over the windows, from effects of
    a single window, J.

    The effect of a load in step is stated as a share of the readings; if the readings were taken at
    the low phase of the load, the effect is that share of the counter's energy.
    """
    squares = sum(effect.u**2 for cell in counter for effect in cell.random)
    for mine, other in zip(counter, power, strict=True):
        low_phase = 1.0
        if other.energy_j:
            low_phase = max(mine.energy_j or 0.0, other.energy_j) / other.energy_j
        for effect in other.random:
            factor = low_phase if effect.kind == "in-step" else 1.0
            squares += (effect.u * factor) ** 2
    return math.sqrt(squares)


def _u_common_j(power: Sequence[WindowEnergy]) -> float:
    """Standard uncertainty from common effects of the windows, which add up linearly, J."""
    return sum(math.sqrt(sum(effect.u**2 for effect in cell.common)) for cell in power)


def _doubt(group: _Group, place: Place, *, in_step_possible: bool) -> Doubt:
    n = len(group.windows)
    by_counter, by_power = (f"{mean:.4g} J" for mean in group.joules.mean(axis=0).tolist())
    means = f" (means of {n} windows)" if n > 1 else ""
    remedy = "calibrate the board against a node meter"
    if in_step_possible and n == 1:
        remedy = (
            "several repeats tell whether the load ran in step with the power sensor; else "
            f"{remedy}"
        )
    return Doubt(
        code="counter-power-disagree",
        message=f"{place.words}: the energy counter says {by_counter}, its power readings "
        f"{by_power}{means}",
        remedy=f"the interval covers both; {remedy}",
        subject=place.words,
    )
