"""How well the sensors saw the work: what sampling leaves open, what length or how many repeats
would close it, and what no repeat can mend.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from energybench.analysis.energy.boundary import Source
from energybench.analysis.energy.boundary_parts import Row
from energybench.analysis.energy.window_energy import EDGES, RESOLUTION, UNSEEN
from energybench.analysis.traces.curve import Curve
from energybench.model import Doubt, Trace, Window

# of the 95 % interval's half-width that sampling may take: what `run` asks of the scatter by
# default
TARGET_REL = 0.02
# a window shorter than this many averaging windows is mostly what was smeared in from outside
_SMEARED = 0.9
_READINGS = (
    9  # of a part-time sensor over all repeats: fewer tell neither the mean nor how much it varies
)
# of a counter that may be adding up its samples: with fewer an edge is a large part of what it says
_UPDATES = 5
_BRIEF = (
    3  # updates within one repeat: below, most of what a part-time sensor reads lies across an edge
)
_STUCK = 20  # readings without any change: a real sensor's last digits move
# s, and three updates: a stretch without readings that an edge falls into is interpolated over
_HOLE = 0.5


class Sampling(NamedTuple):
    """Standard uncertainty of the mean energy that sampling causes, relative, by how it falls with
    the length of a repeat.
    """

    edges_rel: float  # as 1/length
    unseen_rel: float  # as 1/√length

    @property
    def rel(self) -> float:
        return math.hypot(self.edges_rel, self.unseen_rel)


def sampling(rows: Sequence[Row], repeats: int) -> Sampling | None:
    """Of the rows' own windows; None where nothing was measured."""
    whole = [i for i in range(repeats) if all(row.cells[i].energy_j is not None for row in rows)]
    total = sum(row.cells[i].energy_j or 0.0 for row in rows for i in whole)
    if not whole or total <= 0:
        return None
    sums = {EDGES: 0.0, UNSEEN: 0.0}
    for row in rows:
        for i in whole:
            for effect in row.cells[i].random:
                kind = (
                    UNSEEN
                    if effect.name.endswith(UNSEEN)
                    else EDGES
                    if effect.name.endswith((EDGES, RESOLUTION))
                    else None
                )
                if kind is not None:
                    sums[kind] += effect.u**2
    return Sampling(math.sqrt(sums[EDGES]) / total, math.sqrt(sums[UNSEEN]) / total)


def of_sampling(found: Sampling | None, windows: Sequence[Window], period_s: float) -> list[Doubt]:
    """What sampling leaves open, where that is more than the target; with the length, or the number
    of repeats, that would close it.
    """
    if found is None or not windows or 1.96 * found.rel <= TARGET_REL:
        return []
    n, length_s = len(windows), sum(window.duration_s for window in windows) / len(windows)
    allowed = TARGET_REL / 1.96
    factor = found.rel / allowed
    longer_s = length_s * (
        found.unseen_rel**2 / allowed**2 if found.unseen_rel > found.edges_rel else factor
    )
    repeats = math.ceil(n * factor**2)
    message = (
        f"what the sensors did not see leaves ±{1.96 * found.rel:.1%} open at {n} repeat(s) of "
        f"{length_s:.3g} s"
    )
    spread = f" with starts spread over the sensor's {period_s:.2g} s" if period_s >= 0.01 else ""
    remedy = (
        f"about {_two(longer_s)} s of work in a repeat, or {repeats} repeats{spread}, for "
        f"±{TARGET_REL:.0%}"
    )
    return [Doubt(code="sampling-error", message=message, remedy=remedy)]


def _two(seconds: float) -> str:
    return f"{float(f'{seconds:.2g}'):g}"


