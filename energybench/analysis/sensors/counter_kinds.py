"""Two kinds of energy counter: one that integrates all power, and one that only adds up the samples
of a part-time power sensor. `counter_evidence` weighs what the updates of a run tell.
"""

from __future__ import annotations

import math

import numpy as np

from energybench.analysis.sensors.counter_evidence import FEW, PRIOR_ALL, REGULAR, evidence
from energybench.analysis.traces.counter_curve import as_samples
from energybench.analysis.traces.curve import Curve

# Root mean square of the changes of power within one update of a counter without a power sensor
# beside it, relative to the mean power, as `energybench simulate` finds it over all its loads.
_ALONE = 0.35
# A counter integrates all power below this probability of the opposite.
_SEES_ALL = 0.004


def informed(counter: Curve, power: Curve | None) -> Curve:
    """Decide, from the power sensor of the same board, whether this energy counter integrates all
    power or only adds up the sensor's samples, and estimate how much power varies within one
    counter update.

    A curve that is not a counter is returned unchanged. A counter with too few updates may be of
    either kind.
    """
    if power is None and counter.power_w is None:
        return counter._replace(rough_w=_ALONE * _mean_power_w(counter))
    if power is None or power.power_w is None or counter.power_w is not None:
        return counter
    enough = counter.t_s.size >= FEW and power.t_s.size >= FEW
    if enough:
        counter = counter._replace(rough_w=_rough_w(counter, power))
    if counter.channel.timing == "profile" or not power.part_time:
        return counter._replace(classified=True, may_add_up=0.0)
    probability = 1 - PRIOR_ALL
    if enough:
        weighed = evidence(counter, power)
        probability = weighed.probability
        if weighed.adds_up:
            window_s = min(power.window_s, counter.period_s)
            samples = as_samples(counter, window_s)
            # a steady load at the power limit of the board says nothing against its counter
            top_w = None if power.limit_alone else power.saturated_w
            return samples._replace(inferred=True, saturated_w=top_w)
        if probability < _SEES_ALL:
            return counter._replace(classified=True, may_add_up=0.0)
    blind = 1 - power.window_s / power.period_s
    return counter._replace(classified=False, may_add_up=blind * math.sqrt(probability))


def _mean_power_w(counter: Curve) -> float:
    joules = max(float(counter.energy_j[-1] - counter.energy_j[0]), 0.0)
    return joules / float(counter.t_s[-1] - counter.t_s[0])


def _rough_w(counter: Curve, power: Curve) -> float:
    """Root mean square of (reading − mean power of its update), W."""
    assert power.power_w is not None
    within = (power.t_s > counter.t_s[0]) & (power.t_s < counter.t_s[-1])
    update = np.searchsorted(counter.t_s, power.t_s[within]) - 1
    lengths = np.diff(counter.t_s)
    apart = power.power_w[within] - (np.diff(counter.energy_j) / lengths)[update]
    regular = lengths[update] < REGULAR * counter.period_s
    return float(np.sqrt(np.mean(apart[regular] ** 2))) if regular.any() else 0.0
