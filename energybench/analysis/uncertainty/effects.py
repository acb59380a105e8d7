"""Combining effects by key, by Monte Carlo with a fixed seed (JCGM 101:2008, GUM supplement 1).

Draws are stratified: each effect's quantiles are exact, and only the order in which they meet other
effects is random. The order is seeded by the effect's key, so that one board's gain is the same
draw wherever it appears, and cancels in a ratio. Effects with distribution "bound" are not
probabilities: intervals take their whole range, to their side only.
"""

from __future__ import annotations

import functools
import hashlib
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from energybench.model import Effect, Estimate

CONFIDENCE = 0.95
DRAWS = 40_000
_Z = statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
_BOUND_SPAN = math.sqrt(12.0)  # a uniform distribution of width w has standard deviation w/√12

Floats = npt.NDArray[np.float64]
Formula = Callable[[Mapping[str, Any]], Any]  # the same arithmetic on floats and on arrays


def normal(name: str, u: float, key: str | None = None) -> Effect:
    """A normal effect of standard uncertainty u."""
    return Effect(name=name, u=u, key=key)


def rectangular(name: str, half_width: float, key: str | None = None) -> Effect:
    """Anywhere within ±half_width, equally likely."""
    return Effect(name=name, u=half_width / math.sqrt(3.0), distribution="rectangular", key=key)


def bound(name: str, limit: float, key: str | None = None) -> Effect:
    """The truth lies between the value and value + limit (limit may be negative)."""
    return Effect(name=name, u=limit / _BOUND_SPAN, distribution="bound", key=key)


def student(name: str, u: float, dof: float) -> Effect:
    """Scatter of a mean: scale u = s/√n with dof = n − 1."""
    return Effect(name=name, u=u, distribution="student", dof=dof)


def exact(value: float) -> Estimate:
    """A number that is defined, not measured."""
    return Estimate(value=value, low=value, high=value)


def ranged(name: str, value: float, low: float, high: float, key: str | None = None) -> Estimate:
    """A value with a stated range: rectangular where the range lies evenly about it, else a bound
    to each side.
    """
    if not low <= value <= high:
        raise ValueError(f"{name}: value {value} lies outside its range [{low}, {high}]")
    if low == high:
        return exact(value)
    if math.isclose(high - value, value - low, rel_tol=1e-9):
        return combine(value, [rectangular(name, (high - low) / 2, key)])
    sides = [
        bound(f"{name}, {word}", limit, f"{key}/{word}" if key else None)
        for word, limit in (("above", high - value), ("below", low - value))
        if limit
    ]
    return combine(value, sides)


def combine(value: float, effects: Iterable[Effect]) -> Estimate:
    """The estimate of a value that its effects act on additively.

    Effects of one key add linearly; independent normal ones are one normal one (exactly), so that
    few are left to be drawn.
    """
    kept = _added_up(effect for effect in effects if effect.u != 0.0)
    limits = [value]  # the value itself is always inside
    random = [effect for effect in kept if effect.distribution != "bound"]
    for side, quantile in zip((-1, 1), _sum_quantiles(random), strict=True):
        limits.append(
            value
            + quantile
            + sum(
                effect.u * _BOUND_SPAN
                for effect in kept
                if effect.distribution == "bound" and effect.u * side > 0
            )
        )
    ordered = tuple(sorted(kept, key=lambda effect: -abs(effect.u)))
    return Estimate(
        value=value, low=min(limits), high=max(limits), confidence=CONFIDENCE, effects=ordered
    )


def _added_up(effects: Iterable[Effect]) -> list[Effect]:
    """One effect a key and kind: those that share it are the same error."""
    found: dict[object, Effect] = {}
    for index, effect in enumerate(effects):
        place = index if effect.key is None else (effect.key, effect.distribution == "bound")
        earlier = found.get(place)
        found[place] = (
            effect if earlier is None else msgspec.structs.replace(earlier, u=earlier.u + effect.u)
        )
    return [effect for effect in found.values() if effect.u != 0.0]


