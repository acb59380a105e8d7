"""Baseline against candidate, for the same work: energy ratio, speedup, node-hours, energy-delay,
verdict.

Effects combine by key, so the gain of one board cancels where both runs were on it. The scatter of
the repeats enters as Student's t on the logarithms of pairs where the runs were interleaved, else
as Welch's; everything else by Monte Carlo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from energybench.analysis.comparison import comparable
from energybench.analysis.comparison.pairs import paired, paired_log
from energybench.analysis.energy.boundary import UNUSED
from energybench.analysis.uncertainty.effects import propagate, scale, student, uncombined
from energybench.analysis.uncertainty.repeats import SCATTER, verdict, welch_log
from energybench.errors import Refused
from energybench.model import Comparison, Doubt, Estimate, Measurement, Quality, RatioLine, Repeat
from energybench.units import S_PER_H

MARGIN = 0.05  # ±m within which two energies count as equal; the user's to change
TITLE, ASSUMED = "energy ratio", "time x assumed power"

_Of = Callable[[Repeat], float | None]  # a quantity of one repeat; None: not measured in it


def compare(
    baseline: Measurement, candidate: Measurement, margin: float = MARGIN, *, force: bool = False
) -> Comparison:
    """Compare two measurements.

    Raises Refused where they are not comparable (unless forced), or where a side has no energy.
    """
    pair = comparable.check(baseline, candidate, force)
    if baseline.energy_j is None or candidate.energy_j is None:
        side = baseline if baseline.energy_j is None else candidate
        raise Refused(side.id, "has no energy: nothing was measured", "see `energybench doctor`")
    estimated = "estimated" in (baseline.quality, candidate.quality) or None in (
        baseline.quality,
        candidate.quality,
    )
    energy = _ratio(
        _bare(baseline.energy_j), _bare(candidate.energy_j), _energy, baseline, candidate
    )
    return Comparison(
        title=ASSUMED if estimated else TITLE,
        baseline=baseline.id,
        candidate=candidate.id,
        labels=(baseline.label, candidate.label),
        boundary=baseline.boundary.name,
        quality=_quality(baseline, candidate),
        energy_ratio=energy,
        speedup=speedup(baseline, candidate),
        net_energy_ratio=_net(baseline, candidate),
        node_hours=_node_hours(baseline, candidate),
        energy_delay_ratio=_delay(baseline, candidate),
        verdict=None if estimated else verdict(energy.low, energy.high, margin),
        margin=margin,
        paired=len(paired(baseline, candidate)) or None,
        second_lines=_without_idle(baseline, candidate),
        power_w=(baseline.power_w, candidate.power_w),
        idle_power_w=(baseline.idle_power_w, candidate.idle_power_w),
        doubts=tuple(pair) + tuple(_assumed(estimated)) + _carried(baseline) + _carried(candidate),
    )


def speedup(baseline: Measurement, candidate: Measurement) -> Estimate:
    """T_baseline / T_candidate for the same work; whether it is the same is the caller's to know."""
    return _ratio(
        _bare(baseline.time_s),
        _bare(candidate.time_s),
        lambda repeat: repeat.time_s,
        baseline,
        candidate,
    )


def _quality(baseline: Measurement, candidate: Measurement) -> Quality | None:
    kinds = {baseline.quality, candidate.quality}
    return "mixed" if len(kinds) > 1 else kinds.pop()


def _amount(side: Measurement) -> float:
    """Units of work in one repeat; 1 where a run is its own unit."""
    amounts = [repeat.work.amount for repeat in side.repeats if repeat.work is not None]
    return sum(amounts) / len(amounts) if amounts else 1.0


def _bare(estimate: Estimate) -> Estimate:
    """Without its scatter, which enters the ratio by itself."""
    return uncombined(
        estimate.value, [effect for effect in estimate.effects if effect.name != SCATTER]
    )


def _energy(repeat: Repeat) -> float | None:
    return repeat.energy_j


