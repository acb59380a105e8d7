"""Doubts about how well the sensors saw the work: sampling, short repeats, gaps, stuck sensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.analysis.energy.boundary import Source
from energybench.analysis.energy.boundary_parts import CurveOf, Row
from energybench.analysis.energy.reading_holes import frozen_readings, holes, longest_s
from energybench.analysis.measurement import unseen_doubts
from energybench.analysis.measurement.pause_doubts import paused_s
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.analysis.uncertainty.effect_kinds import KINDS, place_of
from energybench.model import Doubt, Pause, Window
from energybench.units import counted

# Half-width of the 95 % interval that sampling may take, relative to the energy. Equal to the
# scatter at which `run` stops by default.
TARGET_REL = 0.02
# A window shorter than this many averaging windows shows mostly power from outside the window.
_SMEARED = 0.9
# Readings of a part-time sensor over all repeats. Fewer readings show neither a mean nor a scatter.
_READINGS = 9
# Updates of a counter that may only add up samples. With fewer updates an edge is a large part of
# the counter's energy.
_UPDATES = 5
# Updates within a repeat. With fewer, most readings of a part-time sensor lie across an edge.
_BRIEF = 3


class Sampling(NamedTuple):
    """Relative standard uncertainty of the mean energy from sampling.

    edges_rel   the part that falls as 1/length of a repeat
    unseen_rel  the part that falls as 1/√length
    """

    edges_rel: float
    unseen_rel: float

    @property
    def rel(self) -> float:
        return math.hypot(self.edges_rel, self.unseen_rel)


def sampling(rows: Sequence[Row], repeats: int) -> Sampling | None:
    """Uncertainty by sampling, of the windows of the rows; None if nothing was measured."""
    complete = [i for i in range(repeats) if all(row.cells[i].energy_j is not None for row in rows)]
    total_j = sum(row.cells[i].energy_j or 0.0 for row in rows for i in complete)
    if not complete or total_j <= 0:
        return None
    squares = {"1/t": 0.0, "1/√t": 0.0}
    for row in rows:
        for i in complete:
            for effect in row.cells[i].random:
                falls = KINDS[effect.kind].falls
                if falls != "no":
                    squares[falls] += effect.u**2
    return Sampling(math.sqrt(squares["1/t"]) / total_j, math.sqrt(squares["1/√t"]) / total_j)


def of_sampling(
    uncertainty: Sampling | None, windows: Sequence[Window], period_s: float
) -> list[Doubt]:
    """A doubt if the uncertainty from sampling exceeds the target, with the length or the number
    of repeats that would reach the target.

    period_s  update period of the slowest sensor
    """
    if uncertainty is None or not windows or Z95 * uncertainty.rel <= TARGET_REL:
        return []
    n = len(windows)
    length_s = sum(window.duration_s for window in windows) / n
    allowed_rel = TARGET_REL / Z95
    factor = uncertainty.rel / allowed_rel
    longer_s = length_s * factor
    if uncertainty.unseen_rel > uncertainty.edges_rel:
        longer_s = length_s * uncertainty.unseen_rel**2 / allowed_rel**2
    repeats = math.ceil(n * factor**2)
    spread = f" with starts spread over the sensor's {period_s:.2g} s" if period_s >= 0.01 else ""
    return [
        Doubt(
            code="sampling-error",
            message=f"power that the sensors did not see leaves ±{Z95 * uncertainty.rel:.1%} open "
            f"at {counted(n, 'repeat')} of {length_s:.3g} s",
            remedy=f"about {_two_digits(longer_s)} s of work in a repeat, or "
            f"{counted(repeats, 'repeat')}"
            f"{spread}, for ±{TARGET_REL:.0%}",
        )
    ]


def _two_digits(seconds: float) -> str:
    return f"{float(f'{seconds:.2g}'):g}"


def of_sensors(
    sources: Sequence[Source],
    curves: CurveOf,
    windows: Sequence[Window],
    pauses: Sequence[Pause] = (),
) -> list[Doubt]:
    """Doubts about sensors that cannot resolve the energy of work as short as these windows, about
    counters that only add up samples, and about stretches without a reading.

    pauses  pauses of the measuring side, with their own doubt
    """
    doubts: list[Doubt] = []
    for source in sources:
        curve = curves.get(source.channel.id)
        if source.may_repeat:
            doubts.append(_register_unclear(source))
        if curve is None and source.check is not None:
            # The counter gave no readings, and the power readings of the device replace the
            # counter.
            curve = curves.get(source.check.id)
        if curve is not None and windows:
            doubts += _sampling_counter(curve)
            doubts += unseen_doubts.of_unseen(curve, windows)
            doubts += _saturated(curve, windows)
            doubts += _too_short(curve, windows)
            doubts += _hole(curve, windows, pauses)
    return doubts


def _register_unclear(source: Source) -> Doubt:
    name = place_of(source.channel).words
    return Doubt(
        code="register-unclear",
        message=f"the counter of {name} lies so close to the counter of another die of "
        f"{source.channel.socket} that the two may be one register",
        remedy="a longer run shows whether the two move apart",
        subject=name,
    )


def _sampling_counter(curve: Curve) -> list[Doubt]:
    """A counter that was recognised as the sum of a part-time sensor's samples."""
    channel = curve.channel
    if not (curve.part_time and channel.kind == "counter" and channel.window_s == 0):
        return []
    name = place_of(channel).words
    share = f"{curve.window_s * 1e3:.3g} of every {curve.period_s * 1e3:.3g} ms"
    return [
        Doubt(
            code="sampling-counter",
            message=f"the energy counter of {name} adds up its power readings, which see {share}: "
            "inferred from this run's own samples",
            remedy="`energybench calibrate` settles it; spread the starts of repeats",
            subject=name,
        )
    ]


