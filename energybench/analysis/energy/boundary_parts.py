"""Energy of each part of a boundary in each window: the table behind a measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from energybench.analysis.energy import counter_jumps
from energybench.analysis.energy.boundary import Cover, Model, Source
from energybench.analysis.energy.counter_check import cross_check
from energybench.analysis.energy.counter_jumps import Lack
from energybench.analysis.energy.scale_at_levels import Scale, scale_at_levels
from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.plausible import limit_w
from energybench.analysis.uncertainty.effect_kinds import Place, place_of, scale_kind
from energybench.analysis.uncertainty.effects import bound, effect, meter_error, rectangular
from energybench.model import Channel, Distribution, Effect, EffectKind, Part, Window


class Row(NamedTuple):
    """A part of the boundary.

    cells      an energy for each window, in the order of the windows
    scale_rel  errors of the sensor's scale, relative to the energy; empty for a part without a
               sensor
    """

    part: Part
    cells: tuple[WindowEnergy, ...]
    scale_rel: tuple[Effect, ...]

    @property
    def component(self) -> str:
        return self.part.reported_as


class Energies(Protocol):
    """Energy of a sensor in each of some windows."""

    def __call__(
        self, source: Source, curves: CurveOf, windows: Sequence[Window], /
    ) -> tuple[WindowEnergy, ...]: ...


class CurveOf(Protocol):
    """The curves of a run."""

    def get(self, name: str, /) -> Curve | None:
        """The curve of a channel by its id; None if nothing was measured."""


def table(cover: Cover, curves: CurveOf, windows: Sequence[Window]) -> tuple[Row, ...]:
    """A row for each part."""
    return tables(cover, curves, [windows])[0]


def tables(
    cover: Cover,
    curves: CurveOf,
    groups: Sequence[Sequence[Window]],
    energies: Energies | None = None,
) -> list[tuple[Row, ...]]:
    """A table for each group of windows. A sensor's curve is fetched once, for all groups.

    energies  analysis of a sensor; None: every window alone
    """
    sensed = [sensor_rows(source, curves, groups, energies) for source in cover.sources]
    return [with_models(cover, [rows[i] for rows in sensed], groups[i]) for i in range(len(groups))]


def with_models(cover: Cover, sensed: Sequence[Row], windows: Sequence[Window]) -> tuple[Row, ...]:
    """The rows of the sensors, and the rows of the parts without a sensor."""
    return (*sensed, *(_modelled(model, windows) for model in cover.models))


def sensor_rows(
    source: Source,
    curves: CurveOf,
    groups: Sequence[Sequence[Window]],
    energies: Energies | None = None,
) -> list[Row]:
    """The row of a sensor in the table of each group of windows.

    A sensor without readings in all windows leaves a missing part with a range.
    """
    rows = []
    energies = energies or _checked(lacks(source, curves), _scale(source, curves))
    for windows in groups:
        row = _sensed(source, energies(source, curves, windows), windows)
        if all(cell.energy_j is None for cell in row.cells):
            row = _silent(source, row, windows)
        rows.append(row)
    return rows


def lacks(source: Source, curves: CurveOf) -> tuple[Lack, ...]:
    """Energy missing in the counter, compared with the power readings of its device."""
    counter = curves.get(source.channel.id)
    check = curves.get(source.check.id) if source.check else None
    return counter_jumps.lacks(counter, check) if counter and check else ()


def _scale(source: Source, curves: CurveOf) -> Scale | None:
    """Ratio of the counter to the power readings of its device, over the whole run."""
    counter = curves.get(source.channel.id)
    check = curves.get(source.check.id) if source.check else None
    return scale_at_levels(counter, check) if counter and check else None


def _checked(lacking: Sequence[Lack], scale: Scale | None) -> Energies:
    """Energies of each window alone, checked against the power readings of the same device."""

    def energies(
        source: Source, curves: CurveOf, windows: Sequence[Window], /
    ) -> tuple[WindowEnergy, ...]:
        place = place_of(source.channel)
        cells = _energies(curves.get(source.channel.id), windows)
        check = curves.get(source.check.id) if source.check else None
        if check is None:
            return cells
        power = _energies(check, windows)
        cells = counter_jumps.widened(cells, windows, lacking, place)
        return in_place_of_lost(cross_check(cells, power, place, scale), power)

    return energies


def _energies(curve: Curve | None, windows: Sequence[Window]) -> tuple[WindowEnergy, ...]:
    return tuple(energy(curve, window) if curve else WindowEnergy(None) for window in windows)


def in_place_of_lost(
    counter: Sequence[WindowEnergy], power: Sequence[WindowEnergy]
) -> tuple[WindowEnergy, ...]:
    """Replace windows with a lost counter by the power readings, with a doubt about the loss."""
    return tuple(
        other._replace(doubts=(*mine.doubts, *other.doubts))
        if mine.lost and not other.lost
        else mine
        for mine, other in zip(counter, power, strict=True)
    )


def _sensed(source: Source, cells: Sequence[WindowEnergy], windows: Sequence[Window]) -> Row:
    """A part with a sensor."""
    channel = source.channel
    if source.may_repeat:
        cells = tuple(_down_to_nothing(cell, place_of(channel)) for cell in cells)
    part = source.part
    if part.state != "measured":
        part = _with_range(part, cells, windows, channel.gain.u_rel * math.sqrt(3.0))
    return Row(part, tuple(cells), _scale_rel(channel))


def _down_to_nothing(cell: WindowEnergy, place: Place) -> WindowEnergy:
    """The energy of a counter that may repeat another counter: beside the other counter, the energy
    may be zero.
    """
    if not cell.energy_j:
        return cell
    return cell._replace(effects=(*cell.effects, bound("same-register", -cell.energy_j, place)))


def _scale_rel(channel: Channel) -> tuple[Effect, ...]:
    """The error of the sensor's own scale, and the error of the calibrating meter."""
    gain = channel.gain
    own = effect(
        scale_kind(channel),
        gain.own_u_rel,
        place_of(channel),
        distribution=gain.distribution,
        key=gain.own_key,
    )
    return (own,) if gain.meter is None else (own, meter_error(gain.meter))