def _ratio(
    above: Estimate, below: Estimate, of: _Of, baseline: Measurement, candidate: Measurement
) -> Estimate:
    """above/below for equal work, with the scatter of that quantity over pairs or over the repeats
    of either side.

    Of pairs only the blocks that both sides have are taken, in the values too.
    """
    sides = [
        [value for repeat in side.repeats if (value := of(repeat)) is not None]
        for side in (baseline, candidate)
    ]
    found = welch_log(sides[0], sides[1])
    pairs = [
        (a, b)
        for left, right in paired(baseline, candidate)
        if (a := of(left)) is not None and (b := of(right)) is not None
    ]
    if len(pairs) > 1:
        blocks = [[pair[i] for pair in pairs] for i in (0, 1)]
        found = paired_log(blocks[0], blocks[1])
        above, below = (
            scale(estimate, _mean(block) / _mean(side)) if _mean(side) else estimate
            for estimate, block, side in zip((above, below), blocks, sides, strict=True)
        )
    work = _amount(candidate) / _amount(baseline)
    inputs = {"above": above, "below": below}
    spread = (student(SCATTER, found.u, found.dof),) if found is not None and found.u else ()
    inputs["scatter"] = uncombined(0.0, spread)

    def formula(x: Mapping[str, Any]) -> Any:
        return x["above"] / x["below"] * work * np.exp(x["scatter"])

    try:
        return propagate(formula, inputs)
    except (ValueError, ZeroDivisionError):
        raise Refused(
            f"{baseline.id} against {candidate.id}",
            "one of them used no energy or no time",
            "measure longer work",
        ) from None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _net(baseline: Measurement, candidate: Measurement) -> Estimate | None:
    """Ratio of net energies; None where a side has none, or one whose interval holds 0."""
    if (
        baseline.net_energy_j is None
        or candidate.net_energy_j is None
        or baseline.net_energy_j.low <= 0
        or candidate.net_energy_j.low <= 0
    ):
        return None
    return _ratio(
        _bare(baseline.net_energy_j), _bare(candidate.net_energy_j), _energy, baseline, candidate
    )


def _node_hours(baseline: Measurement, candidate: Measurement) -> tuple[float, float]:
    """Node-hours of either side for the work of one baseline repeat."""
    same = _amount(baseline) / _amount(candidate)
    return (
        baseline.time_s.value * baseline.nodes / S_PER_H,
        candidate.time_s.value * same * candidate.nodes / S_PER_H,
    )


def _delay(baseline: Measurement, candidate: Measurement) -> Estimate | None:
    """(E·T)_baseline / (E·T)_candidate for equal work."""
    if baseline.energy_j is None or candidate.energy_j is None:
        return None
    sides = [
        propagate(lambda x: x["e"] * x["t"], {"e": _bare(s.energy_j), "t": _bare(s.time_s)})
        for s in (baseline, candidate)
        if s.energy_j is not None
    ]
    single = _ratio(
        sides[0],
        sides[1],
        lambda repeat: repeat.energy_j * repeat.time_s if repeat.energy_j is not None else None,
        baseline,
        candidate,
    )
    return scale(
        single, _amount(candidate) / _amount(baseline)
    )  # both factors are per unit of work


def _without_idle(baseline: Measurement, candidate: Measurement) -> tuple[RatioLine, ...]:
    """The ratio without accelerators that had no part in the work: a second line, never the
    headline (EE HPC WG).
    """
    idle = [
        side
        for side in (baseline, candidate)
        if any(name.endswith(UNUSED) for name in side.components_j)
    ]
    if not idle:
        return ()
    stripped = [_strip(side) for side in (baseline, candidate)]
    ratio = _ratio(stripped[0], stripped[1], _used, baseline, candidate)
    whose = " and ".join(dict.fromkeys(side.label for side in idle))
    return (
        RatioLine(
            label=f"without the idle accelerators of {whose} (not the boundary "
            f"{baseline.boundary.name})",
            energy_ratio=ratio,
        ),
    )


def _used(repeat: Repeat) -> float | None:
    """Energy without the accelerators that had no part in the work."""
    if repeat.energy_j is None:
        return None
    return repeat.energy_j - sum(
        joules for name, joules in repeat.components_j.items() if name.endswith(UNUSED)
    )


def _strip(side: Measurement) -> Estimate:
    """Mean energy without unused accelerators, their effects taken out again."""
    assert side.energy_j is not None
    names = [name for name in side.components_j if name.endswith(UNUSED)]
    out = {
        (e.name, e.key, e.distribution): e.u
        for name in names
        for e in side.components_j[name].effects
    }
    kept = []
    for effect in side.energy_j.effects:
        u = effect.u - out.get((effect.name, effect.key, effect.distribution), 0.0)
        if effect.name != SCATTER and abs(u) > 1e-12 * abs(effect.u):
            kept.append(msgspec.structs.replace(effect, u=u))
    return uncombined(
        _mean([joules for repeat in side.repeats if (joules := _used(repeat)) is not None]), kept
    )


def _assumed(estimated: bool) -> list[Doubt]:
    if not estimated:
        return []
    message = (
        "a side has no energy sensor: this is a ratio of times x assumed powers, and gives no "
        "energy verdict"
    )
    return [
        Doubt(
            code="time-x-assumed-power",
            message=message,
            remedy="open a sensor on that side: `energybench doctor`",
        )
    ]


def _carried(side: Measurement) -> tuple[Doubt, ...]:
    return tuple(
        Doubt(code=doubt.code, message=f"{side.label}: {doubt.message}", remedy=doubt.remedy)
        for doubt in side.doubts
    )


__all__ = ["ASSUMED", "MARGIN", "TITLE", "compare", "speedup"]
