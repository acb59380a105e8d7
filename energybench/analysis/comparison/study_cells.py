"""What the runs of a cell amount to: each per step, and the ratios of those that may be compared.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from energybench.analysis.comparison.compare import compare, speedup
from energybench.analysis.comparison.pairs import paired
from energybench.analysis.uncertainty.effects import scale
from energybench.errors import Refused
from energybench.model import Cell, Estimate, Measurement, Memory, StudyRatio, StudyRun


def run_of(cell: Cell, variant: str, measured: Measurement, memory: Memory | None) -> StudyRun:
    """One variant's measurement, per step.

    A failed check or a failure in a later repeat is its state: it enters no ratio.
    """
    factor = cell.step_amount / measured.work.amount if measured.work is not None else 1.0
    failed = measured.failed_checks
    broken = next((doubt.message for doubt in measured.doubts if doubt.code == "work-failed"), None)
    cut = next((doubt.message for doubt in measured.doubts if doubt.code == "interrupted"), None)
    made = StudyRun(
        variant=variant,
        state="check-failed" if failed else "failed" if broken else "cut" if cut else "measured",
        why=f"check failed: {', '.join(failed)}" if failed else broken or cut or "",
        run=measured.id,
        time_s=_bare(scale(measured.time_s, factor)),
        energy_j=_bare(scale(measured.energy_j, factor)) if measured.energy_j is not None else None,
        quality=measured.quality,
        memory=memory,
        verification=measured.verification,
        figures=measured.record.figures if measured.record is not None else {},
        repeats=len(measured.repeats),
    )
    return msgspec.structs.replace(made, flops_per_s=_rate(measured))


def _bare(estimate: Estimate) -> Estimate:
    """Without its effects, which the run directory keeps: an index of a thousand cells is to stay
    readable.
    """
    return msgspec.structs.replace(estimate, effects=())


def _rate(measured: Measurement) -> Estimate | None:
    """The work's own flops over its time."""
    flops = measured.work.flops if measured.work is not None else None
    time_s = measured.time_s
    if not flops or time_s.low <= 0:
        return None
    return Estimate(value=flops / time_s.value, low=flops / time_s.high, high=flops / time_s.low)


def ratios_of(runs: Sequence[StudyRun], measured: dict[str, Measurement]) -> tuple[StudyRatio, ...]:
    """Every measured variant against the first; none where the first was not measured."""
    first = runs[0]
    if first.state not in ("measured", "cut"):
        return ()
    found = [_ratio(first, run, measured) for run in runs[1:] if run.state in ("measured", "cut")]
    return tuple(ratio for ratio in found if ratio is not None)


def _ratio(first: StudyRun, other: StudyRun, measured: dict[str, Measurement]) -> StudyRatio | None:
    sides = measured[first.variant], measured[other.variant]
    memories = (first.memory, other.memory)
    try:
        made = compare(*sides)
        times, energies, title = made.speedup, made.energy_ratio, made.title
    except Refused:
        if sides[0].energy_j is not None and sides[1].energy_j is not None:
            return None  # not the same work, boundary or check: no ratio at all
        times, energies, title = speedup(*sides), None, "energy ratio"
    both = None not in memories
    return StudyRatio(
        variant=other.variant,
        speedup=times,
        energy_ratio=energies,
        energy_title=title,
        memory_ratio=quotient(*(memory.peak_bytes for memory in memories if memory is not None))
        if both
        else None,
        extra_memory_ratio=quotient(
            *(memory.extra_bytes for memory in memories if memory is not None)
        )
        if both
        else None,
        paired=len(paired(*sides)) or None,
    )


def quotient(above: Estimate, below: Estimate) -> Estimate | None:
    """Of two counted quantities: the interval is the range.

    None where nothing was counted below.
    """
    if below.low <= 0:
        return None
    return Estimate(
        value=above.value / below.value, low=above.low / below.high, high=above.high / below.low
    )
