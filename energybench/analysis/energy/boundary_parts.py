"""Energy of every part of a boundary in every window: the table that a measurement is summed from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.energy.boundary import Cover, Model, Source, component_name
from energybench.analysis.energy.window_energy import WindowEnergy, cross_check, energy, limit_w
from energybench.analysis.traces.curve import Curve
from energybench.analysis.uncertainty.effects import bound, rectangular
from energybench.model import Distribution, Effect, Part, Window


class Row(NamedTuple):
    """One part: its energies, one a window, in the windows' order."""

    part: Part
    cells: tuple[WindowEnergy, ...]
    gain: (
        tuple[float, Distribution, str, str] | None
    )  # (u_rel, distribution, key, name) of a sensor's scale; None for a modelled part

    @property
    def component(self) -> str:
        return component_name(self.part)


def table(cover: Cover, curves: Mapping[str, Curve], windows: Sequence[Window]) -> tuple[Row, ...]:
    """One row a part.

    A sensor that gave nothing in any window leaves a missing part with a range.
    """
    rows = []
    for source in cover.sources:
        row = _measured(source, curves, windows)
        rows.append(
            row
            if any(cell.energy_j is not None for cell in row.cells)
            else _silent(source, row, windows)
        )
    rows += [_modelled(model, windows) for model in cover.models]
    return tuple(rows)


def _measured(source: Source, curves: Mapping[str, Curve], windows: Sequence[Window]) -> Row:
    channel = source.channel
    counter = curves.get(channel.id)
    check = curves.get(source.check.id) if source.check else None
    cells = tuple(energy(counter, window) if counter else WindowEnergy(None) for window in windows)
    if check is not None:
        against = tuple(energy(check, window) for window in windows)
        checked = cross_check(cells, against, f"{channel.component} {channel.device}")
        cells = tuple(
            cell if cell.energy_j is not None else other
            for cell, other in zip(checked, against, strict=True)
        )
    gain = channel.gain
    part = (
        source.part
        if source.part.state == "measured"
        else _ranged(source.part, cells, windows, gain.u_rel * math.sqrt(3.0))
    )
    return Row(
        part,
        cells,
        (gain.u_rel, gain.distribution, gain.key, f"{channel.component} {channel.device}: gain"),
    )


def _ranged(
    part: Part, cells: Sequence[WindowEnergy], windows: Sequence[Window], half_rel: float
) -> Part:
    """A part whose power is a model's, with the range that its type-B uncertainty states."""
    known = [
        (cell.energy_j, window.duration_s)
        for cell, window in zip(cells, windows, strict=True)
        if cell.energy_j is not None and window.duration_s > 0
    ]
    if not known:
        return part
    power_w = sum(joules for joules, _ in known) / sum(seconds for _, seconds in known)
    return Part(
        component=part.component,
        device=part.device,
        state=part.state,
        used=part.used,
        low_w=max(0.0, power_w * (1 - half_rel)),
        high_w=power_w * (1 + half_rel),
    )


def _silent(source: Source, row: Row, windows: Sequence[Window]) -> Row:
    high = limit_w(source.channel)
    part = Part(
        component=source.part.component,
        device=source.part.device,
        used=source.part.used,
        state="missing",
        low_w=0.0,
        high_w=high,
    )
    cells = _missing(part, f"{part.component} {part.device}: no reading", windows)
    doubts = row.cells[0].doubts if row.cells else ()
    return Row(part, tuple(cell._replace(doubts=doubts) for cell in cells), None)


def _modelled(model: Model, windows: Sequence[Window]) -> Row:
    part = model.part
    low, high = part.low_w or 0.0, part.high_w or 0.0
    name = f"{part.component} {part.device}"
    if part.state == "missing":
        return Row(part, _missing(part, f"{name}: missing", windows), None)
    # Half of the range's variance belongs to the hardware (what is installed) and is shared by
    # every run on it, half to the load.
    half = (high - low) / 2 / 2**0.5
    cells = tuple(
        WindowEnergy(
            (low + high) / 2 * window.duration_s,
            common=(
                rectangular(f"{name}: model, hardware", half * window.duration_s, model.key),
                rectangular(f"{name}: model, load", half * window.duration_s),
            ),
        )
        for window in windows
    )
    return Row(part, cells, None)


def _missing(part: Part, name: str, windows: Sequence[Window]) -> tuple[WindowEnergy, ...]:
    """Nothing in the energy, the whole range in its interval, upward only."""
    return tuple(
        WindowEnergy(0.0, common=(bound(name, (part.high_w or 0.0) * window.duration_s),))
        for window in windows
    )


def mean_effects(cells: Sequence[WindowEnergy]) -> tuple[Effect, ...]:
    """The common effects of a mean over windows: those of one name and key add up linearly, for
    they are the same error each time.
    """
    gathered: dict[tuple[str, Distribution, str | None], float] = {}
    for cell in cells:
        for effect in cell.common:
            place = (effect.name, effect.distribution, effect.key)
            gathered[place] = gathered.get(place, 0.0) + effect.u / len(cells)
    return tuple(
        Effect(name=name, u=u, distribution=distribution, key=key)
        for (name, distribution, key), u in gathered.items()
    )


def total_j(rows: Sequence[Row], i: int) -> float | None:
    """Joules of all parts in window i; None where one of them was not measured in it."""
    cells = [row.cells[i].energy_j for row in rows]
    return (
        None
        if any(cell is None for cell in cells)
        else sum(cell for cell in cells if cell is not None)
    )
