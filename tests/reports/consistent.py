"""Samples whose totals follow from their repeats. The numbers of the samples are written by hand
and rounded, and the reader refuses a file that contradicts itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from energybench.analysis.uncertainty.effects import combine, not_negative, scale
from energybench.model import Document, Estimate, Measurement, Repeat

replace = msgspec.structs.replace


def consistent(document: Document) -> Document:
    """The document with measurements that do not contradict themselves."""
    results = tuple(
        _from_effects(_consistent(result)) if isinstance(result, Measurement) else result
        for result in document.results
    )
    return replace(document, results=results)


def _from_effects(run: Measurement) -> Measurement:
    """The measurement whose intervals are those of their effects."""
    names = ("energy_j", "time_s", "power_w", "idle_power_w", "net_energy_j", "energy_per_work_j")
    changed: dict[str, Any] = {
        name: _combined(estimate)
        for name in (*names, "work_per_s", "highest_power_w", "accelerators_j")
        if (estimate := getattr(run, name)) is not None
    }
    changed["components_j"] = {name: _combined(e) for name, e in run.components_j.items()}
    changed["idles"] = tuple(replace(idle, power_w=_combined(idle.power_w)) for idle in run.idles)
    changed["regions"] = tuple(
        region if region.energy_j is None else replace(region, energy_j=_combined(region.energy_j))
        for region in run.regions
    )
    return replace(run, **changed)


def _combined(estimate: Estimate) -> Estimate:
    combined = combine(estimate.value, estimate.effects)
    return not_negative(combined) if estimate.low >= 0 else combined


def _consistent(run: Measurement) -> Measurement:
    """Times and energies of the repeats are kept; everything else follows from them."""
    repeats = [_repeat(run, repeat) for repeat in run.repeats]
    complete = [repeat for repeat in repeats if repeat.energy_j is not None]
    time_s = _mean([repeat.time_s for repeat in repeats])
    changed: dict[str, Any] = {"repeats": tuple(repeats), "time_s": _moved(run.time_s, time_s)}
    if run.idle_power_w is not None and run.idles:
        idle_w = _mean([idle.power_w.value for idle in run.idles])
        changed["idle_power_w"] = _moved(run.idle_power_w, idle_w)
    if run.energy_j is None:
        return replace(run, **changed)
    changed.update(_quotients(run, repeats))
    energy_j = _mean([repeat.energy_j or 0.0 for repeat in complete])
    changed["energy_j"] = _moved(run.energy_j, energy_j)
    changed["components_j"] = {
        name: _moved(
            estimate,
            _mean([r.components_j[name] for r in complete if name in r.components_j]),
        )
        for name, estimate in run.components_j.items()
    }
    power_w = energy_j / _mean([repeat.time_s for repeat in complete]) / run.nodes
    if run.power_w is not None:
        changed["power_w"] = _moved(run.power_w, power_w)
    idle = changed.get("idle_power_w", run.idle_power_w)
    if run.net_energy_j is not None and idle is not None:
        net_j = energy_j - idle.value * run.nodes * time_s
        changed["net_energy_j"] = _moved(run.net_energy_j, net_j)
    return replace(run, **changed)


def _quotients(run: Measurement, repeats: Sequence[Repeat]) -> dict[str, Any]:
    """Energy for each unit of work, and work for each second."""
    if any(repeat.work is None for repeat in repeats):
        return {}
    amounts = [repeat.work.amount for repeat in repeats if repeat.work is not None]
    changed: dict[str, Any] = {}
    if run.work_per_s is not None:
        rate = sum(amounts) / sum(repeat.time_s for repeat in repeats)
        changed["work_per_s"] = _moved(run.work_per_s, rate)
    if run.energy_per_work_j is not None:
        costs_j = [
            repeat.energy_j / amount
            for repeat, amount in zip(repeats, amounts, strict=True)
            if repeat.energy_j is not None
        ]
        changed["energy_per_work_j"] = _moved(run.energy_per_work_j, _mean(costs_j))
    return changed


def _repeat(run: Measurement, repeat: Repeat) -> Repeat:
    """The repeat with the components of its run, in their proportions. The parts of a job that was
    not read everywhere do not add up, and are kept.
    """
    if run.energy_j is None or repeat.energy_j is None:
        return replace(repeat, energy_j=None, components_j={})
    if any(share.state != "measured" for share in run.shares):
        return repeat
    sum_j = math.fsum(estimate.value for estimate in run.components_j.values())
    parts_j = {
        name: repeat.energy_j * estimate.value / sum_j
        for name, estimate in run.components_j.items()
    }
    return replace(repeat, components_j=parts_j)


def _moved(estimate: Estimate, value: float) -> Estimate:
    return estimate if estimate.value == value else scale(estimate, value / estimate.value)


def _mean(numbers: Sequence[float]) -> float:
    return math.fsum(numbers) / len(numbers)
