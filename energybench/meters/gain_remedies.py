"""Remedies for a reference that does not improve on a sensor's prior gain: one for every effect
that has to shrink, the largest first. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from energybench.analysis.energy.boundary import CPU, GPU, MEMORY, Cover, Model
from energybench.analysis.uncertainty import effect_kinds
from energybench.analysis.uncertainty.coverage_factors import Z95, student_quantile
from energybench.model import EffectKind, Estimate
from energybench.units import counted

_BOARD = "a meter of one board (`attach --scope gpu --board UUID`)"
_LONGER = "longer repeats (more work in each, or `run --min-window`)"
# Remedies by kind of effect; the other kinds belong to the edges of the windows.
_REMEDIES: Mapping[EffectKind, str] = {
    "scatter": "more repeats",
    "slope": effect_kinds.remedy("slope", None),
    "limit-of-error": "a better meter",
    "fixed-power": effect_kinds.remedy("fixed-power", None),
    "supply-efficiency": effect_kinds.remedy("supply-efficiency", None),
    "clock-offset": "--idle 30, whose step tells the offset of the meter's clock",
    "lag": "`energybench calibrate`, which measures the lag of the sensor",
}
_OPEN: Mapping[str, tuple[str, str]] = {
    CPU: ("CPU package", "open RAPL (`energybench doctor`)"),
    GPU: ("board", "open NVML (`energybench doctor`)"),
}

# The remedy for a kind of effect, if the effect may have at most this relative uncertainty for the
# gain to be better known than before.
Needs = Callable[[EffectKind, float], str]


class _Source(NamedTuple):
    """All effects of one name on a gain: their kind, and their relative standard uncertainty."""

    name: str
    kind: EffectKind
    u_rel: float


def largest(gain: Estimate) -> str:
    """The largest effect and its relative uncertainty: 'parts without a sensor ±5.2%'."""
    source = _sources(gain)[0]
    return f"{source.name} ±{source.u_rel:.1%}"


def remedies(gain: Estimate, prior_rel: float, needs: Needs) -> str:
    """Remedies for the fewest effects without which the gain would be better known than its prior.

    A remedy for a smaller effect would not help.
    """
    small = _sources(gain)
    large: list[_Source] = []
    while small and _squares(small) >= prior_rel**2:
        large.append(small.pop(0))
    allowed_rel = prior_rel
    if large:
        allowed_rel = math.sqrt((prior_rel**2 - _squares(small)) / len(large))
    texts = [text for source in large if (text := needs(source.kind, allowed_rel))]
    return "; and ".join(dict.fromkeys(texts)) or "a better meter"


def _sources(gain: Estimate) -> list[_Source]:
    """The effects by name, the largest first.

    The scatter of few repeats counts as the normal effect that its interval would need.
    """
    sources: dict[str, _Source] = {}
    for effect in gain.effects:
        factor = 1.0
        if effect.distribution == "student" and effect.dof:
            factor = student_quantile(effect.dof) / Z95
        earlier = sources.get(effect.name)
        u_rel = math.hypot(earlier.u_rel if earlier else 0.0, factor * effect.u / gain.value)
        sources[effect.name] = _Source(effect.name, effect.kind, u_rel)
    return sorted(sources.values(), key=lambda source: -source.u_rel)


def _squares(sources: Sequence[_Source]) -> float:
    return sum(source.u_rel**2 for source in sources)


def of_board(kind: EffectKind, _: float) -> str:
    """The remedy for an effect on the gain of a board that has a meter of its own."""
    return _REMEDIES.get(kind, _LONGER)


def of_node(chosen: Cover, rise_w: float) -> Needs:
    """Remedies for a node. rise_w: rise of the sensors' sum, quietest window to busiest."""
    boards = any(source.channel.component == GPU for source in chosen.sources)

    def needs(kind: EffectKind, allowed: float) -> str:
        if kind == "parts-without-sensor":
            return _without_sensor(chosen.models, rise_w, allowed, boards)
        if kind == "load-followers":
            return _BOARD if boards else ""
        return of_board(kind, allowed)

    return needs


def _without_sensor(
    models: Sequence[Model], rise_w: float, allowed_rel: float, boards: bool
) -> str:
    """Parts without a sensor may rise by their whole range while the sensors rise by rise_w: open
    sensors for the parts, or raise the sensors further.
    """
    opened = sorted({model.part.component for model in models} & set(_OPEN))
    if opened:
        of_parts = [model.part.component for model in models]
        remedies = ((*_OPEN[component], of_parts.count(component)) for component in opened)
        return "; ".join(
            f"{counted(number, part)} without a sensor: {remedy}"
            for part, remedy, number in remedies
        )
    low_w = sum(model.part.low_w or 0.0 for model in models)
    high_w = sum(model.part.high_w or 0.0 for model in models)
    memory = any(model.part.component == MEMORY for model in models)
    # the range is rectangular: half of it over √3, relative to the rise
    wanted_w = (high_w - low_w) / (2 * math.sqrt(3.0) * allowed_rel) if allowed_rel else math.inf
    rise = "more"
    if math.isfinite(wanted_w) and wanted_w > rise_w:
        rise = f"{_rounded_up(wanted_w)} W"
    otherwise = f", or {_BOARD}" if boards else "; if the node cannot, the prior stands"
    return (
        f"{'memory' if memory else 'parts'} without a counter may draw {low_w:.0f}-{high_w:.0f} W "
        f"and the sensors rise by {rise_w:.0f} W only: measure work that raises them by {rise} "
        f"(every socket and board at work){otherwise}"
    )


def _rounded_up(watts: float) -> str:
    step = 10.0 ** max(math.floor(math.log10(watts)) - 1, 0)
    return f"{math.ceil(watts / step) * step:.0f}"
