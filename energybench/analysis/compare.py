"""Baseline against candidate, for the same work: energy ratio, speedup, node-hours, energy-delay, verdict.

Effects combine by key, so the gain of one board cancels where both runs were on it. The scatter of the repeats enters as Welch's t on
logarithms; everything else by Monte Carlo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from energybench.analysis import comparable
from energybench.analysis.boundary import UNUSED
from energybench.analysis.stats import SCATTER, verdict, welch_log
from energybench.analysis.uncertainty import propagate, scale, student, uncombined
from energybench.errors import Refused
from energybench.model import Comparison, Doubt, Estimate, Measurement, Quality, RatioLine
from energybench.units import S_PER_H

MARGIN = 0.05  # ±m within which two energies count as equal; the user's to change
TITLE, ASSUMED = "energy ratio", "time x assumed power"


def compare(baseline: Measurement, candidate: Measurement, margin: float = MARGIN, *, force: bool = False) -> Comparison:
    """Compare two measurements. Raises Refused where they are not comparable (unless forced), or where a side has no energy."""
    pair = comparable.check(baseline, candidate, force)
    if baseline.energy_j is None or candidate.energy_j is None:
        side = baseline if baseline.energy_j is None else candidate
        raise Refused(side.id, "has no energy: nothing was measured", "see `energybench doctor`")
    estimated = "estimated" in (baseline.quality, candidate.quality) or None in (baseline.quality, candidate.quality)
    energy = _ratio(_bare(baseline.energy_j), _bare(candidate.energy_j), _energies(baseline), _energies(candidate), baseline, candidate)
    speedup = _ratio(_bare(baseline.time_s), _bare(candidate.time_s), _times(baseline), _times(candidate), baseline, candidate)
    return Comparison(
        title=ASSUMED if estimated else TITLE,
        baseline=baseline.id,
        candidate=candidate.id,
        labels=(baseline.label, candidate.label),
        boundary=baseline.boundary.name,
        quality=_quality(baseline, candidate),
        energy_ratio=energy,
        speedup=speedup,
        net_energy_ratio=_net(baseline, candidate),
        node_hours=_node_hours(baseline, candidate),
        energy_delay_ratio=_delay(baseline, candidate),
        verdict=None if estimated else verdict(energy.low, energy.high, margin),
        margin=margin,
        second_lines=_without_idle(baseline, candidate),
        power_w=(baseline.power_w, candidate.power_w),
        idle_power_w=(baseline.idle_power_w, candidate.idle_power_w),
        doubts=tuple(pair) + tuple(_assumed(estimated)) + _carried(baseline) + _carried(candidate),
    )


def _quality(baseline: Measurement, candidate: Measurement) -> Quality | None:
    kinds = {baseline.quality, candidate.quality}
    return "mixed" if len(kinds) > 1 else kinds.pop()


def _amount(side: Measurement) -> float:
    """Units of work in one repeat; 1 where a run is its own unit."""
    amounts = [repeat.work.amount for repeat in side.repeats if repeat.work is not None]
    return sum(amounts) / len(amounts) if amounts else 1.0


def _bare(estimate: Estimate) -> Estimate:
    """Without its scatter, which enters the ratio by Welch."""
    return uncombined(estimate.value, [effect for effect in estimate.effects if effect.name != SCATTER])


def _energies(side: Measurement) -> list[float]:
    return [repeat.energy_j for repeat in side.repeats if repeat.energy_j is not None]


def _times(side: Measurement) -> list[float]:
    return [repeat.time_s for repeat in side.repeats]


def _ratio(above: Estimate, below: Estimate, a: Sequence[float], b: Sequence[float], baseline: Measurement, candidate: Measurement) -> Estimate:
    """above/below for equal work, with the scatter of a and b."""
    work = _amount(candidate) / _amount(baseline)
    inputs = {"above": above, "below": below}
    found = welch_log(a, b)
    spread = (student(SCATTER, found.u, found.dof),) if found is not None and found.u else ()
    inputs["scatter"] = uncombined(0.0, spread)

    def formula(x: Mapping[str, Any]) -> Any:
        return x["above"] / x["below"] * work * np.exp(x["scatter"])

    try:
        return propagate(formula, inputs)
    except (ValueError, ZeroDivisionError):
        raise Refused(f"{baseline.id} against {candidate.id}", "one of them used no energy or no time", "measure longer work") from None


def _net(baseline: Measurement, candidate: Measurement) -> Estimate | None:
    """Ratio of net energies; None where a side has none, or one whose interval holds 0."""
    if baseline.net_energy_j is None or candidate.net_energy_j is None or baseline.net_energy_j.low <= 0 or candidate.net_energy_j.low <= 0:
        return None
    return _ratio(_bare(baseline.net_energy_j), _bare(candidate.net_energy_j), _energies(baseline), _energies(candidate), baseline, candidate)


def _node_hours(baseline: Measurement, candidate: Measurement) -> tuple[float, float]:
    """Node-hours of either side for the work of one baseline repeat."""
    same = _amount(baseline) / _amount(candidate)
    return baseline.time_s.value * baseline.nodes / S_PER_H, candidate.time_s.value * same * candidate.nodes / S_PER_H


def _delay(baseline: Measurement, candidate: Measurement) -> Estimate | None:
    """(E·T)_baseline / (E·T)_candidate for equal work."""
    if baseline.energy_j is None or candidate.energy_j is None:
        return None
    sides = [propagate(lambda x: x["e"] * x["t"], {"e": _bare(s.energy_j), "t": _bare(s.time_s)}) for s in (baseline, candidate) if s.energy_j is not None]
    products = [[r.energy_j * r.time_s for r in s.repeats if r.energy_j is not None] for s in (baseline, candidate)]
    single = _ratio(sides[0], sides[1], products[0], products[1], baseline, candidate)
    return scale(single, _amount(candidate) / _amount(baseline))  # both factors are per unit of work


def _without_idle(baseline: Measurement, candidate: Measurement) -> tuple[RatioLine, ...]:
    """The ratio without accelerators that had no part in the work: a second line, never the headline (EE HPC WG)."""
    idle = [side for side in (baseline, candidate) if any(name.endswith(UNUSED) for name in side.components_j)]
    if not idle:
        return ()
    stripped = [_strip(side) for side in (baseline, candidate)]
    ratio = _ratio(stripped[0][0], stripped[1][0], stripped[0][1], stripped[1][1], baseline, candidate)
    whose = " and ".join(dict.fromkeys(side.label for side in idle))
    return (RatioLine(label=f"without the idle accelerators of {whose} (not the boundary {baseline.boundary.name})", energy_ratio=ratio),)


def _strip(side: Measurement) -> tuple[Estimate, list[float]]:
    """Energy and repeats without unused accelerators, their effects taken out again."""
    assert side.energy_j is not None
    names = [name for name in side.components_j if name.endswith(UNUSED)]
    out = {(e.name, e.key, e.distribution): e.u for name in names for e in side.components_j[name].effects}
    kept = []
    for effect in side.energy_j.effects:
        u = effect.u - out.get((effect.name, effect.key, effect.distribution), 0.0)
        if effect.name != SCATTER and abs(u) > 1e-12 * abs(effect.u):
            kept.append(msgspec.structs.replace(effect, u=u))
    energies = [r.energy_j - sum(r.components_j.get(name, 0.0) for name in names) for r in side.repeats if r.energy_j is not None]
    return uncombined(sum(energies) / len(energies), kept), energies


def _assumed(estimated: bool) -> list[Doubt]:
    if not estimated:
        return []
    message = "a side has no energy sensor: this is a ratio of times x assumed powers, and gives no energy verdict"
    return [Doubt(code="time-x-assumed-power", message=message, remedy="open a sensor on that side: `energybench doctor`")]


def _carried(side: Measurement) -> tuple[Doubt, ...]:
    return tuple(Doubt(code=doubt.code, message=f"{side.label}: {doubt.message}", remedy=doubt.remedy) for doubt in side.doubts)


__all__ = ["ASSUMED", "MARGIN", "TITLE", "compare"]