def _with_range(
    part: Part, cells: Sequence[WindowEnergy], windows: Sequence[Window], half_rel: float
) -> Part:
    """A part whose power is a model, with the range of its type-B uncertainty."""
    energies = [
        (cell.energy_j, window.duration_s)
        for cell, window in zip(cells, windows, strict=True)
        if cell.energy_j is not None and window.duration_s > 0
    ]
    if not energies:
        return part
    power_w = sum(joules for joules, _ in energies) / sum(seconds for _, seconds in energies)
    return msgspec.structs.replace(
        part, low_w=max(0.0, power_w * (1 - half_rel)), high_w=power_w * (1 + half_rel)
    )


def _silent(source: Source, row: Row, windows: Sequence[Window]) -> Row:
    """A part whose sensor gave no reading in any window."""
    part = msgspec.structs.replace(
        source.part, state="missing", low_w=0.0, high_w=limit_w(source.channel)
    )
    cells = _upper_bounds("no-reading", part, place_of(source.channel), windows)
    doubts = row.cells[0].doubts if row.cells else ()
    return Row(part, tuple(cell._replace(doubts=doubts) for cell in cells), ())


def _modelled(model: Model, windows: Sequence[Window]) -> Row:
    """A part without a sensor: modelled in the middle of its range, or missing."""
    part = model.part
    place = Place(part.component, part.device, "model")
    low, high = part.low_w or 0.0, part.high_w or 0.0
    if part.state == "missing":
        return Row(part, _upper_bounds("missing", part, place, windows), ())
    # Half of the range's variance belongs to the installed hardware and is the same in every run on
    # the machine; the rest belongs to the load.
    half_w = (high - low) / 2 / math.sqrt(2.0)
    cells = []
    for window in windows:
        seconds = window.duration_s
        hardware = rectangular("model", half_w * seconds, place, key=model.key, detail="hardware")
        load = rectangular("model", half_w * seconds, place, detail="load")
        cells.append(WindowEnergy((low + high) / 2 * seconds, (hardware, load)))
    return Row(part, tuple(cells), ())


def _upper_bounds(
    kind: EffectKind, part: Part, place: Place, windows: Sequence[Window]
) -> tuple[WindowEnergy, ...]:
    """No energy, and the part's largest power as a bound upward."""
    high_w = part.high_w or 0.0
    return tuple(
        WindowEnergy(0.0, (bound(kind, high_w * window.duration_s, place),)) for window in windows
    )


def mean_effects(cells: Sequence[WindowEnergy]) -> tuple[Effect, ...]:
    """The common effects of a mean over windows.

    Effects with the same name and key add linearly, because they are the same error in every
    window.
    """
    means: dict[tuple[str, Distribution, str | None], Effect] = {}
    for cell in cells:
        for common in cell.common:
            identity = (common.name, common.distribution, common.key)
            earlier = means.get(identity)
            u = common.u / len(cells) + (earlier.u if earlier else 0.0)
            means[identity] = msgspec.structs.replace(common, u=u)
    return tuple(means.values())


def total_j(rows: Sequence[Row], i: int) -> float | None:
    """Joules of all parts in window i; None if a part was not measured in the window."""
    total = 0.0
    for row in rows:
        joules = row.cells[i].energy_j
        if joules is None:
            return None
        total += joules
    return total