def _sum_quantiles(effects: Sequence[Effect]) -> tuple[float, float]:
    """2.5 % and 97.5 % quantiles of a sum of independent effects."""
    normal_u = math.sqrt(sum(effect.u**2 for effect in effects if effect.distribution == "normal"))
    others = [effect for effect in effects if effect.distribution != "normal"]
    if not others:
        high = _Z * normal_u
        return -high, high
    if len(others) == 1 and normal_u == 0.0:  # its own quantiles are exact
        only = abs(others[0].u) * float(
            np.interp(
                (1 + CONFIDENCE) / 2,
                _probabilities(),
                _quantiles(others[0].distribution, others[0].dof),
            )
        )
        return -only, only
    drawn = normal_u * _shuffled("normal", None, 0) if normal_u else np.zeros(DRAWS)
    for place, effect in enumerate(others, 1):
        drawn = drawn + effect.u * _shuffled(effect.distribution, effect.dof, place)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def not_negative(estimate: Estimate) -> Estimate:
    """The estimate of what cannot be below 0: energy, power, time."""
    return msgspec.structs.replace(estimate, low=max(estimate.low, 0.0))


def uncombined(value: float, effects: Iterable[Effect]) -> Estimate:
    """A value that still has to be combined: its interval is only its own point."""
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
    """The same effects on a value times an exact factor."""
    return tuple(msgspec.structs.replace(effect, u=effect.u * factor) for effect in effects)


def propagate(
    formula: Formula, inputs: Mapping[str, Estimate], extra: Iterable[Effect] = ()
) -> Estimate:
    """The estimate of formula(inputs), its effects combined by key.

    formula  takes a mapping name → number, or name → array of draws, and answers in kind
    extra    effects that act additively on the result itself (the scatter of a ratio, say)
    Raises ValueError where the central result is not a finite number.
    """
    terms = _terms(inputs)
    central = {name: float(estimate.value) for name, estimate in inputs.items()}
    value = float(formula(central))
    if not math.isfinite(value):
        raise ValueError(f"the result is {value}: an input is 0 or out of range")
    added = tuple(extra)
    slopes = {term: _slope(formula, central, parts) for term, parts in terms.items()}
    effects = _reduce(terms, slopes) + added
    limits = [value]  # the value itself is always inside
    for side, quantile in ((-1, (1 - CONFIDENCE) / 2), (1, (1 + CONFIDENCE) / 2)):
        with np.errstate(all="ignore"):  # a draw may divide by 0; quantiles outlive it
            drawn = np.atleast_1d(
                formula(_drawn(_moved(central, terms, slopes, side), terms)) + _added(added)
            )
        drawn = drawn[np.isfinite(drawn)]
        if drawn.size:
            limits.append(float(np.quantile(drawn, quantile)))
    low, high = min(limits), max(limits)
    return Estimate(value=value, low=low, high=high, confidence=CONFIDENCE, effects=effects)


# ---------------------------------------------------------------- one term: what draws together

_Term = tuple[str, str]  # (key or a name of its own, "bound" or "random")
_Parts = dict[str, Effect]  # input name → the effect of this term on it (their sum)


def _terms(inputs: Mapping[str, Estimate]) -> dict[_Term, _Parts]:
    """Group the inputs' effects by what they share."""
    terms: dict[_Term, _Parts] = {}
    for name, estimate in inputs.items():
        for index, effect in enumerate(estimate.effects):
            own = effect.key if effect.key is not None else f"\0{name}/{index}/{effect.name}"
            parts = terms.setdefault(
                (own, "bound" if effect.distribution == "bound" else "random"), {}
            )
            earlier = parts.get(name)
            u = effect.u + (earlier.u if earlier else 0.0)
            parts[name] = Effect(
                name=effect.name,
                u=u,
                distribution=effect.distribution,
                dof=effect.dof,
                key=effect.key,
            )
    return terms


