"""Two consecutive parts of a window as a single part: the result of a window that is open for hours
comes from the results of its parts, each from few samples. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import msgspec

from energybench.analysis.measurement import quantities
from energybench.analysis.uncertainty.effect_kinds import KINDS
from energybench.analysis.uncertainty.effects import combine, not_negative, scale
from energybench.model import ChannelStats, Doubt, Effect, Estimate, Measurement, Quality, Repeat


def joined(first: Measurement, second: Measurement) -> Measurement:
    """The measurement of two parts together, where the second begins at the end of the first.

    Idle phases come from the first part, conditions and readings of the host from the second part.
    Regions are left out: a region may lie in both parts.
    """
    time_s = not_negative(combine(first.time_s.value + second.time_s.value, second.time_s.effects))
    energy_j = _sum(first.energy_j, second.energy_j)
    net_j, net_doubts = quantities.net(energy_j, first.idle_power_w, time_s)
    doubts = (*first.doubts, *second.doubts, *net_doubts)
    return msgspec.structs.replace(
        second,
        quality=_quality(first, second),
        energy_j=energy_j,
        components_j={
            name: total
            for name, part_j in first.components_j.items()
            if (total := _sum(part_j, second.components_j.get(name))) is not None
        },
        time_s=time_s,
        power_w=None if energy_j is None else scale(energy_j, 1 / time_s.value),
        highest_power_w=_higher(first.highest_power_w, second.highest_power_w),
        accelerators_j=_sum(first.accelerators_j, second.accelerators_j),
        idle_power_w=first.idle_power_w,
        idle_state=first.idle_state,
        idles=first.idles,
        net_energy_j=net_j,
        repeats=(_repeat(first.repeats[0], second.repeats[0]),),
        regions=(),
        channels=tuple(map(_channel, first.channels, second.channels)),
        others=(*first.others, *second.others),
        doubts=tuple(_distinct(doubts)),
    )


def _higher(first: Estimate | None, second: Estimate | None) -> Estimate | None:
    """The higher of two powers; None if a power is unknown."""
    if first is None or second is None:
        return None
    return max(first, second, key=lambda power_w: power_w.value)


def _sum(first: Estimate | None, second: Estimate | None) -> Estimate | None:
    """The sum of two energies; None if an energy is unknown."""
    if first is None or second is None:
        return None
    together: dict[object, Effect] = {}
    for estimate in (first, second):
        counts: Counter[object] = Counter()
        for effect in estimate.effects:
            identity = (effect.name, effect.distribution, effect.key)
            # two edges of a window have effects with the same name
            place = (identity, counts[identity])
            counts[identity] += 1
            earlier = together.get(place)
            u = effect.u if earlier is None else _together(earlier.u, effect)
            together[place] = msgspec.structs.replace(effect, u=u)
    return not_negative(combine(first.value + second.value, together.values()))


def _together(first_u: float, second: Effect) -> float:
    """The uncertainty of two parts together, by how an effect falls with the length of a window."""
    falls = KINDS[second.kind].falls
    if falls == "1/t":
        # effect of the edges: the energy at the edge between the parts is equal in both parts, and
        # cancels
        return max(first_u, second.u, key=abs)
    if falls == "1/√t":
        return math.hypot(first_u, second.u)
    return first_u + second.u


def _quality(first: Measurement, second: Measurement) -> Quality | None:
    if first.quality == second.quality:
        return first.quality
    return "mixed" if first.quality and second.quality else None


def _repeat(first: Repeat, second: Repeat) -> Repeat:
    energy_j = None
    if first.energy_j is not None and second.energy_j is not None:
        energy_j = first.energy_j + second.energy_j
    return msgspec.structs.replace(
        second,
        start_s=first.start_s,
        energy_j=energy_j,
        components_j={
            name: joules + second.components_j[name]
            for name, joules in first.components_j.items()
            if name in second.components_j
        },
    )


def _channel(first: ChannelStats, second: ChannelStats) -> ChannelStats:
    return msgspec.structs.replace(
        second,
        samples=first.samples + second.samples,
        missed=first.missed + second.missed,
        failed=first.failed + second.failed,
    )


def _distinct(doubts: Iterable[Doubt]) -> Iterable[Doubt]:
    """The first doubt of each code and subject."""
    first: dict[tuple[str, str], Doubt] = {}
    for doubt in doubts:
        first.setdefault((doubt.code, doubt.subject), doubt)
    return first.values()
