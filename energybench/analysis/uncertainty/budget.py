"""The uncertainty budget of a value: which effects widen its interval, and what shrinks them.

Effects of one kind on several devices of one component stand on one line ("gpu.board … : gain" of 4
boards). `half_width_without` of a line is the half-width recombined without the effects of the
line: the most that a perfect remedy could gain. A bound is not a probability and has no share of
the variance. With few repeats no line has a share: Student's t makes the interval of the scatter
wider than its u, so that shares of u² would contradict the half-widths.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from energybench.analysis.uncertainty import effect_kinds
from energybench.analysis.uncertainty.coverage_factors import (
    BOUND_SPAN,
    Z95,
    coverage_factor,
    student_quantile,
)
from energybench.analysis.uncertainty.effect_words import EffectNames
from energybench.analysis.uncertainty.effects import combine
from energybench.analysis.uncertainty.node_sums import is_share
from energybench.model import Distribution, Effect, EffectKind, Estimate, Measurement
from energybench.units import show_value

# The largest error that Student's t may cause in a line's share of the variance. From 7 degrees of
# freedom (8 repeats) on, the error is always smaller.
_SHARE_OFF = 0.1

# Lines of a budget. Recombining takes milliseconds for each line, and effects smaller than the
# eighth line do not change the interval visibly.
LINES = 8


class Contribution(NamedTuple):
    """One line of a budget.

    effect              name of the effect, or of several effects together
    key                 key of a single effect; None for several effects
    u                   standard uncertainty, in the value's unit; of a bound: its limit over √12
    u_rel               u relative to the value; None if the value is 0
    share               share of the sum of all u² without the bounds; None for a bound, and if the
                        scatter has so few degrees of freedom that shares of u² do not tell widths
    half_width_without  half-width of the value's interval without these effects
    remedy              what makes the effects smaller; "" if nothing does
    devices             number of effects on the line; 1 for many effects of a sum over nodes, whose
                        number is in the name
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
    estimate: Estimate,
    lines: int = LINES,
    *,
    ratio: bool = False,
    runs: Sequence[Measurement] = (),
) -> tuple[Contribution, ...]:
    """Lines of the budget; the line whose removal shrinks the interval most comes first.

    Effects beyond the number of lines are summed in a last line (two, if there are bounds).

    ratio  True if the value compares two measurements, so that its scatter is that of both
    runs   the measurements behind the value, as far as they are known: lines name their boards by
           number
    """
    names = EffectNames(estimate.effects, runs)
    groups = _groups(estimate.effects)
    if not groups:
        return ()
    # The interval of a ratio comes from a formula, not from a sum. Recombined half-widths are
    # scaled to the interval, so that the lines agree with it.
    recombined = combine(estimate.value, estimate.effects).half_width
    scale = estimate.half_width / recombined if recombined else 0.0
    contributions = [
        _line(estimate, scale, group, _title(group, names), _remedy(group, ratio))
        for group in groups[:lines]
    ]
    contributions.sort(key=lambda line: line.half_width_without)
    for bounds in (False, True):
        small = [
            effect
            for group in groups[lines:]
            for effect in group
            if (effect.distribution == "bound") == bounds
        ]
        if small:
            noun = "bound" if bounds else "effect"
            plural = "s" if len(small) > 1 else ""
            title = f"{len(small)} smaller {noun}{plural}"
            contributions.append(_line(estimate, scale, small, title, ""))
    return tuple(contributions)


def largest(
    estimate: Estimate, *, ratio: bool = False, runs: Sequence[Measurement] = ()
) -> Contribution | None:
    """The first line of the budget alone; None if the value has no effects."""
    # The three largest lines by size include the line that shrinks the interval most.
    contributions = budget(estimate, 3, ratio=ratio, runs=runs)
    return contributions[0] if contributions else None


def words(line: Contribution, estimate: Estimate, unit: str = "") -> str:
    """'gpu.board …: gain (4 together), 78 % of the variance; without it ±1.2 % instead of ±4.7 %'

    followed by ' → ' and the remedy.
    """
    share = ""
    if line.distribution == "bound":
        share = ", a bound to one side"
    elif line.share is not None:
        share = f", {_percent(line.share)} of the variance"
    widths = (estimate.half_width, line.half_width_without)
    if estimate.value:
        now, then = (f"±{_percent(width / abs(estimate.value))}" for width in widths)
    else:
        now, then = (f"±{show_value(width, unit)}" for width in widths)
    together = f" ({line.devices} together)" if line.devices > 1 else ""
    remedy = f" → {line.remedy}" if line.remedy else ""
    change = f"without it {then} instead of {now}"
    if then == now:
        change = f"the interval is ±{now[1:]} with and without it"
    return f"{line.effect}{together}{share}; {change}{remedy}"


