"""The uncertainty budget of a value: its effects, largest first, how wide the interval would be
without each, and what would shrink it.

Effects of one kind on several devices of one component stand on one line ("gpu.board … : gain" of 4
boards). A line's `half_width_without` is recombined with the line's effects left out; it is what a
perfect remedy could gain at most. Bounds are no probabilities and have no share of the variance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty.effects import combine
from energybench.analysis.uncertainty.repeats import student_quantile
from energybench.model import Distribution, Effect, Estimate
from energybench.units import show_value

# recombining takes milliseconds an effect; what is smaller than the eighth line shrinks nothing
# that anybody would see
LINES = 8
_SPAN = math.sqrt(12.0)  # a bound of limit b has u = b/√12 (effects.py)
_NORMAL, _RECTANGULAR = (
    1.96,
    0.95 * math.sqrt(3.0),
)  # half-width of a 95 % interval over u; of a rectangle: 95 % of its half-width


class Contribution(NamedTuple):
    """One line of a budget.

    u, u_rel            standard uncertainty, in the value's unit and relative to the value (None
                        where the value is 0); of a bound, its limit over √12
    share               of the sum of all u² that are no bounds; None for a bound
    half_width_without  half-width of the value's interval were these effects not there
    devices             how many effects of one name pattern the line holds
    """

    effect: str
    key: str | None
    distribution: Distribution
    u: float
    u_rel: float | None
    share: float | None
    half_width_without: float
    remedy: str
    devices: int = 1


def budget(
    estimate: Estimate, lines: int = LINES, *, ratio: bool = False
) -> tuple[Contribution, ...]:
    """Lines of the budget, that which shrinks the interval most first; what exceeds `lines` is
    summed up in a last one.

    `ratio`: the value compares two measurements, so that its scatter is that of both.
    """
    groups = _groups(estimate.effects)
    if not groups:
        return ()
    whole = combine(estimate.value, estimate.effects).half_width
    # The interval of a ratio comes from a formula, not from a sum: what is recombined here is
    # scaled to it, so that lines and interval agree.
    scale = estimate.half_width / whole if whole else 0.0
    variance = sum(effect.u**2 for effect in estimate.effects if effect.distribution != "bound")

    def line(group: Sequence[Effect], name: str, remedy: str) -> Contribution:
        rest = [effect for effect in estimate.effects if not any(effect is mine for mine in group)]
        u = _u(group)
        own = None if group[0].distribution == "bound" else u**2 / variance if variance else 0.0
        return Contribution(
            effect=name,
            key=group[0].key if len(group) == 1 else None,
            distribution=group[0].distribution,
            u=u,
            u_rel=u / abs(estimate.value) if estimate.value else None,
            share=own,
            half_width_without=min(
                combine(estimate.value, rest).half_width * scale, estimate.half_width
            ),
            remedy=remedy,
            devices=len(group),
        )

    kept, small = groups[:lines], groups[lines:]
    made = sorted(
        (line(group, _title(group), _remedy(group, ratio)) for group in kept),
        key=lambda entry: entry.half_width_without,
    )
    for bounds in (False, True):
        rest = [
            effect
            for group in small
            for effect in group
            if (effect.distribution == "bound") == bounds
        ]
        if rest:
            made.append(
                line(
                    rest,
                    f"{len(rest)} smaller {'bound' if bounds else 'effect'}{'s' * (len(rest) != 1)}",
                    "",
                )
            )
    return tuple(made)


def largest(estimate: Estimate, *, ratio: bool = False) -> Contribution | None:
    """The first line alone; None where the value has no effects."""
    made = budget(
        estimate, 3, ratio=ratio
    )  # by size the first three hold the one that shrinks the interval most
    return made[0] if made else None


def words(line: Contribution, estimate: Estimate, unit: str = "") -> str:
    """'gpu.board …: gain (4 together), 78 % of the variance; without it ±1.2 % instead of ±4.7 % →
    a remedy'
    """
    share = (
        f", {_percent(line.share)} of the variance"
        if line.share is not None
        else ", a bound to one side"
    )
    if estimate.value:
        now, then = (
            f"±{_percent(width / abs(estimate.value))}"
            for width in (estimate.half_width, line.half_width_without)
        )
    else:
        now, then = (
            f"±{show_value(width, unit)}"
            for width in (estimate.half_width, line.half_width_without)
        )
    together = f" ({line.devices} together)" if line.devices > 1 else ""
    return f"{line.effect}{together}{share}; without it {then} instead of {now}" + (
        f" → {line.remedy}" if line.remedy else ""
    )


def _percent(share: float) -> str:
    return (
        "0 %"
        if share == 0
        else "100 %"
        if share > 0.995
        else f"{share * 100:#.2g}".rstrip(".") + " %"
    )


# ---------------------------------------------------------------- grouping


def _groups(effects: Iterable[Effect]) -> list[list[Effect]]:
    """Effects that stand on one line, the widest first."""
    found: dict[tuple[str, str, bool], list[Effect]] = {}
    for effect in effects:
        if effect.u:
            component, what = _parts(effect.name)
            is_bound = effect.distribution == "bound"
            found.setdefault((component, what, is_bound and effect.u > 0), []).append(effect)
    return sorted(found.values(), key=lambda group: -_reach(group))


def _parts(name: str) -> tuple[str, str]:
    """('gpu.board', 'gain') of 'gpu.board GPU-…: gain'; both halves of a memory model, hardware and
    load, are its 'model'.
    """
    place, colon, what = name.rpartition(": ")
    return (place.split(" ")[0], what.split(",")[0]) if colon else ("", name)


def _title(group: Sequence[Effect]) -> str:
    if len(group) == 1:
        return group[0].name
    component, what = _parts(group[0].name)
    places = {effect.name.rpartition(": ")[0] for effect in group}
    place = places.pop() if len(places) == 1 else f"{component} …"
    return f"{place}: {what}" if component else what


def _u(group: Sequence[Effect]) -> float:
    """Bounds add up; what is random and of different keys adds in squares (one key stands once in
    an estimate's effects).
    """
    if group[0].distribution == "bound":
        return sum(effect.u for effect in group)
    return math.copysign(
        math.sqrt(sum(effect.u**2 for effect in group)), sum(effect.u for effect in group)
    )


def _reach(group: Sequence[Effect]) -> float:
    """About how much of the interval's half-width these effects would make alone."""
    if group[0].distribution == "bound":
        return abs(_u(group)) * _SPAN / 2
    return math.sqrt(sum((effect.u * _factor(effect)) ** 2 for effect in group))


def _factor(effect: Effect) -> float:
    if effect.distribution == "student":
        return student_quantile(effect.dof or 1.0)
    return _RECTANGULAR if effect.distribution == "rectangular" else _NORMAL


# ---------------------------------------------------------------- remedies

_METER = "calibrate against a meter: `energybench attach`, then `energybench calibrate --against`"
_REMEDIES = (  # by what the effect's name says; the first that fits
    ("gain", _METER),
    (
        "window edges",
        "longer repeats (`--min-window`), or starts staggered over the sensor's period",
    ),
    (
        "the load at all window edges",
        "longer repeats (`--min-window`): repeats of one work begin and end alike",
    ),
    (
        "power between its samples",
        "longer repeats (`--min-window`), or starts staggered over the sensor's period",
    ),
    (
        "a load in step with its samples",
        "several repeats with spread starts (`run`, or `measure --repeats 8`)",
    ),
    ("resolution", "longer repeats (`--min-window`)"),
    ("model", "a node meter (`--boundary node-dc` or `node-ac`), or a CPU with a DRAM counter"),
    ("missing", "make the sensor work: `energybench doctor` says what it lacks"),
    ("no reading", "make the sensor work: `energybench doctor` says what it lacks"),
    ("away for", "see the system log for the device, then repeat the run"),
    ("gap of", "sample without interruption; repeat the run"),
    ("lag", "`energybench calibrate` measures the lag of this sensor"),
    ("drift between its phases", "a quieter machine, or a longer idle phase (`--idle`)"),
    ("start and end of the work", "longer repeats (`--min-window`)"),
    (
        "counter against power",
        "calibrate the board against a node meter: `energybench attach`, then `energybench "
        "calibrate --against`",
    ),
)
_ASSUMED = "open a sensor of the CPU (RAPL): `energybench doctor` says what it lacks"


def _remedy(group: Sequence[Effect], ratio: bool) -> str:
    effect = group[0]
    what = _parts(effect.name)[1]
    if effect.distribution == "student" or "scatter" in what:
        return _more_repeats(effect, ratio)
    if what.startswith("assumed") or "tdp-model:" in (effect.key or ""):
        return _ASSUMED
    return next((remedy for word, remedy in _REMEDIES if what.startswith(word)), "")


def _more_repeats(effect: Effect, ratio: bool) -> str:
    """How many repeats would halve the scatter's part: t(m − 1)/√m ≤ t(n − 1)/2√n, at most 4n of
    them for t falls with m.
    """
    if ratio or effect.dof is None:
        return "more repeats of the side that scatters more (four times as many for half of it)"
    n = round(effect.dof) + 1
    goal = student_quantile(n - 1) / math.sqrt(n) / 2
    low, high = n, 4 * n  # not enough, enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle)
            if student_quantile(middle - 1) / math.sqrt(middle) <= goal
            else (middle, high)
        )
    return f"more repeats: {high} instead of {n} for half of it (`--repeats {high}`)"
