"""Results of the cells of a study: runs for one step, and ratios of comparable runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from energybench.analysis.comparison.compare import compare, speedup
from energybench.analysis.comparison.pairs import paired
from energybench.analysis.uncertainty.effects import scale
from energybench.errors import Refused
from energybench.model import (
    ENERGY_RATIO,
    Cell,
    DoubtCode,
    Estimate,
    Measurement,
    Memory,
    State,
    StudyRatio,
    StudyRun,
)


def run_of(cell: Cell, variant: str, measured: Measurement, memory: Memory | None) -> StudyRun:
    """The measurement of a variant, for one step.

    A failed check, or a failure in a later repeat, is the state of the run; such a run has no
    ratio. A run without a whole repeat has no time and no energy of a step.
    """
    if measured.partial:
        state, why = _state(measured)
        return StudyRun(
            variant=variant,
            state="cut" if state == "measured" else state,
            why=why or "cut before its first repeat was done",
            run=measured.id,
        )
    factor = cell.step_amount / measured.work.amount if measured.work is not None else 1.0
    energy_j = None
    if measured.energy_j is not None:
        energy_j = _without_effects(scale(measured.energy_j, factor))
    state, why = _state(measured)
    return StudyRun(
        variant=variant,
        state=state,
        why=why,
        run=measured.id,
        time_s=_without_effects(scale(measured.time_s, factor)),
        energy_j=energy_j,
        quality=measured.quality,
        memory=memory,
        flops_per_s=_flop_rate(measured),
        verification=measured.verification,
        figures=measured.record.figures if measured.record is not None else {},
        repeats=len(measured.repeats),
    )


def _state(measured: Measurement) -> tuple[State, str]:
    """The state of a run, and its reason."""
    if measured.failed_checks:
        return "check-failed", f"check failed: {', '.join(measured.failed_checks)}"
    states: tuple[tuple[DoubtCode, State], ...] = (
        ("work-failed", "failed"),
        ("interrupted", "cut"),
    )
    for code, state in states:
        for doubt in measured.doubts:
            if doubt.code == code:
                return state, doubt.message
    return "measured", ""


def _without_effects(estimate: Estimate) -> Estimate:
    """The estimate without its effects, which stay in the run directory: the index of a thousand
    cells stays readable.
    """
    return msgspec.structs.replace(estimate, effects=())


def _flop_rate(measured: Measurement) -> Estimate | None:
    """The operations of the work over its time."""
    flops = measured.work.flops if measured.work is not None else None
    time_s = measured.time_s
    if not flops or time_s.low <= 0:
        return None
    return Estimate(value=flops / time_s.value, low=flops / time_s.high, high=flops / time_s.low)


def ratios_of(runs: Sequence[StudyRun], measured: dict[str, Measurement]) -> tuple[StudyRatio, ...]:
    """The ratio of each measured variant to the first variant; empty if the first was not
    measured.
    """
    usable = ("measured", "cut")
    first = runs[0]
    if first.state not in usable:
        return ()
    ratios = [_ratio(first, run, measured) for run in runs[1:] if run.state in usable]
    return tuple(ratio for ratio in ratios if ratio is not None)


def _ratio(first: StudyRun, other: StudyRun, measured: dict[str, Measurement]) -> StudyRatio | None:
    """None if the two runs did different work, have different boundaries, or failed a check, or if
    a side has no whole repeat.
    """
    sides = measured[first.variant], measured[other.variant]
    if any(side.partial or not side.repeats for side in sides):
        return None
    energy_ratio: Estimate | None = None
    try:
        comparison = compare(*sides)
        times, energy_ratio, title = (
            comparison.speedup,
            comparison.energy_ratio,
            comparison.title,
        )
        known = comparison.scatter_known
    except Refused:
        if sides[0].energy_j is not None and sides[1].energy_j is not None:
            return None
        times, title = speedup(*sides), ENERGY_RATIO
        known = all(len(side.repeats) > 1 for side in sides)
    peak = extra = None
    if first.memory is not None and other.memory is not None:
        peak = quotient(first.memory.peak_bytes, other.memory.peak_bytes)
        extra = quotient(first.memory.extra_bytes, other.memory.extra_bytes)
    return StudyRatio(
        variant=other.variant,
        speedup=times,
        energy_ratio=energy_ratio,
        energy_title=title,
        memory_ratio=peak,
        extra_memory_ratio=extra,
        paired=len(paired(*sides)) or None,
        scatter_known=known,
    )


def quotient(above: Estimate, below: Estimate) -> Estimate | None:
    """The quotient of two counted quantities; its interval is the range of the quotient.

    None if the lower quantity may be 0.
    """
    if below.low <= 0:
        return None
    return Estimate(
        value=above.value / below.value, low=above.low / below.high, high=above.high / below.low
    )
