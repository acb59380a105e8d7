"""Effects of uncertainty, and how they combine into intervals by key.

Method: Monte Carlo with a fixed seed (JCGM 101:2008, GUM supplement 1). Draws are stratified: the
quantiles of each effect are exact, and only the order in which they meet other effects is random.
The order is seeded by the effect's key, so that the gain of one board has the same draws wherever
it appears, and cancels in a ratio. An effect with the distribution "bound" is not a probability:
intervals take its whole range, on its side only.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.uncertainty.draws import (
    DRAWS,
    probabilities,
    quantiles,
    shuffled,
    standard_draws,
)
from energybench.analysis.uncertainty.effect_kinds import NOWHERE, Place, effect_name
from energybench.model import Distribution, Effect, EffectKind, Estimate

CONFIDENCE = 0.95
Z95 = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # 1.959964
BOUND_SPAN = math.sqrt(12.0)  # a uniform distribution of width w has standard deviation w/√12

Formula = Callable[[Mapping[str, Any]], Any]  # the same arithmetic on numbers and on arrays


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
        u=u,
        distribution=distribution,
        dof=dof,
        key=key,
        kind=kind,
        component=place.component,
        device=place.device,
        sensor=place.sensor,
    )


def exact(value: float) -> Estimate:
    """A number that is defined, not measured."""
    return Estimate(value=value, low=value, high=value)


def ranged(name: str, value: float, low: float, high: float, key: str | None = None) -> Estimate:
    """A value with a stated range.

    A range that lies evenly about the value is a rectangular effect; an uneven range is a bound on
    either side. Raises ValueError if the value lies outside the range.
    """
    if not low <= value <= high:
        raise ValueError(f"{name}: value {value} lies outside its range [{low}, {high}]")
    if low == high:
        return exact(value)
    if math.isclose(high - value, value - low, rel_tol=1e-9):
        half = rectangular("stated-range", (high - low) / 2, key=key, detail=name)
        return combine(value, [half])
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


def combine(value: float, effects: Iterable[Effect]) -> Estimate:
    """The estimate of a value to which its effects add.

    Effects with the same key add linearly. Independent normal effects are combined exactly into one
    normal effect, so that few effects are left to be drawn.
    """
    summed = _summed_by_key(effect for effect in effects if effect.u != 0.0)
    random = [effect for effect in summed if effect.distribution != "bound"]
    bounds = [effect for effect in summed if effect.distribution == "bound"]
    limits = [value]  # the value itself always lies inside
    for side, quantile in zip((-1, 1), _sum_quantiles(random), strict=True):
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


def _sum_quantiles(effects: Sequence[Effect]) -> tuple[float, float]:
    """2.5 % and 97.5 % quantiles of a sum of independent effects."""
    normal_u = math.sqrt(sum(effect.u**2 for effect in effects if effect.distribution == "normal"))
    others = [effect for effect in effects if effect.distribution != "normal"]
    if not others:
        high = Z95 * normal_u
        return -high, high
    if len(others) == 1 and normal_u == 0.0:  # the quantiles of a single effect are exact
        only = quantiles(others[0].distribution, others[0].dof)
        high = float(np.interp((1 + CONFIDENCE) / 2, probabilities(), only))
        return -abs(others[0].u) * high, abs(others[0].u) * high
    draws = normal_u * shuffled("normal", None, 0) if normal_u else np.zeros(DRAWS)
    for place, effect in enumerate(others, 1):
        draws = draws + effect.u * shuffled(effect.distribution, effect.dof, place)
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
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


def propagate(
    formula: Formula, inputs: Mapping[str, Estimate], extra: Iterable[Effect] = ()
) -> Estimate:
    """The estimate of formula(inputs), with all effects combined by key.

    formula  takes a mapping from names to numbers, or from names to arrays of draws, and returns a
             number or an array of draws
    extra    effects that add to the result itself, such as the scatter of a ratio
    Raises ValueError if the result for the central values is not a finite number.
    """
    terms = _terms(inputs)
    central = {name: float(estimate.value) for name, estimate in inputs.items()}
    value = float(formula(central))
    if not math.isfinite(value):
        raise ValueError(f"the result is {value}: an input is 0 or out of range")
    added = tuple(extra)
    slopes = {term: _slope(formula, central, parts) for term, parts in terms.items()}
    limits = [value]  # the value itself always lies inside
    for side, quantile in ((-1, (1 - CONFIDENCE) / 2), (1, (1 + CONFIDENCE) / 2)):
        start = _with_bounds_at_end(central, terms, slopes, side)
        with np.errstate(all="ignore"):  # a draw may divide by 0; the quantiles do not suffer
            draws = np.atleast_1d(formula(_with_draws(start, terms)) + _sum_of_draws(added))
        draws = draws[np.isfinite(draws)]
        if draws.size:
            limits.append(float(np.quantile(draws, quantile)))
    return Estimate(
        value=value,
        low=min(limits),
        high=max(limits),
        confidence=CONFIDENCE,
        effects=_result_effects(terms, slopes) + added,
    )


# ---------------------------------------------------------------- terms: effects drawn together

_Term = tuple[str, str]  # (key, or a name of its own; "bound" or "random")
_Parts = dict[str, Effect]  # input name → sum of the term's effects on that input


def _terms(inputs: Mapping[str, Estimate]) -> dict[_Term, _Parts]:
    """Group the effects of all inputs by their keys."""
    terms: dict[_Term, _Parts] = {}
    for name, estimate in inputs.items():
        for index, effect in enumerate(estimate.effects):
            owner = effect.key if effect.key is not None else f"\0{name}/{index}/{effect.name}"
            sort = "bound" if effect.distribution == "bound" else "random"
            parts = terms.setdefault((owner, sort), {})
            earlier = parts.get(name)
            u = effect.u + (earlier.u if earlier else 0.0)
            parts[name] = msgspec.structs.replace(effect, u=u)
    return terms


def _slope(formula: Formula, central: Mapping[str, float], parts: _Parts) -> float:
    """Change of the result for one standard uncertainty of the term.

    A central difference. For a bound: the change over its whole range, divided by √12.
    """
    is_bound = any(effect.distribution == "bound" for effect in parts.values())

    def at(us: float) -> float:
        moved = {name: central[name] + us * effect.u for name, effect in parts.items()}
        return float(formula({**central, **moved}))

    with np.errstate(all="ignore"):
        slope = (at(BOUND_SPAN) - at(0)) / BOUND_SPAN if is_bound else (at(1) - at(-1)) / 2
    return slope if math.isfinite(slope) else 0.0


def _result_effects(
    terms: Mapping[_Term, _Parts], slopes: Mapping[_Term, float]
) -> tuple[Effect, ...]:
    """The effects of the result, the largest first."""
    effects = [
        msgspec.structs.replace(next(iter(parts.values())), u=slopes[term])
        for term, parts in terms.items()
        if slopes[term]
    ]
    return tuple(sorted(effects, key=lambda effect: -abs(effect.u)))


def _with_bounds_at_end(
    central: Mapping[str, float],
    terms: Mapping[_Term, _Parts],
    slopes: Mapping[_Term, float],
    side: int,
) -> dict[str, float]:
    """The central values, with each bound at the end that moves the result to one side.

    side  −1: down, 1: up
    """
    moved = dict(central)
    for term, parts in terms.items():
        if term[1] == "bound" and slopes[term] * side > 0:
            for name, effect in parts.items():
                moved[name] += effect.u * BOUND_SPAN
    return moved


def _with_draws(
    centre: Mapping[str, float], terms: Mapping[_Term, _Parts]
) -> dict[str, float | Floats]:
    """Draws of each input, shape [DRAWS]; an input without random effects stays a number."""
    draws: dict[str, float | Floats] = dict(centre)
    for (owner, sort), parts in terms.items():
        if sort == "bound":
            continue
        for name, effect in parts.items():
            draws[name] = draws[name] + effect.u * standard_draws(
                owner, effect.distribution, effect.dof
            )
    return draws


def _sum_of_draws(extra: tuple[Effect, ...]) -> Floats | float:
    total: Floats | float = 0.0
    for index, effect in enumerate(extra):
        owner = effect.key or f"\0extra/{index}/{effect.name}"
        total = total + effect.u * standard_draws(owner, effect.distribution, effect.dof)
    return total