def of_sensors(
    sources: Sequence[Source], curves: Mapping[str, Curve], windows: Sequence[Window]
) -> list[Doubt]:
    """Sensors that cannot tell this work's energy at this length, and counters found to add up only
    what they sampled.
    """
    found = []
    for source in sources:
        curve = curves.get(source.channel.id)
        if curve is None or not windows:
            continue
        name, shortest = (
            f"{source.channel.component} {source.channel.device}",
            min(window.duration_s for window in windows),
        )
        if curve.part_time and curve.channel.kind == "counter" and curve.channel.window_s == 0:
            share = f"{curve.window_s * 1e3:.3g} of every {curve.period_s * 1e3:.3g} ms"
            message = (
                f"the energy counter of {name} adds up its power readings, which see {share}: "
                "inferred from this run's own samples"
            )
            found.append(
                Doubt(
                    code="sampling-counter",
                    message=message,
                    remedy="`energybench calibrate` settles it; spread the starts of repeats",
                )
            )
        if (
            curve.power_w is not None
            and curve.window_s >= curve.period_s
            and shortest < _SMEARED * curve.window_s
        ):
            message = (
                f"{name} averages over {curve.window_s:.3g} s: repeats of {shortest:.3g} s are "
                "mostly what came before and after them"
            )
            found.append(_unusable(message, f"repeats of {2 * curve.window_s:.3g} s or more"))
        readings = (
            sum(window.duration_s for window in windows) / curve.period_s
            if curve.period_s
            else math.inf
        )
        if not curve.told and readings < _UPDATES:
            message = (
                f"whether the counter of {name} adds up samples or sees all cannot be told from "
                f"{max(1, int(readings))} updates"
            )
            found.append(
                _unusable(
                    message,
                    f"at least {_UPDATES} updates: longer or more repeats; `energybench calibrate` "
                    "settles it",
                )
            )
        if curve.part_time and (readings < _READINGS or shortest < _BRIEF * curve.period_s):
            message = (
                f"{name} gave about {max(1, int(readings))} readings in all: too few, or too near "
                "the edges, to tell a mean"
            )
            found.append(
                _unusable(message, f"at least {_READINGS} readings: longer or more repeats")
            )
        found += _holes(curve, name, windows)
    return found


def _unusable(message: str, remedy: str) -> Doubt:
    return Doubt(code="unusable", message=message, remedy=remedy)


def _holes(curve: Curve, name: str, windows: Sequence[Window]) -> list[Doubt]:
    """Stretches without a reading inside the repeats: a counter goes on counting through them, an
    edge in one is a guess.
    """
    gaps = np.diff(curve.t_s)
    for i in np.flatnonzero(gaps > max(_HOLE, 3 * curve.period_s)).tolist():
        low, high = float(curve.t_s[i]), float(curve.t_s[i + 1])
        if curve.mean_w(i) > 0 and any(
            window.start_s < high and window.end_s > low for window in windows
        ):
            message = f"no reading of {name} for {high - low:.1f} s within the work"
            return [
                Doubt(
                    code="reading-gap",
                    message=message,
                    remedy="leave a core to the sampler; repeat the run"
                    if curve.channel.kind == "counter"
                    else "repeat the run: what was drawn then is a guess",
                )
            ]
    return []


def of_stuck(traces: Sequence[Trace]) -> list[Doubt]:
    """Sensors that show one value for ever: a counter that stands still, a power reading that never
    moves, zero among them.
    """
    found = []
    for trace in traces:
        raw, channel = trace.raw[trace.ok], trace.channel
        if channel.quality != "measured" or raw.size < _STUCK or (raw != raw[0]).any():
            continue
        name, what = (
            f"{channel.collector} {channel.component} {channel.device} "
            f"({channel.quantity or channel.kind})",
            "counter" if channel.kind == "counter" else "sensor",
        )
        value = raw[0] * channel.resolution
        shown = f"{value:.6g} {'J' if channel.kind == 'counter' else 'W'}"
        message = f"the {what} {name} showed {shown} in each of its {raw.size} readings"
        found.append(
            Doubt(
                code="stuck-sensor",
                message=message,
                remedy="see whether the driver or firmware feeds it; calibrate tells under load",
            )
        )
    return found
