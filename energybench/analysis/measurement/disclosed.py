"""Quantities that rule books of the field ask to be published beside the energy of a run: the
highest power, and the energy of the accelerators alone inside a node.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.energy import mean_energy
from energybench.analysis.energy.boundary import GPU, Cover
from energybench.analysis.energy.boundary_parts import table
from energybench.analysis.measurement import quantities
from energybench.analysis.sensors.curves import Curves
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effects import scale
from energybench.model import REPEAT, Estimate, Window

# Averaging time of the highest power. SPECpower_ssj2008 and SPECaccel 2023 (Run and Reporting
# Rules) ask for power analysers that average over 1 s.
AVERAGE_S = 1.0


def highest_power(chosen: Cover, curves: Curves, windows: Sequence[Window]) -> Estimate | None:
    """Highest mean power over AVERAGE_S within the repeats, W: of the consecutive averages from the
    start of each repeat, the one with the largest sum over all sensors.

    The interval is that of the mean power in this average. None if a sensor updates or averages
    more slowly, if a sensor gave no reading, or if no sensor measured the power.
    """
    starts_s = _starts_s(windows)
    if not starts_s.size or not chosen.sources:
        return None
    joules = np.zeros(starts_s.size)
    for source in chosen.sources:
        energy_curve = curves.get(source.channel.id)
        if energy_curve is None or not _is_quick(energy_curve):
            return None
        ends_j = [
            np.interp(times_s, energy_curve.t_s, energy_curve.energy_j)
            for times_s in (starts_s, starts_s + AVERAGE_S)
        ]
        joules += ends_j[1] - ends_j[0]
    start_s = float(starts_s[int(joules.argmax())])
    window = Window(label=REPEAT, start_s=start_s, end_s=start_s + AVERAGE_S)
    rows = table(chosen, curves, [window])
    if quantities.quality(rows) == "estimated":
        return None
    energy_j = mean_energy.gross(rows, 1)
    return None if energy_j is None else scale(energy_j, 1 / AVERAGE_S)


def _starts_s(windows: Sequence[Window]) -> Floats:
    """Starts of the consecutive averages that lie within a repeat."""
    starts = [
        window.start_s + AVERAGE_S * np.arange(int(window.duration_s / AVERAGE_S))
        for window in windows
    ]
    return np.concatenate(starts) if starts else np.empty(0)


def _is_quick(energy_curve: Curve) -> bool:
    """Whether the readings of a sensor follow the power within AVERAGE_S."""
    slowest_s = max(energy_curve.period_s, energy_curve.window_s, energy_curve.channel.window_s)
    return energy_curve.t_s.size > 1 and slowest_s <= AVERAGE_S


def accelerators(narrow: Cover, curves: Curves, windows: Sequence[Window]) -> Estimate | None:
    """Mean energy of a repeat in the accelerators that the work was given, J.

    narrow  the boundary "device" of the same node
    None without accelerators, and if a sensor of one of them is missing or shared with other parts.
    """
    if any(model.part.used is not False for model in narrow.models):
        return None
    used = tuple(source for source in narrow.sources if source.part.used is not False)
    if not used or any(source.part.component != GPU for source in used):
        return None
    rows = table(narrow._replace(sources=used, models=()), curves, windows)
    if any(row.part.state != "measured" for row in rows):
        return None
    return mean_energy.gross(rows, len(windows))
