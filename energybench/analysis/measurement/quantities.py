"""Quantities of a measurement beside its energy: power, net energy, energy per work, rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from energybench.analysis.energy import mean_energy
from energybench.analysis.energy.boundary_parts import Row, total_j
from energybench.analysis.measurement.roofline import Counted, roofline
from energybench.analysis.uncertainty.effects import combine, not_negative, rectangular, scaled
from energybench.analysis.uncertainty.propagation import propagate
from energybench.analysis.uncertainty.repeats import arithmetic_mean, scatter_effect
from energybench.model import (
    DeviceLimits,
    Doubt,
    Estimate,
    Quality,
    Roofline,
    Window,
    Work,
    quality_of,
)
from energybench.units import short_figure

# Half-width of the error of the time of the work, s: a program is loaded after its start, and
# returns its memory before its end. The effect enters only if no scatter contains the effect.
_TIME_HALF_WIDTH_S = 1e-3


class Repeats(NamedTuple):
    """The repeats of a run, with their energies.

    rows    a row for each part of the boundary, with a cell for each repeat
    works   work of each repeat, as far as recorded
    totals  energy of each repeat, J; None if a part was not measured in the repeat
    """

    windows: tuple[Window, ...]
    rows: tuple[Row, ...]
    works: tuple[Work | None, ...]
    totals: tuple[float | None, ...]

    @classmethod
    def of(
        cls, windows: Sequence[Window], rows: Sequence[Row], works: Sequence[Work | None]
    ) -> Repeats:
        totals = tuple(total_j(rows, i) for i in range(len(windows)))
        return cls(tuple(windows), tuple(rows), tuple(works), totals)

    @property
    def times_s(self) -> list[float]:
        return [window.duration_s for window in self.windows]

    @property
    def time_half_s(self) -> float:
        """Half-width of the error of the mean time of a repeat: how late start and end of the work
        may have been noticed.
        """
        halves = [window.start_half_s + window.end_half_s for window in self.windows]
        return _TIME_HALF_WIDTH_S + (math.fsum(halves) / len(halves) if halves else 0.0)

    @property
    def complete(self) -> list[int]:
        """Indices of the repeats in which every part was measured."""
        return [i for i, total in enumerate(self.totals) if total is not None]

    @property
    def energies_j(self) -> list[float]:
        """Energies of the complete repeats."""
        return [total for total in self.totals if total is not None]

    def all_works(self) -> list[Work] | None:
        """The work of every repeat; None if the work of a repeat is unknown."""
        works = [work for work in self.works[: len(self.windows)] if work is not None]
        return works if len(works) == len(self.windows) else None


def time(repeats: Repeats) -> Estimate:
    """Mean time of a repeat."""
    edges = rectangular("time-edges", repeats.time_half_s)
    return mean_energy.mean(repeats.times_s, (), (edges,))


def power(repeats: Repeats) -> Estimate:
    """Mean power: energy over time, so that R = S · P_baseline / P_candidate holds exactly.

    The scatter is the scatter of the repeats' powers.
    """
    energies_j = repeats.energies_j
    times_s = [repeats.times_s[i] for i in repeats.complete]
    powers_w = [joules / seconds for joules, seconds in zip(energies_j, times_s, strict=True)]
    scatter = scatter_effect(powers_w)
    common = mean_energy.common(repeats.rows, repeats.complete)
    effects = scaled(common, len(times_s) / sum(times_s))
    mean_w = sum(energies_j) / sum(times_s)
    return not_negative(combine(mean_w, (*((scatter,) if scatter else ()), *effects)))


def components(repeats: Repeats) -> dict[str, Estimate]:
    """Mean energy of each component that was measured or modelled."""
    names = sorted({row.component for row in repeats.rows if row.part.state != "missing"})
    complete = repeats.complete
    estimates = {}
    for name in names:
        rows = [row for row in repeats.rows if row.component == name]
        values = [total for i in complete if (total := total_j(rows, i)) is not None]
        if values:
            common = mean_energy.common(rows, complete)
            single = mean_energy.single(rows, complete)
            estimates[name] = mean_energy.mean(values, common, single)
    return estimates


def component_energies(rows: Sequence[Row], i: int) -> dict[str, float]:
    """Joules of window i by component; a missing part has no entry."""
    energies: dict[str, float] = {}
    for row in rows:
        joules = row.cells[i].energy_j
        if joules is not None and row.part.state != "missing":
            energies[row.component] = energies.get(row.component, 0.0) + joules
    return energies


def net(
    energy: Estimate | None, idle: Estimate | None, time: Estimate
) -> tuple[Estimate | None, tuple[Doubt, ...]]:
    """Gross energy less idle energy; refused with a doubt if its interval contains 0.

    The uncertainty of the idle power is common to all windows with this idle power.
    """
    if energy is None or idle is None:
        return None, ()
    difference = propagate(lambda x: x["e"] - x["p"] * x["t"], {"e": energy, "p": idle, "t": time})
    if not difference.low <= 0 <= difference.high:
        return difference, ()
    doubt = Doubt(
        code="net-refused",
        message="net energy (gross less idle) is not given: its interval "
        f"[{short_figure(difference.low)}, {short_figure(difference.high)}] J holds 0",
        remedy="a longer idle phase, or work that draws more above idle",
    )
    return None, (doubt,)


def mean_work(works: Sequence[Work | None]) -> Work | None:
    """The work of a repeat; the mean if the repeats differ (batches drawn at random)."""
    stated = [work for work in works if work is not None]
    if not stated:
        return None
    return msgspec.structs.replace(
        stated[0],
        amount=_mean_of_all([work.amount for work in stated]),
        flops=_mean_of_all([work.flops for work in stated]),
        bytes=_mean_of_all([work.bytes for work in stated]),
    )


def _mean_of_all(numbers: Sequence[float | None]) -> float | None:
    """None if a number is unknown."""
    stated = [number for number in numbers if number is not None]
    return math.fsum(stated) / len(stated) if len(stated) == len(numbers) else None


def energy_per(
    repeats: Repeats, energy: Estimate | None, amount_of: Callable[[Work], float | None]
) -> Estimate | None:
    """Energy for one unit of the amount; None if a repeat lacks the amount."""
    if energy is None or not repeats.works:
        return None
    complete = repeats.complete
    amounts = []
    for i in complete:
        work = repeats.works[i] if i < len(repeats.works) else None
        amount = amount_of(work) if work is not None else None
        if not amount:
            return None
        amounts.append(amount)
    values = [joules / amount for joules, amount in zip(repeats.energies_j, amounts, strict=True)]
    per_unit = 1 / arithmetic_mean(amounts)
    return mean_energy.mean(
        values,
        scaled(mean_energy.common(repeats.rows, complete), per_unit),
        scaled(mean_energy.single(repeats.rows, complete), per_unit),
    )


def work_rate(repeats: Repeats) -> Estimate | None:
    """Units of work for each second; None if the work of a repeat is unknown."""
    works = repeats.all_works()
    if works is None:
        return None
    times_s = repeats.times_s
    return rate_of(works, times_s, repeats.time_half_s * len(times_s))


def rate_of(works: Sequence[Work], times_s: Sequence[float], half_s: float) -> Estimate:
    """Units of work for each second: total work over total time, with the scatter of the rates.

    half_s  half-width of the sum of the times
    """
    rate = sum(work.amount for work in works) / sum(times_s)
    scatter = scatter_effect(
        [work.amount / seconds for work, seconds in zip(works, times_s, strict=True)]
    )
    edges = rectangular("time-edges", half_s * rate / sum(times_s))
    return not_negative(combine(rate, (scatter or edges,)))


def run_roofline(
    limits: DeviceLimits | None, repeats: Repeats, energy: Estimate | None
) -> Roofline | None:
    """The run compared with the limits of its device; None if the work of a repeat is unknown."""
    works = repeats.all_works()
    if works is None:
        return None
    per_flop = energy_per(repeats, energy, lambda work: work.flops)
    per_byte = energy_per(repeats, energy, lambda work: work.bytes)
    return roofline(
        limits, Counted(works, repeats.times_s, repeats.time_half_s, per_flop, per_byte)
    )


def quality(rows: Sequence[Row]) -> Quality | None:
    """measured, estimated or mixed; None if nothing was measured or modelled."""
    return quality_of(row.part for row in rows)