def _saturated(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """Power readings that stop at one value while the load moves."""
    if curve.saturated_w is None or not any(
        curve.at_top_s(window.start_s, window.end_s) for window in windows
    ):
        return []
    name = place_of(curve.channel).words
    remedy = "use the energy counter of the device, or a node meter"
    if curve.channel.reference:
        remedy = "a meter with a larger range"
    return [
        Doubt(
            code="power-saturated",
            message=f"the power readings of {name} stop at {curve.saturated_w:.4g} W: the true "
            "power may have been above it",
            remedy=remedy,
            subject=name,
        )
    ]


def _too_short(curve: Curve, windows: Sequence[Window]) -> list[Doubt]:
    """Repeats that are too short, or too few, for this sensor."""
    name = place_of(curve.channel).words
    shortest_s = min(window.duration_s for window in windows)
    updates = math.inf
    if curve.period_s:
        updates = sum(window.duration_s for window in windows) / curve.period_s
    whole_updates = "many" if math.isinf(updates) else str(max(1, int(updates)))
    doubts = []
    averages = curve.power_w is not None and curve.window_s >= curve.period_s
    if averages and shortest_s < _SMEARED * curve.window_s:
        message = (
            f"{name} averages over {curve.window_s:.3g} s: its readings of repeats of "
            f"{shortest_s:.3g} s are mostly power from before and after them"
        )
        doubts.append(_unusable(name, message, f"repeats of {2 * curve.window_s:.3g} s or more"))
    if curve.power_w is None and _without_update(curve, windows):
        message = (
            f"the counter of {name} updates every {curve.period_s:.3g} s: repeats of "
            f"{shortest_s:.3g} s hold less than one whole update"
        )
        doubts.append(_unusable(name, message, f"repeats of {3 * curve.period_s:.3g} s or more"))
    if not curve.classified and updates < _UPDATES:
        message = (
            f"{whole_updates} updates do not show whether the counter of {name} adds up samples or "
            "sees all power"
        )
        remedy = (
            f"at least {_UPDATES} updates: longer or more repeats; `energybench calibrate` "
            "settles it"
        )
        doubts.append(_unusable(name, message, remedy))
    if curve.part_time and (updates < _READINGS or shortest_s < _BRIEF * curve.period_s):
        message = (
            f"{name} gave about {whole_updates} readings in all: too few, or too near the edges, "
            "to tell a mean"
        )
        remedy = f"at least {_READINGS} readings: longer or more repeats"
        doubts.append(_unusable(name, message, remedy))
    return doubts


def _without_update(curve: Curve, windows: Sequence[Window]) -> bool:
    """Whether a window holds no whole update of a counter."""
    return any(
        window.duration_s < curve.period_s
        or (
            window.duration_s < 2 * curve.period_s
            and not curve.means_w(window.start_s, window.end_s).size
        )
        for window in windows
    )


def _unusable(name: str, message: str, remedy: str) -> Doubt:
    return Doubt(code="unusable", message=message, remedy=remedy, subject=name)


def _hole(curve: Curve, windows: Sequence[Window], pauses: Sequence[Pause]) -> list[Doubt]:
    """The first stretch without a reading inside the repeats, other than the pauses of the
    measuring side.

    A counter goes on counting through the stretch; an edge inside the stretch is interpolated.
    """
    name = place_of(curve.channel).words
    frozen = frozen_readings(curve)  # with a separate doubt
    remedy = "repeat the run: the power of that time is interpolated"
    if curve.channel.kind == "counter":
        remedy = "leave a core to the sampler; repeat the run"
    for window in windows:
        for low_s, high_s in holes(curve, window.start_s, window.end_s):
            if any(low_s < end_s and high_s > start_s for start_s, end_s in frozen):
                continue
            draws = curve.mean_w(curve.segment((low_s + high_s) / 2)) > 0
            if draws and high_s - low_s - paused_s(pauses, low_s, high_s) > longest_s(curve):
                inside_s = min(high_s, window.end_s) - max(low_s, window.start_s)
                message = (
                    f"no reading of {name} for {high_s - low_s:.1f} s, "
                    f"{max(inside_s, 0.0):.2g} s of them within the work"
                )
                return [Doubt(code="reading-gap", message=message, remedy=remedy, subject=name)]
    return []
