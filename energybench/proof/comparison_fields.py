"""Contradictions between the fields of a comparison: ratios, power and time of both sides, verdict,
and the doubts that follow from fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from energybench.analysis.uncertainty.repeats import verdict
from energybench.model import (
    ENERGY_RATIO,
    TIME_X_ASSUMED_POWER,
    Comparison,
    Doubt,
    DoubtCode,
    Estimate,
)

# Ends of intervals are rounded, and an interval of zero width has to agree with another sum.
_SLACK = 1e-6


def contradictions_of(result: Comparison) -> list[str]:
    """Contradictions between fields, in words: the checks that do not need the runs."""
    return [*_of_ratios(result), *_of_verdict(result), *_of_doubts(result)]


# ---------------------------------------------------------------- ratios


class _Range(NamedTuple):
    low: float
    high: float

    @classmethod
    def of(cls, estimate: Estimate) -> _Range:
        return cls(max(0.0, estimate.low), estimate.high)

    def times(self, other: _Range) -> _Range:
        return _Range(self.low * other.low, self.high * other.high)

    def meets(self, other: _Range) -> bool:
        slack = _SLACK * max(abs(self.high), abs(other.high))
        return self.low <= other.high + slack and other.low <= self.high + slack

    def __str__(self) -> str:
        return f"{self.low:.6g} to {self.high:.6g}"


def _of_ratios(result: Comparison) -> Iterator[str]:
    """Check the energy ratio against power and time, and energy x delay against energy and speedup.

    The intervals have to meet; the digits may differ. A repeat without an energy counts only for
    the time, and ratios of interleaved runs use only the blocks that have both sides.
    """
    energy = result.energy_ratio
    if energy is None:
        return
    stated = _Range.of(energy)
    baseline, candidate = result.power_w
    if baseline is not None and candidate is not None and candidate.low > 0:
        hours = result.node_hours[0] / result.node_hours[1]
        derived = _Range(
            max(0.0, baseline.low) / candidate.high * hours, baseline.high / candidate.low * hours
        )
        if not stated.meets(derived):
            yield (
                f"energy_ratio is {stated}, and power and node-hours of both sides give {derived}"
            )
    product = result.energy_delay_ratio
    if product is None:
        return
    derived = stated.times(_Range.of(result.speedup))
    if not _Range.of(product).meets(derived):
        stated = _Range.of(product)
        yield f"energy_delay_ratio is {stated}, and energy ratio times speedup gives {derived}"


# ---------------------------------------------------------------- verdict and doubts


def _of_verdict(result: Comparison) -> Iterator[str]:
    """Check the verdict against the energy ratio, the margin, and the reasons for no verdict."""
    energy = result.energy_ratio
    expected = None
    if energy is not None and result.title == ENERGY_RATIO and result.counted_once:
        expected = "inconclusive"
        if result.scatter_known:
            expected = verdict(energy.low, energy.high, result.margin)
    if result.verdict != expected:
        stated, words = (_stated(one) for one in (result.verdict, expected))
        yield f"verdict is {stated}, and the other fields give {words}"


def _stated(verdict_or_none: str | None) -> str:
    return "null" if verdict_or_none is None else repr(verdict_or_none)


def _of_doubts(result: Comparison) -> Iterator[str]:
    """Check the doubts that arose in the comparison against the fields that decide the stamps."""
    own = [doubt for doubt in result.doubts if not doubt.about]
    estimated = result.title == TIME_X_ASSUMED_POWER
    yield from _goes_with(own, "scatter-unknown", not result.scatter_known, "scatter_known")
    yield from _goes_with(own, "time-x-assumed-power", estimated, "title")
    if result.quality in ("estimated", None) and not estimated:
        quality = "null" if result.quality is None else repr(result.quality)
        yield f"quality is {quality}, and the title is {result.title!r}"


def _goes_with(own: list[Doubt], code: DoubtCode, holds: bool, field: str) -> Iterator[str]:
    if any(doubt.code == code for doubt in own) != holds:
        yield f"doubts {'lack' if holds else 'have'} {code!r}, against the field {field}"