def _percent(share: float) -> str:
    if share == 0:
        return "0 %"
    if share > 0.995:
        return "100 %"
    return f"{share * 100:#.2g}".rstrip(".") + " %"


def _line(
    estimate: Estimate, scale: float, group: Sequence[Effect], title: str, remedy: str
) -> Contribution:
    """The line of some effects of the estimate.

    scale  half-width of the estimate over that of its recombined effects
    """
    mine = {id(effect) for effect in group}
    rest = [effect for effect in estimate.effects if id(effect) not in mine]
    variance = sum(effect.u**2 for effect in estimate.effects if effect.distribution != "bound")
    u = _u(group)
    share: float | None = None
    if group[0].distribution != "bound" and _has_shares(estimate.effects):
        share = u**2 / variance if variance else 0.0
    without = combine(estimate.value, rest).half_width * scale
    return Contribution(
        effect=title,
        key=group[0].key if len(group) == 1 else None,
        distribution=group[0].distribution,
        u=u,
        u_rel=u / abs(estimate.value) if estimate.value else None,
        share=share,
        half_width_without=min(without, estimate.half_width),
        remedy=remedy,
        devices=1 if all(map(is_share, group)) else len(group),
    )


def _has_shares(effects: Sequence[Effect]) -> bool:
    """Whether the share of each effect in the sum of all u² is also its share in the squares of
    the half-widths, as far as Student's t decides.
    """
    squares = [effect.u**2 for effect in effects if effect.distribution != "bound"]
    widths = [
        (effect.u * coverage_factor(effect) / Z95) ** 2
        if effect.distribution == "student"
        else effect.u**2
        for effect in effects
        if effect.distribution != "bound"
    ]
    variance, width = sum(squares), sum(widths)
    return all(
        abs(square / variance - own / width) <= _SHARE_OFF
        for square, own in zip(squares, widths, strict=True)
        if variance
    )


# ---------------------------------------------------------------- grouping

# Component; kind, or the name; 0 of random effects, +1 of bounds upward and -1 of those downward.
_Group = tuple[str, EffectKind | str, int]


def _groups(effects: Iterable[Effect]) -> list[list[Effect]]:
    """Effects that stand on one line together; the group that widens the interval most first."""
    groups: dict[_Group, list[Effect]] = {}
    for effect in effects:
        if effect.u:
            side = 0
            if effect.distribution == "bound":
                side = 1 if effect.u > 0 else -1
            groups.setdefault((effect.component, _sort(effect), side), []).append(effect)
    return sorted(groups.values(), key=lambda group: -_reach(group))


def _sort(effect: Effect) -> EffectKind | str:
    """The kind of an effect on a part of the machine; an effect without a part stands alone."""
    return effect.kind if effect.component else effect.name


def _title(group: Sequence[Effect], names: EffectNames) -> str:
    first = group[0]
    if len(group) == 1 or all(map(is_share, group)):
        return names.name(first)
    if not first.component:
        return first.name
    places = {(effect.component, effect.device) for effect in group}
    place = names.place(first) if len(places) == 1 else f"{first.component} …"
    return f"{place}: {effect_kinds.label(first.kind)}"


def _u(group: Sequence[Effect]) -> float:
    """Standard uncertainty of a group: bounds add up, random effects add in quadrature.

    The random effects of an estimate have different keys, so that they are independent.
    """
    if group[0].distribution == "bound":
        return sum(effect.u for effect in group)
    root = math.sqrt(sum(effect.u**2 for effect in group))
    return math.copysign(root, sum(effect.u for effect in group))


def _reach(group: Sequence[Effect]) -> float:
    """Approximate half-width of the interval that the group would make alone."""
    if group[0].distribution == "bound":
        return abs(_u(group)) * BOUND_SPAN / 2
    return math.sqrt(sum((effect.u * coverage_factor(effect)) ** 2 for effect in group))


# ---------------------------------------------------------------- remedies


def _remedy(group: Sequence[Effect], ratio: bool) -> str:
    first = group[0]
    if first.kind == "scatter":
        return _more_repeats(first, ratio)
    return effect_kinds.remedy(first.kind, first.sensor)


def _more_repeats(effect: Effect, ratio: bool) -> str:
    """The number of repeats that halves the scatter: t(m − 1)/√m ≤ t(n − 1)/2√n.

    At most 4n, for t falls with m.
    """
    if ratio or effect.dof is None:
        return "more repeats of the side that scatters more (four times as many for half of it)"
    n = round(effect.dof) + 1
    goal = student_quantile(n - 1) / math.sqrt(n) / 2
    too_few, enough = n, 4 * n
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if student_quantile(middle - 1) / math.sqrt(middle) <= goal:
            enough = middle
        else:
            too_few = middle
    return f"more repeats: {enough} instead of {n} for half of it (`--repeats {enough}`)"
