"""Published claims beside what was measured: each with the cell that decides it, its interval, and
why. Pure.

A cell agrees where its interval lies within the claimed range, or meets it and is narrower than ±10
%: a wide one that only reaches into the range tells nothing, and where all are so wide nothing was
tested. "every" asks that all cells agree, "any" that one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.effects import propagate
from energybench.model import Estimate, Expectation, Host, Published, StudyCell, Tested
from energybench.units import show, show_value

# relative half-width up to which an interval that meets a range, but does not lie in it, counts as
# agreement
_NARROW = 0.1


class _Seen(NamedTuple):
    expected: Expectation
    value: Estimate

    @property
    def meets(self) -> bool:
        low, high = self.expected.low, self.expected.high
        return (low is None or self.value.high >= low) and (high is None or self.value.low <= high)

    @property
    def agrees(self) -> bool:
        low, high = self.expected.low, self.expected.high
        inside = (low is None or self.value.low >= low) and (
            high is None or self.value.high <= high
        )
        return inside or (self.meets and self.value.half_width <= _NARROW * self.value.value)

    @property
    def off(self) -> float:
        """How far outside the range the value lies, as a ratio; below 1 inside it, the smaller the
        more clearly.
        """
        low, high = self.expected.low, self.expected.high
        return max(
            low / self.value.value if low is not None else 0.0,
            self.value.value / high if high else 0.0,
        )


def against_claims(
    claims: Sequence[Published], cells: Sequence[StudyCell], host: Host, device: str
) -> tuple[Tested, ...]:
    """Every claim, in the order given."""
    found = {cell.cell.key: cell for cell in cells}
    where = (
        host.cpu
        if device == "cpu"
        else ", ".join(dict.fromkeys(gpu.name for gpu in host.gpus if gpu.used and gpu.name))
    )
    return tuple(_tested(claim, found, where or device) for claim in claims)


def _tested(claim: Published, cells: Mapping[str, StudyCell], where: str) -> Tested:
    if claim.only_on is not None and claim.only_on not in where:
        return Tested(
            claim=claim,
            held="not testable here",
            why=f"a figure of {claim.published_on}; this is {where}",
        )
    seen = [
        _Seen(expected, value)
        for expected in claim.expects
        if (value := _value(expected, cells)) is not None and value.value > 0
    ]
    if not seen:
        why = (
            "no cell of this study has it measured"
            if claim.expects
            else "this study's grid holds no such cell"
        )
        return Tested(claim=claim, held="not testable here", why=why)
    agree = [one for one in seen if one.agrees]
    vague = not agree and all(one.meets for one in seen)
    held = len(agree) == len(seen) if claim.rule == "every" else bool(agree)
    deciding = (
        max(seen, key=lambda one: one.off)
        if claim.rule == "every"
        else min(agree or seen, key=lambda one: one.off)
    )
    return Tested(
        claim=claim,
        held="confirmed" if held else "not testable here" if vague else "not confirmed",
        why=("every interval is too wide to tell: " if vague else "")
        + _why(claim, seen, len(agree), where),
        measured=deciding.value,
        cell=f"{deciding.expected.cell}, {deciding.expected.variant}",
        agree=len(agree),
        tested=len(seen),
    )


def _why(claim: Published, seen: Sequence[_Seen], agree: int, where: str) -> str:
    values = sorted((one.value for one in seen), key=lambda value: value.value)
    unit = "s" if seen[0].expected.quantity == "time_s" else ""
    span = (
        f"{show(values[0], unit)} to {show(values[-1], unit)}"
        if len(values) > 1
        else show(values[0], unit)
    )
    asked = {_range(one.expected) for one in seen}
    against = f"within {asked.pop()}" if len(asked) == 1 else "within what is claimed for each"
    needs = "all must be" if claim.rule == "every" else "one is enough"
    vague = sum(one.meets and not one.agrees for one in seen)
    needs += f"; {vague} too wide to tell" if vague else ""
    here = (
        ""
        if claim.published_on in where
        else f"; published on {claim.published_on}, measured on {where}"
    )
    return f"{agree} of {len(seen)} intervals {against} ({needs}); measured {span}{here}"


def _range(expected: Expectation) -> str:
    if expected.low is None or expected.high is None:
        return (
            f"{_figure(expected.low, expected)} or more"
            if expected.low is not None
            else f"{_figure(expected.high, expected)} or less"
        )
    return f"{_figure(expected.low, expected)} to {_figure(expected.high, expected)}"


def _figure(limit: float | None, expected: Expectation) -> str:
    return show_value(limit, "s") if expected.quantity == "time_s" else f"{limit:.4g}"


def _value(expected: Expectation, cells: Mapping[str, StudyCell]) -> Estimate | None:
    """What was measured of it; None where it was not."""
    value = _quantity(expected, expected.cell, cells)
    if value is None or expected.over is None:
        return value
    below = _quantity(expected, expected.over, cells)
    return (
        propagate(lambda x: x["a"] / x["b"], {"a": value, "b": below})
        if below is not None and below.value > 0
        else None
    )


def _quantity(expected: Expectation, key: str, cells: Mapping[str, StudyCell]) -> Estimate | None:
    cell = cells.get(key)
    if cell is None:
        return None
    if expected.quantity == "time_s":
        return next(
            (
                run.time_s
                for run in cell.runs
                if run.variant == expected.variant and run.state == "measured"
            ),
            None,
        )
    ratio = next((ratio for ratio in cell.ratios if ratio.variant == expected.variant), None)
    if ratio is None or any(run.state == "cut" for run in cell.runs):
        return None
    value: Estimate | None = getattr(ratio, expected.quantity)
    return (
        None
        if expected.quantity == "energy_ratio" and ratio.energy_title != "energy ratio"
        else value
    )
