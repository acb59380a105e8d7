"""A meter whose readings are each the power of one moment, and a load in step with them: the
run's own sensors show how far such readings may be off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.meters.clock_offset import RunPower
from energybench.meters.series import MeterSeries, spacing_s
from energybench.model import Doubt, Window

# Share of the energy that moments may miss before it is a doubt: one half of the target of
# `sensor_doubts`, as for power between the samples of a sensor of the node.
_HIDDEN = 0.01
# A reading that averages over this share of the time to the next reading misses next to nothing.
_WHOLE = 0.9
# The phase between the load and the readings is known no better than the clock of the meter, so
# that every phase is tried.
_PHASES = 40
_READINGS = 3  # within a repeat


def doubts(
    series: MeterSeries,
    t_s: Floats,
    averaging_s: float | None,
    run: RunPower | None,
    repeats: Sequence[Window],
) -> tuple[Doubt, ...]:
    """A doubt if moments of the run's own power, as far apart as the meter's readings, miss a share
    of the energy of the repeats that their scatter does not show.

    t_s          times of the readings, on the run's clock
    averaging_s  time over which a reading averages, as stated or shown by the readings; None if
                 neither is the case
    """
    spacing = spacing_s(series)
    if series.kind != "power" or series.held or run is None:
        return ()
    if averaging_s is not None and averaging_s >= _WHOLE * spacing:
        return ()
    missed = _missed_rel(t_s, averaging_s or 0.0, run, repeats, spacing)
    if missed <= _HIDDEN:
        return ()
    if averaging_s is None:
        message = f"if each reading of {series.where} is the power of one moment, the energy"
        remedy = "--averaging S states over which time a reading averages; otherwise a meter that"
        remedy += " averages or counts energy"
    else:
        part = f"averages over {averaging_s:.3g} s of {spacing:.3g} s"
        if averaging_s == 0:
            part = "is the power of one moment"
        message = f"each reading of {series.where} {part}: the energy"
        remedy = "a meter that averages over all of its spacing, or counts energy"
    return (
        Doubt(
            code="in-step-unseen",
            message=f"{message} may be off by {missed:.1%}, because the run's own power keeps in "
            f"step with the readings, which come every {spacing:.3g} s, in all repeats",
            remedy=f"{remedy}; or several repeats with spread starts (`run`, or `measure --repeats "
            "8`)",
        ),
    )


def _missed_rel(
    t_s: Floats, width_s: float, run: RunPower, repeats: Sequence[Window], spacing: float
) -> float:
    """The largest error of the energy over the phases of the readings, as a share of the energy;
    0 where the scatter of the repeats is as large.
    """
    # the sensors of the run do not resolve shorter moments
    width_s = max(width_s, float(np.median(np.diff(run.t_s))))
    if width_s >= _WHOLE * spacing:
        return 0.0
    worst = 0.0
    for phase in np.linspace(0.0, spacing, _PHASES, endpoint=False):
        errors = [
            error
            for window in repeats
            if (error := _error_rel(t_s + phase, width_s, run, window)) is not None
        ]
        if not errors:
            continue
        scatter = 0.0
        if len(errors) > 1:
            scatter = Z95 * float(np.std(errors, ddof=1)) / math.sqrt(len(errors))
        error = abs(float(np.mean(errors)))
        if error > scatter:
            worst = max(worst, error)
    return worst


def _error_rel(t_s: Floats, width_s: float, run: RunPower, window: Window) -> float | None:
    """Error of the energy between the first and the last moment within a window, by trapezoids;
    None if too few moments lie in the window.
    """
    half_s = width_s / 2
    times = t_s[(t_s > window.start_s + half_s) & (t_s < window.end_s - half_s)]
    if times.size < _READINGS:
        return None
    low, high, at = (
        np.interp(times + shift, run.t_s, run.energy_j) for shift in (-half_s, half_s, 0.0)
    )
    watts, true_j = (high - low) / width_s, float(at[-1] - at[0])
    shown_j = float(np.sum((watts[1:] + watts[:-1]) / 2 * np.diff(times)))
    return shown_j / true_j - 1 if true_j > 0 else None
