"""Effects of uncertainty, and how they combine into intervals by key.

Method: Monte Carlo with a fixed seed (JCGM 101:2008, GUM supplement 1). Draws are stratified: the
quantiles of each effect are exact, and only the order in which they meet other effects is random.
The order is seeded by the effect's key, so that the gain of one board has the same draws wherever
it appears, and cancels in a ratio. An effect with the distribution "bound" is not a probability:
intervals take its whole range, on its side only.
`propagation` combines the effects of several estimates in a formula.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from energybench.analysis.quantiles import quantiles_of_values
from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN, CONFIDENCE, Z95
from energybench.analysis.uncertainty.draws import (
    DRAWS,
    probabilities,
    quantiles,
    shuffled,
)
from energybench.analysis.uncertainty.effect_kinds import NOWHERE, Place, effect_name
from energybench.analysis.uncertainty.folding import FOLD_ABOVE, normal_u, replaceable
from energybench.model import Distribution, Effect, EffectKind, Estimate, MeterError, RangeMeaning


def normal(
    kind: EffectKind,
    u: float,
    place: Place = NOWHERE,
    *,
    key: str | None = None,
    detail: str = "",
) -> Effect:
    """A normal effect of standard uncertainty u."""
    return effect(kind, u, place, key=key, detail=detail)


def rectangular(
    kind: EffectKind,
    half_width: float,
    place: Place = NOWHERE,
    *,
    key: str | None = None,
    detail: str = "",
) -> Effect:
    """An effect that is equally likely anywhere within ±half_width."""
    u = half_width / math.sqrt(3.0)
    return effect(kind, u, place, distribution="rectangular", key=key, detail=detail)


def bound(
    kind: EffectKind,
    limit: float,
    place: Place = NOWHERE,
    *,
    key: str | None = None,
    detail: str = "",
) -> Effect:
    """A one-sided effect: the truth lies between the value and value + limit.

    A negative limit lies below the value.
    """
    return effect(kind, limit / BOUND_SPAN, place, distribution="bound", key=key, detail=detail)


def student(u: float, dof: float, kind: EffectKind = "scatter") -> Effect:
    """Run-to-run scatter of a mean of n values: scale u = s/√n, n − 1 degrees of freedom."""
    return effect(kind, u, distribution="student", dof=dof)


def effect(
    kind: EffectKind,
    u: float,
    place: Place = NOWHERE,
    *,
    distribution: Distribution = "normal",
    dof: float | None = None,
    key: str | None = None,
    detail: str = "",
) -> Effect:
    """An effect whose name is made from its kind and place.

    detail  figure or word inside the name: "1.2 s" of a gap, the input's name of a stated range
    """
    return Effect(
        name=effect_name(kind, place, detail),
        u=float(u),  # JSON takes no number of numpy
        distribution=distribution,
        dof=dof,
        key=key,
        kind=kind,
        component=place.component,
        device=place.device,
        sensor=place.sensor,
    )


def meter_error(error: MeterError) -> Effect:
    """The limit of error of a reference meter, relative to a value that rests on the meter."""
    return effect(
        "limit-of-error",
        error.u_rel,
        Place("meter", error.name, "meter"),
        distribution=error.distribution,
        key=error.key,
    )


def exact(value: float) -> Estimate:
    """A number that is defined, not measured."""
    return Estimate(value=value, low=value, high=value)


def ranged(
    name: str,
    value: float,
    low: float,
    high: float,
    key: str | None = None,
    meaning: RangeMeaning = "uniform",
) -> Estimate:
    """A value with a stated range; `meaning` as in `model.RangeMeaning`.

    uniform  a rectangular effect as wide as the range (JCGM 101:2008, 6.4.2.1). If the value is not
             the middle of the range, the effect does not lie about the value: `propagate` needs
             `middle` as well
    limits   a bound on either side
    Raises ValueError if the value lies outside the range.
    """
    if not low <= value <= high:
        raise ValueError(f"{name}: value {value} lies outside its range [{low}, {high}]")
    if low == high:
        return exact(value)
    if meaning == "uniform":
        half = rectangular("stated-range", (high - low) / 2, key=key, detail=name)
        about = combine(middle(low, high), [half])
        ends = {"low": min(value, about.low), "high": max(value, about.high)}
        return msgspec.structs.replace(about, value=value, **ends)
    sides = [
        bound(
            "stated-range",
            limit,
            key=f"{key}/{side}" if key else None,
            detail=f"{name}, {side}",
        )
        for side, limit in (("above", high - value), ("below", low - value))
        if limit
    ]
    return combine(value, sides)


def middle(low: float, high: float) -> float:
    """The value about which a uniform range is drawn."""
    return low + (high - low) / 2


def combine(value: float, effects: Iterable[Effect], *, fold_above: int = FOLD_ABOVE) -> Estimate:
    """The estimate of a value to which its effects add.

    Effects with the same key add linearly. Independent normal effects are combined exactly into one
    normal effect, so that few effects are left to be drawn.

    fold_above  if more effects than this are neither normal nor bounds, those that together are as
                good as normal are combined like normal effects (see `folding`)
    """
    summed = _summed_by_key(effect for effect in effects if effect.u != 0.0)
    random = [effect for effect in summed if effect.distribution != "bound"]
    bounds = [effect for effect in summed if effect.distribution == "bound"]
    limits = [value]  # the value itself always lies inside
    for side, quantile in zip((-1, 1), _sum_quantiles(random, fold_above), strict=True):
        reach = sum(effect.u * BOUND_SPAN for effect in bounds if effect.u * side > 0)
        limits.append(value + quantile + reach)
    ordered = tuple(sorted(summed, key=lambda effect: -abs(effect.u)))
    return Estimate(
        value=value,
        low=min(limits),
        high=max(limits),
        confidence=CONFIDENCE,
        effects=ordered,
    )


def _summed_by_key(effects: Iterable[Effect]) -> list[Effect]:
    """One random effect and one bound for each key, for a key is the name of one error."""
    sums: dict[object, Effect] = {}
    for index, effect in enumerate(effects):
        place = index if effect.key is None else (effect.key, effect.distribution == "bound")
        earlier = sums.get(place)
        if earlier is None:
            sums[place] = effect
        else:
            sums[place] = msgspec.structs.replace(earlier, u=earlier.u + effect.u)
    return [effect for effect in sums.values() if effect.u != 0.0]


def _sum_quantiles(effects: Sequence[Effect], fold_above: int) -> tuple[float, float]:
    """2.5 % and 97.5 % quantiles of a sum of independent effects."""
    squares = sum(effect.u**2 for effect in effects if effect.distribution == "normal")
    others = [effect for effect in effects if effect.distribution != "normal"]
    if len(others) > fold_above:
        deviations = np.array([normal_u(effect) for effect in effects])
        folded = replaceable(effects, deviations)
        squares = float(np.sum(deviations[folded] ** 2))
        others = [
            effect for effect, is_folded in zip(effects, folded, strict=True) if not is_folded
        ]
    u = math.sqrt(squares)
    if not others:
        high = Z95 * u
        return -high, high
    if len(others) == 1 and u == 0.0:  # the quantiles of a single effect are exact
        only = quantiles(others[0].distribution, others[0].dof)
        high = float(np.interp((1 + CONFIDENCE) / 2, probabilities(), only))
        return -abs(others[0].u) * high, abs(others[0].u) * high
    draws = u * shuffled("normal", None, 0) if u else np.zeros(DRAWS)
    for place, effect in enumerate(others, 1):
        draws = draws + effect.u * shuffled(effect.distribution, effect.dof, place)
    low, high = quantiles_of_values(draws, (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
    return float(low), float(high)


def not_negative(estimate: Estimate) -> Estimate:
    """The estimate of a quantity that cannot be below 0: energy, power, time."""
    return msgspec.structs.replace(estimate, low=max(estimate.low, 0.0))


def uncombined(value: float, effects: Iterable[Effect]) -> Estimate:
    """A value whose effects are still to be combined: its interval is only the value itself."""
    return Estimate(value=value, low=value, high=value, effects=tuple(effects))


def scale(estimate: Estimate, factor: float) -> Estimate:
    """The estimate times an exact factor."""
    low, high = sorted((estimate.low * factor, estimate.high * factor))
    return Estimate(
        value=estimate.value * factor,
        low=low,
        high=high,
        confidence=estimate.confidence,
        effects=scaled(estimate.effects, factor),
    )


def scaled(effects: Iterable[Effect], factor: float) -> tuple[Effect, ...]:
    """The effects of a value, times an exact factor."""
    return tuple(msgspec.structs.replace(effect, u=effect.u * factor) for effect in effects)
