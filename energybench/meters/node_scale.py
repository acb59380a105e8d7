"""The common scale of a node's sensors against a node meter. Pure.

The meter also sees fans, regulators and all parts without a sensor, therefore

    P_meter · η = P0 + (1 + f) · P_shown / G        over windows of different power,

so that G = (1 + f) / (η · slope).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy.boundary import NODE_AC, Cover
from energybench.analysis.uncertainty.coverage_factors import Z95, student_quantile
from energybench.analysis.uncertainty.effects import combine, normal, rectangular
from energybench.errors import BadInput
from energybench.meters.gain_effects import Energies, limit_of_error
from energybench.meters.prior_contradiction import MOST_U
from energybench.model import Channel, Estimate

# 80 PLUS Gold at full load to Titanium at half load, 230 V internal redundant
PSU_LOW, PSU_HIGH = 0.88, 0.97
# half-width of an efficiency that a person states: certificates give whole percents at four loads
PSU_STATED = 0.01
# of the sensors' rise: fans and regulators that follow the load, from none (liquid) to 5 % (air).
# Type B, judged
FOLLOWS_HIGH = 0.05


class Line(NamedTuple):
    """The meter's power over the sensors' power: slope and intercept, each with its standard
    uncertainty.
    """

    slope: float
    slope_u: float
    fixed_w: float
    fixed_u_w: float


def line(sensors: Sequence[Energies], meter: Energies, seconds: Floats) -> Line:
    """Least squares over the windows.

    The uncertainty of the slope is the larger of two: from the windows' effects, and from the
    residuals; the clock of the meter adds to it.
    """
    x = np.sum([channel.joules for channel in sensors], axis=0) / seconds
    y = np.array(meter.joules) / seconds
    away = x - x.mean()
    weight = away / float(away @ away)
    slope = float(weight @ y)
    fixed_w = float(y.mean() - slope * x.mean())
    # uncertainty from the effects of single windows, and from the residuals
    u_x = np.sqrt(np.sum([channel.random_u_w(seconds) ** 2 for channel in sensors], axis=0))
    u_y = meter.random_u_w(seconds)
    slope_u = math.sqrt(float((weight**2) @ (u_y**2 + slope**2 * u_x**2)))
    dof = x.size - 2
    if dof >= 1:
        rest = y - fixed_w - slope * x
        scatter = math.sqrt(float(rest @ rest) / dof * float(weight @ weight))
        slope_u = max(slope_u, scatter * student_quantile(dof) / Z95)
    # steps of the readings: one error for the windows of high power, another for those of low power
    for channel, factor in ((meter, 1.0), *((channel, slope) for channel in sensors)):
        errors = factor * weight * channel.rounding_u_w(seconds)
        high, low = float(errors[away > 0].sum()), float(errors[away <= 0].sum())
        slope_u = math.hypot(slope_u, high, low)
    # an offset of the meter's clock is the same error in every window
    slope_u += abs(float(weight @ meter.common_u_w(seconds)))
    mean_u_w = math.sqrt(float((u_y**2 + slope**2 * u_x**2).sum())) / x.size
    return Line(slope, slope_u, fixed_w, math.hypot(mean_u_w, slope_u * float(x.mean())))


def check_fixed_power(fitted: Line, chosen: Cover, low_w: float, rise_w: float, where: str) -> None:
    """Raises BadInput for a meter that shows less than the parts that the sensors see, by a power
    that is the same at every load: it does not see the whole node, or its zero is off.

    low_w, rise_w  lowest power of the sensors' sum, and its rise. Parts without a sensor that work
                   with the load, and fans, make the line steeper and its start lower.
    """
    follow_w = unseen_w(chosen) + 2 * FOLLOWS_HIGH * rise_w
    least_w = -follow_w * low_w / rise_w / PSU_LOW - MOST_U * fitted.fixed_u_w
    if fitted.fixed_w >= least_w:
        return
    raise BadInput(
        where,
        f"the meter shows {-fitted.fixed_w:.0f} W less than the sensors inside the node at every "
        "load, and a whole node has fixed power on top of them",
        "the meter misses a supply of the node or subtracts something, or its zero is off: correct "
        "that and attach it again",
    )


def unseen_w(chosen: Cover) -> float:
    """Power by which the parts without a sensor may rise together, W."""
    return sum((model.part.high_w or 0.0) - (model.part.low_w or 0.0) for model in chosen.models)


def scale(
    fitted: Line, reference: Channel, chosen: Cover, rise_w: float, psu: float | None
) -> Estimate:
    """G = (1 + f) / (η · slope); f: middle of the possible share of parts without a sensor that
    follow the load.

    rise_w: rise of the sensors' sum; psu: efficiency of the power supply, if a person states it.
    """
    slope = fitted.slope
    without_w = unseen_w(chosen)
    follows, half_follows = FOLLOWS_HIGH / 2 + without_w / rise_w / 2, FOLLOWS_HIGH / 2
    efficiency, half_psu = 1.0, 0.0
    if reference.component == NODE_AC and psu is not None:
        efficiency, half_psu = psu, PSU_STATED
    elif reference.component == NODE_AC:
        efficiency, half_psu = (PSU_LOW + PSU_HIGH) / 2, (PSU_HIGH - PSU_LOW) / 2
    value = (1 + follows) / (efficiency * slope)
    effects = (
        normal("slope", value * fitted.slope_u / slope),
        limit_of_error(reference, value),
        rectangular("supply-efficiency", value * half_psu / efficiency),
        rectangular("load-followers", value * half_follows / (1 + follows)),
        rectangular("parts-without-sensor", value * without_w / rise_w / 2 / (1 + follows)),
    )
    return combine(value, effects)


def prior(channels: Sequence[Channel], shares: Floats) -> float:
    """Relative uncertainty of the sum's scale before: gains of one key add linearly, gains of
    different keys in squares.
    """
    keys: dict[str, float] = {}
    for channel, share in zip(channels, shares.tolist(), strict=True):
        gain = channel.gain
        keys[gain.own_key] = keys.get(gain.own_key, 0.0) + gain.own_u_rel * share
        if gain.meter is not None:
            keys[gain.meter.key] = keys.get(gain.meter.key, 0.0) + gain.meter.u_rel * share
    return math.sqrt(sum(u * u for u in keys.values()))


def channel_uncertainties(
    channels: Sequence[Channel], shares: Floats, sum_u: float, meter_u: float
) -> list[float]:
    """Relative uncertainty of every channel's gain, given the sum's scale (known to sum_u, of which
    meter_u is the error of the meter).

    The meter's error is common to the channels and adds linearly. The rest has keys of the
    channels, so that it adds in squares. A channel has at least the uncertainty that makes the
    sum's uncertainty right, and at least the part of its prior that is left once the sum is known:
    a small part of the sum is hardly known better than before.
    """
    weighted = [
        share * channel.gain.u_rel for channel, share in zip(channels, shares.tolist(), strict=True)
    ]
    total = sum(u**2 for u in weighted) + sum_u**2
    rest_u = math.sqrt(max(0.0, sum_u**2 - meter_u**2))
    even = math.hypot(meter_u, rest_u / math.sqrt(float((shares**2).sum())))
    return [
        max(even, channel.gain.u_rel * math.sqrt(1 - u**2 / total))
        for channel, u in zip(channels, weighted, strict=True)
    ]
