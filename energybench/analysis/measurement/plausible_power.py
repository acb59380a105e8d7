"""Doubts about powers that no part can draw, over the time of whole repeats.

A sensor with a wrong unit or scale, or with a register fed from another source, gives readings that
look like a power but are not a power. Single readings are dropped elsewhere (traces/plausible.py);
here the mean over the repeats is impossible.
"""

from __future__ import annotations

from collections.abc import Sequence

from energybench.analysis.energy.boundary import Source
from energybench.analysis.energy.boundary_parts import CurveOf, Row
from energybench.analysis.energy.window_energy import energy
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.model import Channel, Doubt, Window
from energybench.units import short_figure

# Least power of a switched-on part, W. A mobile package in its deepest state draws some tenths of a
# watt, a board some watts, and a node without load more than a watt.
_LEAST_W = {"cpu.package": 0.1, "gpu.board": 1.0, "module": 0.5, "node": 1.0, "node.ac": 1.0}
# A board keeps its power limit on average over a second; the tolerance of its own sensor is 5 %.
_ABOVE_LIMIT = 1.25
_LEAST_S = 1.0  # least time of the repeats for a mean power
# A node draws at least the power of its parts; gains of both, as at an attached meter.
_LEAST_OF_PARTS = 0.8


def of_sensors(
    sources: Sequence[Source], rows: Sequence[Row], windows: Sequence[Window]
) -> list[Doubt]:
    """Doubts about sensors whose mean power over the repeats is too low or too high for their part.

    rows  a row for each source, in the same order; further rows have no sensor
    """
    doubts = []
    for source, row in zip(sources, rows, strict=False):
        watts = _mean_w(row, windows)
        if row.part.state != "measured" or watts is None:
            continue
        channel, name = source.channel, place_of(source.channel).words
        least_w, limit_w = _LEAST_W.get(channel.component, 0.0), channel.power_limit_w
        if 0 < watts < least_w:
            why = f"less than the {least_w:g} W that a part draws which is switched on"
        elif channel.component == "gpu.board" and limit_w and watts > _ABOVE_LIMIT * limit_w:
            why = f"above its power limit of {limit_w:.4g} W, which a board keeps on average"
        else:
            continue
        doubts.append(
            Doubt(
                code="power-implausible",
                message=f"{name} shows {short_figure(watts)} W on average over the repeats, {why}: "
                "unit or scale of the sensor may be wrong",
                remedy="calibrate shows the sensor beside a known load; update driver or firmware",
                subject=name,
            )
        )
    return doubts


def of_node(
    inside: Sequence[Channel], rows: Sequence[Row], curves: CurveOf, windows: Sequence[Window]
) -> list[Doubt]:
    """A doubt about a node meter that shows less than the sensors of the parts inside.

    inside  channels of the parts inside, each part once
    """
    doubts = []
    for row in rows:
        watts = _mean_w(row, windows)
        if row.part.component not in ("node", "node.ac") or watts is None:
            continue
        inside_w = _inside_w(inside, curves, windows)
        if watts >= _LEAST_OF_PARTS * inside_w:
            continue
        name = f"{row.part.component} {row.part.device}".strip()
        doubts.append(
            Doubt(
                code="power-implausible",
                message=f"{name} shows {watts:.4g} W on average over the repeats, and the sensors "
                f"of the parts inside {inside_w:.4g} W: one of them is wrong",
                remedy="compare with another meter (attach); update the firmware of the meter",
                subject=name,
            )
        )
    return doubts


def _mean_w(row: Row, windows: Sequence[Window]) -> float | None:
    """Mean power over the repeats with an energy; None for too short a time."""
    known = [
        (cell.energy_j, window.duration_s)
        for cell, window in zip(row.cells, windows, strict=True)
        if cell.energy_j is not None
    ]
    seconds = sum(duration_s for _, duration_s in known)
    return sum(energy_j for energy_j, _ in known) / seconds if seconds >= _LEAST_S else None


def _inside_w(inside: Sequence[Channel], curves: CurveOf, windows: Sequence[Window]) -> float:
    """Mean power of the parts whose sensors told the energy of every repeat."""
    seconds = sum(window.duration_s for window in windows)
    watts = 0.0
    for channel in inside:
        curve = curves.get(channel.id) if channel.quality == "measured" else None
        energies = [energy(curve, window).energy_j for window in windows] if curve else []
        known = [joules for joules in energies if joules is not None]
        if known and len(known) == len(windows):
            watts += sum(known) / seconds
    return watts