def _slope(formula: Formula, central: Mapping[str, float], parts: _Parts) -> float:
    """Change of the result for one standard uncertainty of the term: central difference; of a
    bound, its whole way over √12.
    """
    is_bound = any(effect.distribution == "bound" for effect in parts.values())

    def at(us: float) -> float:
        return float(
            formula(
                {
                    **central,
                    **{name: central[name] + us * effect.u for name, effect in parts.items()},
                }
            )
        )

    with np.errstate(all="ignore"):
        slope = (at(_BOUND_SPAN) - at(0)) / _BOUND_SPAN if is_bound else (at(1) - at(-1)) / 2
    return slope if math.isfinite(slope) else 0.0


def _reduce(terms: Mapping[_Term, _Parts], slopes: Mapping[_Term, float]) -> tuple[Effect, ...]:
    """The result's own effects, the largest first."""
    made = []
    for term, parts in terms.items():
        first = next(iter(parts.values()))
        if slopes[term]:
            made.append(
                Effect(
                    name=first.name,
                    u=slopes[term],
                    distribution=first.distribution,
                    dof=first.dof,
                    key=first.key,
                )
            )
    return tuple(sorted(made, key=lambda effect: -abs(effect.u)))


def _moved(
    central: Mapping[str, float],
    terms: Mapping[_Term, _Parts],
    slopes: Mapping[_Term, float],
    side: int,
) -> dict[str, float]:
    """The central values with every bound taken to the end that moves the result to this side (−1
    down, 1 up).
    """
    moved = dict(central)
    for term, parts in terms.items():
        if term[1] == "bound" and slopes[term] * side > 0:
            for name, effect in parts.items():
                moved[name] += effect.u * _BOUND_SPAN
    return moved


def _drawn(centre: Mapping[str, float], terms: Mapping[_Term, _Parts]) -> dict[str, float | Floats]:
    """Draws of every input, shape [DRAWS]; an input without random effects stays a number."""
    drawn: dict[str, float | Floats] = dict(centre)
    for (own, kind), parts in terms.items():
        if kind == "bound":
            continue
        for name, effect in parts.items():
            drawn[name] = drawn[name] + effect.u * _standard(own, effect)
    return drawn


def _added(extra: tuple[Effect, ...]) -> Floats | float:
    total: Floats | float = 0.0
    for index, effect in enumerate(extra):
        total = total + effect.u * _standard(effect.key or f"\0extra/{index}/{effect.name}", effect)
    return total


def _standard(own: str, effect: Effect) -> Floats:
    """Draws of the standardised effect, shape [DRAWS], in an order that its key alone decides."""
    seed = int.from_bytes(hashlib.blake2b(own.encode(), digest_size=8).digest(), "little")
    order = np.random.Generator(np.random.Philox(seed)).permutation(DRAWS)
    return _quantiles(effect.distribution, effect.dof)[order]


@functools.lru_cache(maxsize=64)
def _shuffled(distribution: str, dof: float | None, place: int) -> Floats:
    """Quantiles of the standardised distribution in an order of its own for each place in a sum."""
    order = np.random.Generator(np.random.Philox(place)).permutation(DRAWS)
    return _quantiles(distribution, dof)[order]


@functools.lru_cache(maxsize=1)
def _probabilities() -> Floats:
    return (np.arange(DRAWS) + 0.5) / DRAWS


@functools.lru_cache(maxsize=64)
def _quantiles(distribution: str, dof: float | None) -> Floats:
    """Quantiles of the standardised distribution at DRAWS evenly spread probabilities, ascending."""
    p = _probabilities()
    if distribution == "rectangular":
        return np.asarray((2 * p - 1) * math.sqrt(3.0))
    if distribution == "student":
        from scipy import special  # late: half the time of measuring a program that does nothing

        return np.asarray(special.stdtrit(dof or 1.0, p), dtype=np.float64)
    inverse = statistics.NormalDist().inv_cdf
    return np.array([inverse(value) for value in p.tolist()])
