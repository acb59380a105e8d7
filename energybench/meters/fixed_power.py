"""Power that a board's meter shows beside the board's own sensor at every load, in the idle phase
as in the repeats: the meter misses a feed (the slot), or it sees something beside the board. Pure.

Over the repeats alone such a power passes for a gain of the sensor. A gain goes through zero: the
line of the meter's power over the sensor's power, from the idle phase to the repeats, does so too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.coverage_factors import Z95, student_quantile
from energybench.analysis.uncertainty.effects import combine, normal
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.errors import BadInput
from energybench.meters.gain_effects import Energies, energies
from energybench.meters.prior_contradiction import MOST_U
from energybench.model import IDLE, REPEAT, Channel, Estimate, Window
from energybench.units import short_figure

# Rise of the sensor's power over its highest value, as for a node's meter: with less, the line is
# extrapolated to zero over four times its length.
MIN_RISE = 0.2
# The fixed power, relative to the meter's power in the repeats, is told to this standard
# uncertainty at least: three of them are then less than one of a board's sensor (4 %).
_KNOWN = 0.012
# Pieces of an idle window, and the least length of each, s.
_PIECES, _LEAST_S = 8, 1.0
# Updates of the meter, after one repeat and before the next, that the repeats may have touched.
_UPDATES = 2.0


class FixedPower(NamedTuple):
    """The meter's power where the sensor would show none.

    watts       fixed power, W; negative: the meter misses it
    rel, u_rel  the same relative to the meter's power in the repeats, and its standard uncertainty
    quiet_w     power of the meter and of the sensor in the quietest window, W
    load_w      the same in the repeats, W
    """

    watts: float
    rel: float
    u_rel: float
    quiet_w: tuple[float, float]
    load_w: tuple[float, float]

    @property
    def is_there(self) -> bool:
        """Whether the fixed power is more than the windows' effects explain."""
        return abs(self.rel) > MOST_U * self.u_rel


class Untold(NamedTuple):
    """Why a run does not tell the fixed power."""

    why: str

    def refusal(self, where: str) -> BadInput:
        return BadInput(
            where,
            "a power that the board's meter misses, or shows beside the board, would pass for the "
            f"sensor's gain, and the run does not tell it: {self.why}",
            "measure with --idle 30 or more, then attach",
        )


class _Level(NamedTuple):
    """Windows of one power, as the sensor and the meter show them. Shapes of the arrays [n]."""

    sensor: Energies
    meter: Energies
    seconds: Floats

    @property
    def sensor_w(self) -> float:
        return float(np.mean(np.array(self.sensor.joules) / self.seconds))

    @property
    def meter_w(self) -> float:
        return float(np.mean(np.array(self.meter.joules) / self.seconds))

    def apart_w(self, slope: float) -> Floats:
        """meter - slope * sensor, W, in each window."""
        return np.asarray(
            (np.array(self.meter.joules) - slope * np.array(self.sensor.joules)) / self.seconds
        )


def _u_w(level: _Level, pieces: _Level, slope: float) -> float:
    """Standard uncertainty of meter - slope * sensor, W, at a level. The scatter of its pieces
    stands for the effects of single windows if there are several, as in a gain.
    """
    both = (level.meter, 1.0), (level.sensor, slope)
    random_u = 0.0
    if pieces.seconds.size > 1:
        scatter = scatter_effect(pieces.apart_w(slope).tolist())
        if scatter is not None:
            random_u = scatter.u * student_quantile(pieces.seconds.size - 1) / Z95
    else:
        for one, factor in both:
            random_u = math.hypot(random_u, factor * float(one.random_u_w(level.seconds)[0]))
    common_u = 0.0
    for one, factor in both:
        random_u = math.hypot(random_u, factor * float(one.rounding_u_w(level.seconds).mean()))
        common_u += factor * abs(float(one.common_u_w(level.seconds).mean()))
    return random_u + common_u


