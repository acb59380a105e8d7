"""Published claims beside the measurements of a study: the deciding cell, its interval, the reason.

A cell agrees with a claim if its interval lies within the claimed range, or if the interval meets
the range and is narrower than ±10 %. A wide interval that only reaches into the range decides
nothing; if all intervals are this wide, the claim was not tested. A time or a ratio of variants
with a single run has no interval with the scatter, and is not tested. The rule "every" requires
agreement in all cells, the rule "any" in a single cell. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.propagation import propagate
from energybench.model import (
    ENERGY_RATIO,
    SCATTER_UNKNOWN,
    Estimate,
    Expectation,
    Held,
    Host,
    Published,
    StudyCell,
    Tested,
)
from energybench.units import show, show_value

# Relative half-width up to which an interval that meets a range without lying in it agrees.
_NARROW = 0.1
# Ratios that scatter from run to run; memory is counted.
_SCATTERING = ("speedup", "energy_ratio")


class _Measured(NamedTuple):
    """An expectation of a claim, with the measured value."""

    expected: Expectation
    value: Estimate

    @property
    def meets(self) -> bool:
        low, high = self.expected.low, self.expected.high
        return (low is None or self.value.high >= low) and (high is None or self.value.low <= high)

    @property
    def agrees(self) -> bool:
        low, high = self.expected.low, self.expected.high
        above = low is None or self.value.low >= low
        below = high is None or self.value.high <= high
        narrow = self.value.half_width <= _NARROW * self.value.value
        return (above and below) or (self.meets and narrow)

    @property
    def distance(self) -> float:
        """How far outside the range the value lies, as a ratio.

        Below 1 inside the range, and the smaller the further inside.
        """
        low, high = self.expected.low, self.expected.high
        below = low / self.value.value if low is not None else 0.0
        above = self.value.value / high if high else 0.0
        return max(below, above)


def against_claims(
    claims: Sequence[Published], cells: Sequence[StudyCell], host: Host, device: str
) -> tuple[Tested, ...]:
    """Every claim beside the study, in the given order."""
    by_key = {cell.cell.key: cell for cell in cells}
    return tuple(_tested(claim, by_key, _machine(host, device)) for claim in claims)


def _machine(host: Host, device: str) -> str:
    """Name of the processor or of the boards of the work."""
    boards = dict.fromkeys(gpu.name for gpu in host.gpus_of_work if gpu.name)
    name = host.cpu if device == "cpu" else ", ".join(boards)
    return name or device


def _tested(claim: Published, cells: Mapping[str, StudyCell], machine: str) -> Tested:
    if claim.only_on is not None and claim.only_on not in machine:
        return _not_testable(claim, f"a figure of {claim.published_on}; this is {machine}")
    measured = [
        _Measured(expected, value)
        for expected in claim.expects
        if (value := _value(expected, cells)) is not None and value.value > 0
    ]
    if not measured and claim.expects:
        if any(_ran_once(expected, cells) for expected in claim.expects):
            return _not_testable(claim, SCATTER_UNKNOWN)
        return _not_testable(claim, "no cell of this study has it measured")
    if not measured:
        return _not_testable(claim, "this study's grid holds no such cell")
    agreeing = [one for one in measured if one.agrees]
    vague = not agreeing and all(one.meets for one in measured)
    every = claim.rule == "every"
    confirmed = len(agreeing) == len(measured) if every else bool(agreeing)
    if every:
        deciding = max(measured, key=lambda one: one.distance)
    else:
        deciding = min(agreeing or measured, key=lambda one: one.distance)
    why = _why(claim, measured, len(agreeing), machine)
    outcome: Held = "not testable here" if vague else "not confirmed"
    return Tested(
        claim=claim,
        held="confirmed" if confirmed else outcome,
        why=f"every interval is too wide to tell: {why}" if vague else why,
        measured=deciding.value,
        cell=f"{deciding.expected.cell}, {deciding.expected.variant}",
        agree=len(agreeing),
        tested=len(measured),
    )


def _not_testable(claim: Published, why: str) -> Tested:
    return Tested(claim=claim, held="not testable here", why=why)


# ---------------------------------------------------------------- reasons in words


def _why(claim: Published, measured: Sequence[_Measured], agreeing: int, machine: str) -> str:
    """'3 of 4 intervals within 2 to 3 (all must be); measured 1.9 to 2.8; published on …'"""
    ranges = {_range(one.expected) for one in measured}
    within = ranges.pop() if len(ranges) == 1 else "the claimed range of each"
    rule = "all must be" if claim.rule == "every" else "one is enough"
    vague = sum(one.meets and not one.agrees for one in measured)
    if vague:
        rule += f"; {vague} too wide to tell"
    elsewhere = ""
    if claim.published_on not in machine:
        elsewhere = f"; published on {claim.published_on}, measured on {machine}"
    return (
        f"{agreeing} of {len(measured)} intervals within {within} ({rule}); measured "
        f"{_span(measured)}{elsewhere}"
    )


def _span(measured: Sequence[_Measured]) -> str:
    """The smallest and the largest value, with their intervals."""
    values = sorted((one.value for one in measured), key=lambda value: value.value)
    unit = "s" if measured[0].expected.quantity == "time_s" else ""
    if len(values) == 1:
        return show(values[0], unit)
    return f"{show(values[0], unit)} to {show(values[-1], unit)}"


def _range(expected: Expectation) -> str:
    low, high = _figure(expected.low, expected), _figure(expected.high, expected)
    if expected.low is None:
        return f"{high} or less"
    if expected.high is None:
        return f"{low} or more"
    return f"{low} to {high}"


def _figure(limit: float | None, expected: Expectation) -> str:
    if limit is None:
        return ""
    return show_value(limit, "s") if expected.quantity == "time_s" else f"{limit:.4g}"


# ---------------------------------------------------------------- measured values


def _value(expected: Expectation, cells: Mapping[str, StudyCell]) -> Estimate | None:
    """The measured value of an expectation; None without a measurement."""
    value = _quantity(expected, expected.cell, cells)
    if value is None or expected.over is None:
        return value
    below = _quantity(expected, expected.over, cells)
    if below is None or below.value <= 0:
        return None
    return propagate(lambda x: x["a"] / x["b"], {"a": value, "b": below})


def _ran_once(expected: Expectation, cells: Mapping[str, StudyCell]) -> bool:
    """Whether the quantity was measured with an unknown run-to-run scatter."""
    keys = [expected.cell] if expected.over is None else [expected.cell, expected.over]
    measured = [cells[key] for key in keys if key in cells]
    if expected.quantity == "time_s":
        runs = [run for cell in measured for run in cell.runs]
        return any(run.variant == expected.variant and run.repeats == 1 for run in runs)
    ratios = [ratio for cell in measured for ratio in cell.ratios]
    return any(ratio.variant == expected.variant and not ratio.scatter_known for ratio in ratios)


def _quantity(expected: Expectation, key: str, cells: Mapping[str, StudyCell]) -> Estimate | None:
    """The expected quantity in a cell; None without a measurement in the cell."""
    cell = cells.get(key)
    if cell is None:
        return None
    if expected.quantity == "time_s":
        return _time_s(cell, expected.variant)
    if any(run.state == "cut" for run in cell.runs):
        return None
    for ratio in cell.ratios:
        if ratio.variant == expected.variant:
            if expected.quantity in _SCATTERING and not ratio.scatter_known:
                return None
            if expected.quantity == "energy_ratio" and ratio.energy_title != ENERGY_RATIO:
                return None  # a ratio of assumed powers
            value: Estimate | None = getattr(ratio, expected.quantity)
            return value
    return None


def _time_s(cell: StudyCell, variant: str) -> Estimate | None:
    for run in cell.runs:
        if run.variant == variant and run.state == "measured" and run.repeats != 1:
            return run.time_s
    return None
