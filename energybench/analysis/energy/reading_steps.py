"""Power readings in steps: a common error of the readings of a steady load, which does not average
out.
"""

from __future__ import annotations

import math

import numpy as np

from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.analysis.uncertainty.effects import bound, rectangular
from energybench.model import Channel, Effect
from energybench.units import short_figure

# Half a step below this share of the power changes no interval visibly.
_NEGLIGIBLE_REL = 1e-4


def rounding(curve: Curve, start_s: float, end_s: float) -> tuple[Effect, ...]:
    """Energy between two times hidden by the steps of the readings.

    A rounded reading is wrong by up to half a step (GUM F.2.2.1). Readings of the same value are
    assumed to err alike, readings of different values independently: a load that crosses many steps
    averages the error. Truncated readings are too low by a further half step, on average, for any
    load. Nothing shows whether a sensor rounds or truncates, so the error is a bound.
    """
    step_w = reading_step_w(curve.channel)
    mean_w = (curve.at(end_s) - curve.at(start_s)) / (end_s - start_s) if end_s > start_s else 0.0
    if step_w is None or step_w / 2 <= _NEGLIGIBLE_REL * mean_w:
        return ()
    if curve.power_w is None:
        watts = curve.means_w(start_s, end_s)
    else:
        watts = curve.power_w[(curve.t_s >= start_s) & (curve.t_s <= end_s)]
    together = 1.0
    if watts.size:
        _, counts = np.unique(np.round(watts / step_w), return_counts=True)
        together = math.sqrt(float(np.sum((counts / watts.size) ** 2)))
    half_j = step_w / 2 * (end_s - start_s)
    place, words = place_of(curve.channel), f"{short_figure(step_w)} W"
    return (
        rectangular("rounding", half_j * together, place, detail=words),
        bound(
            "rounding",
            half_j,
            place,
            key=f"cut-off:{curve.channel.gain.key}",
            detail=f"{words}, if they are cut off",
        ),
    )


def reading_step_w(channel: Channel) -> float | None:
    """Step between two power readings, W of true power; None for a counter, whose energy is known
    between any two readings.
    """
    step_w = channel.reading_step_w
    if step_w is None and channel.kind == "power":
        step_w = channel.resolution
    return step_w / channel.gain.value if step_w else None