def found(shown: Curve, meter: Curve, windows: Sequence[Window]) -> FixedPower | Untold:
    """The fixed power, by the repeats and the idle phase or else the pauses between the repeats."""
    repeats = [window for window in windows if window.label == REPEAT]
    update_s = meter.channel.update_period_s or 0.0
    margin_s = _UPDATES * update_s + meter.channel.window_s
    loaded = _level(shown, meter, repeats)
    quiet = _level(shown, meter, [window for window in windows if window.label == IDLE])
    pieces = _level(shown, meter, _pieces(windows, 2 * update_s))
    if loaded is not None and (quiet is None or _rise(quiet, loaded) < MIN_RISE):
        pauses = _level(shown, meter, _pauses(repeats, margin_s))
        quiet, pieces = (quiet, pieces) if pauses is None else (pauses, pauses)
    if loaded is None or quiet is None or pieces is None:
        return Untold("it has no idle phase, nor pauses between its repeats")
    if _rise(quiet, loaded) < MIN_RISE:
        return Untold(
            f"its windows do not differ enough in power ({quiet.sensor_w:.0f} W at rest and "
            f"{loaded.sensor_w:.0f} W in the repeats, by its sensor)"
        )
    rise_w = loaded.sensor_w - quiet.sensor_w
    slope = (loaded.meter_w - quiet.meter_w) / rise_w
    # each end of the line, carried to zero
    u_w = math.hypot(
        _u_w(quiet, pieces, slope) * loaded.sensor_w / rise_w,
        _u_w(loaded, loaded, slope) * quiet.sensor_w / rise_w,
    )
    if u_w > _KNOWN * loaded.meter_w:
        return Untold(f"its quiet time tells it to {short_figure(u_w, 2)} W only")
    fixed_w = loaded.meter_w - slope * loaded.sensor_w
    return FixedPower(
        fixed_w,
        fixed_w / loaded.meter_w,
        u_w / loaded.meter_w,
        (quiet.meter_w, quiet.sensor_w),
        (loaded.meter_w, loaded.sensor_w),
    )


def allowed_for(gain: Estimate, part: FixedPower, channel: Channel, where: str) -> Estimate:
    """The gain over the repeats, if the meter shows no fixed power. Of a small one nobody knows
    whether the meter misses it (the gain is then that of the rise) or the sensor's zero is off (at
    the power of the repeats it is then that of the repeats): the interval holds both gains.

    Raises BadInput for a fixed power that changes the gain by more than the gain was unsure before.
    """
    if not part.is_there:
        return gain
    change_rel = part.rel / (1 - part.rel) if part.rel < 1 else 1.0
    if abs(change_rel) >= channel.gain.u_rel:
        raise _contradiction(part, channel, where)
    change = gain.value * change_rel
    middle = gain.value + change / 2
    effects = (*gain.effects, normal("fixed-power", abs(change) / 2 / Z95))
    return combine(middle, effects)


def _contradiction(part: FixedPower, channel: Channel, where: str) -> BadInput:
    rows = (
        f"{short_figure(meter_w, 4)} W {when}, where the sensor shows {short_figure(sensor_w, 4)} W"
        for when, (meter_w, sensor_w) in (
            ("at rest", part.quiet_w),
            ("in the repeats", part.load_w),
        )
    )
    return BadInput(
        where,
        f"no gain of {channel.id} explains the meter, which shows {', and '.join(rows)}: about "
        f"{abs(part.watts):.0f} W {'less' if part.watts < 0 else 'more'} at every load",
        "the meter misses a feed of the board (the slot, or a cable) or sees something beside the "
        "board, or its zero or that of the sensor is off: correct that, measure and attach again",
    )


def _level(shown: Curve, meter: Curve, spans: Sequence[Window]) -> _Level | None:
    """The windows that both saw; None if there are none."""
    cells = zip(energies(shown, spans).cells, energies(meter, spans).cells, spans, strict=True)
    both = [
        (of_sensor, of_meter, window.duration_s)
        for of_sensor, of_meter, window in cells
        if of_sensor.energy_j is not None and of_meter.energy_j is not None
    ]
    if not both:
        return None
    return _Level(
        Energies(shown.channel, tuple(cell for cell, _, _ in both)),
        Energies(meter.channel, tuple(cell for _, cell, _ in both)),
        np.array([seconds for _, _, seconds in both]),
    )


def _rise(quiet: _Level, loaded: _Level) -> float:
    """Rise of the sensor's power, relative to its power in the repeats."""
    return 1 - quiet.sensor_w / loaded.sensor_w if loaded.sensor_w > 0 else 0.0


def _pieces(windows: Sequence[Window], least_s: float) -> list[Window]:
    """The idle windows in pieces, whose scatter shows how well their power is known."""
    pieces = []
    for window in windows:
        if window.label != IDLE or window.duration_s <= 0:
            continue
        count = max(1, min(_PIECES, int(window.duration_s / max(least_s, _LEAST_S))))
        edges = np.linspace(window.start_s, window.end_s, count + 1).tolist()
        pieces += [Window(label=IDLE, start_s=a, end_s=b) for a, b in pairwise(edges)]
    return pieces


def _pauses(repeats: Sequence[Window], margin_s: float) -> list[Window]:
    """The times between the repeats, without what the meter may have averaged with a repeat."""
    ordered = sorted(repeats, key=lambda window: window.start_s)
    return [
        Window(label=IDLE, start_s=before.end_s + margin_s, end_s=after.start_s - margin_s)
        for before, after in pairwise(ordered)
        if after.start_s - before.end_s >= 2.5 * margin_s > 0
    ]
