"""The estimate of a formula of estimates, with the effects of the inputs combined by key.

Method: Monte Carlo with a fixed seed, see `effects`. If the number of random effects exceeds
FOLD_ABOVE, effects whose sum is practically normal are not drawn one by one. The covariance of
these effects between the inputs is exact, and one normal draw per input reproduces the covariance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from energybench.analysis.arrays import Floats
from energybench.analysis.quantiles import quantiles_of_values
from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN, CONFIDENCE
from energybench.analysis.uncertainty.draws import standard_draws
from energybench.analysis.uncertainty.folding import FOLD_ABOVE, normal_u, replaceable
from energybench.model import Effect, Estimate

Formula = Callable[[Mapping[str, Any]], Any]  # equal arithmetic on numbers and on arrays
_PLACES = 65  # places of a bound for evaluations of the formula
_MOST_SCANNED = 64  # bounds; if more bounds exist, only the ends are evaluated


def propagate(
    formula: Formula,
    inputs: Mapping[str, Estimate],
    extra: Iterable[Effect] = (),
    *,
    about: Mapping[str, float] = MappingProxyType({}),
    fold_above: int = FOLD_ABOVE,
) -> Estimate:
    """The estimate of formula(inputs), with the effects combined by key.

    formula     takes a mapping from names to numbers, or from names to arrays, and returns a number
                or an array
    extra       effects that add to the result itself, such as the scatter of a ratio
    about       centre of the random effects of an input, if different from the value of the input:
                the middle of a uniform range
    fold_above  largest number of independent random errors that are drawn one by one
    Raises ValueError if the result for the central values is not a finite number.
    """
    terms = _terms(inputs)
    central = {name: float(estimate.value) for name, estimate in inputs.items()}
    value = float(formula(central))
    if not math.isfinite(value):
        raise ValueError(f"the result is {value}: an input is 0 or out of range")
    added = tuple(extra)
    drawn, centre = terms, {**central, **about}
    if sum(sort != "bound" for _, sort in terms) > fold_above:
        slopes = _slopes_at_once(formula, centre, terms)
        drawn = _folded(terms, slopes)
    else:
        slopes = {term: _slope(formula, centre, parts) for term, parts in terms.items()}
    limits = [value]  # the value itself always lies inside
    for side, share in ((-1, (1 - CONFIDENCE) / 2), (1, (1 + CONFIDENCE) / 2)):
        start = _with_bounds_at_end(formula, centre, terms, slopes, side)
        with np.errstate(all="ignore"):  # a draw may divide by 0; the quantiles do not suffer
            draws = np.atleast_1d(formula(_with_draws(start, drawn)) + _sum_of_draws(added))
        draws = draws[np.isfinite(draws)]
        if draws.size:
            limits.append(float(quantiles_of_values(draws, share)[0]))
    return Estimate(
        value=value,
        low=min(limits),
        high=max(limits),
        confidence=CONFIDENCE,
        effects=_result_effects(terms, slopes) + added,
    )


def has_value_everywhere(
    formula: Formula, inputs: Mapping[str, Estimate], about: Mapping[str, float]
) -> bool:
    """Whether the formula is a finite number for every draw, with bounds between their ends too.

    about  as for `propagate`
    """
    terms = _terms(inputs)
    central = {name: float(estimate.value) for name, estimate in inputs.items()} | {**about}
    draws = _with_draws(central, terms)
    for (owner, sort), parts in terms.items():
        if sort != "bound":
            continue
        # of 40 000 places one sixth lies at the ends, where most formulas end
        places = standard_draws(owner, "rectangular", None) / math.sqrt(12.0)
        shares = np.clip(1.2 * places + 0.5, 0.0, 1.0)
        for name, effect in parts.items():
            draws[name] = draws[name] + shares * effect.u * BOUND_SPAN
    with np.errstate(all="ignore"):
        return bool(np.all(np.isfinite(formula(draws))))


# ---------------------------------------------------------------- terms: effects drawn together

_Term = tuple[str, str]  # (key, or a name of its own; "bound" or "random")
_Parts = dict[str, Effect]  # input name → sum of the term's effects on that input


def _terms(inputs: Mapping[str, Estimate]) -> dict[_Term, _Parts]:
    """Group the effects of the inputs by key."""
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

    A central difference. For a bound: the change over the whole range of the bound, divided by √12.
    """
    is_bound = any(effect.distribution == "bound" for effect in parts.values())

    def at(us: float) -> float:
        moved = {name: central[name] + us * effect.u for name, effect in parts.items()}
        return float(formula({**central, **moved}))

    with np.errstate(all="ignore"):
        slope = (at(BOUND_SPAN) - at(0)) / BOUND_SPAN if is_bound else (at(1) - at(-1)) / 2
    return slope if math.isfinite(slope) else 0.0


def _slopes_at_once(
    formula: Formula, central: Mapping[str, float], terms: Mapping[_Term, _Parts]
) -> dict[_Term, float]:
    """The slope of every term, as `_slope`, from three evaluations of the formula with arrays."""
    us = _us(tuple(central), list(terms.values()))
    is_bound = np.array([sort == "bound" for _, sort in terms])

    def at(steps: Floats | float) -> Floats:
        moved = {name: central[name] + steps * us[:, j] for j, name in enumerate(central)}
        return np.broadcast_to(np.asarray(formula(moved), dtype=np.float64), is_bound.shape)

    with np.errstate(all="ignore"):
        ends = at(np.where(is_bound, BOUND_SPAN, 1.0))
        starts = at(np.where(is_bound, 0.0, -1.0))
        slopes = (ends - starts) / np.where(is_bound, BOUND_SPAN, 2.0)
    return dict(zip(terms, np.where(np.isfinite(slopes), slopes, 0.0).tolist(), strict=True))


def _us(names: Sequence[str], parts: Sequence[_Parts]) -> Floats:
    """Sizes of the terms in the inputs, shape [terms, names]."""
    columns = {name: j for j, name in enumerate(names)}
    us = np.zeros((len(parts), len(names)))
    for i, effects in enumerate(parts):
        for name, effect in effects.items():
            us[i, columns[name]] = effect.u
    return us


def _folded(terms: Mapping[_Term, _Parts], slopes: Mapping[_Term, float]) -> dict[_Term, _Parts]:
    """The terms that have to be drawn one by one, and one normal term per input. The normal terms
    together have the covariance of the remaining terms.

    A term with different distributions in different inputs is drawn: the effects of the term are a
    common error, but not in proportion.
    """
    random = {
        term: next(iter(parts.values()))
        for term, parts in terms.items()
        if term[1] != "bound" and len({(e.distribution, e.dof) for e in parts.values()}) == 1
    }
    effects = list(random.values())
    # Standard deviation over u: the slope is the change of the result for one u.
    ratios = np.array([normal_u(effect) / effect.u if effect.u else 1.0 for effect in effects])
    contributions = ratios * np.array([slopes[term] for term in random])
    fits = replaceable(effects, contributions)
    replaced = {term: terms[term] for term, fit in zip(random, fits, strict=True) if fit}
    drawn = {term: parts for term, parts in terms.items() if term not in replaced}
    if not replaced:
        return drawn
    names = list(dict.fromkeys(name for parts in replaced.values() for name in parts))
    deviations = ratios[fits, np.newaxis] * _us(names, list(replaced.values()))
    # With deviations = Q R and Q orthogonal, R'R is the covariance of the inputs.
    triangle = np.asarray(np.linalg.qr(deviations, mode="r"))
    for row, us in enumerate(triangle.tolist()):
        drawn[f"\0together/{row}", "random"] = {
            name: msgspec.structs.replace(effects[0], distribution="normal", dof=None, u=u)
            for name, u in zip(names, us, strict=True)
            if u
        }
    return drawn


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
    formula: Formula,
    centre: Mapping[str, float],
    terms: Mapping[_Term, _Parts],
    slopes: Mapping[_Term, float],
    side: int,
) -> dict[str, float]:
    """The central values, with every bound at the place that moves the result farthest to one side:
    usually the end of the bound, but a place inside if the formula rises and falls. If two bounds
    move an input to opposite sides, only the bound that moves the result farther is used.

    side  −1: down, 1: up
    """
    bounds = {term: parts for term, parts in terms.items() if term[1] == "bound"}
    if len(bounds) > _MOST_SCANNED:
        reaches = {term: (slopes[term] * BOUND_SPAN * side, 1.0) for term in bounds}
    else:
        reaches = {term: _farthest(formula, centre, parts, side) for term, parts in bounds.items()}
    moved, signs = dict(centre), dict[str, bool]()
    for term in sorted(bounds, key=lambda term: -reaches[term][0]):
        reach, place = reaches[term]
        opposed = any(
            signs.get(name, effect.u > 0) != (effect.u > 0) for name, effect in bounds[term].items()
        )
        if reach <= 0 or opposed:
            continue
        for name, effect in bounds[term].items():
            moved[name] += place * effect.u * BOUND_SPAN
            signs[name] = effect.u > 0
    return moved


def _farthest(
    formula: Formula, centre: Mapping[str, float], parts: _Parts, side: int
) -> tuple[float, float]:
    """The farthest move of the result to one side by a bound, and the share of the bound for it."""
    shares = np.linspace(0.0, 1.0, _PLACES)
    moved = {name: centre[name] + shares * effect.u * BOUND_SPAN for name, effect in parts.items()}
    with np.errstate(all="ignore"):
        results = np.broadcast_to(np.asarray(formula({**centre, **moved}), float), shares.shape)
        reaches = side * (results - results[0])
    reaches = np.where(np.isfinite(reaches), reaches, 0.0)
    # take the end of a bound unless a place inside is farther: ignore the rounding of a plateau
    best = int(_PLACES - 1 - np.argmax(reaches[::-1]))
    return float(reaches[best]), float(shares[best])


def _with_draws(
    centre: Mapping[str, float], terms: Mapping[_Term, _Parts]
) -> dict[str, float | Floats]:
    """Draws of the inputs, shape [DRAWS]; an input without random effects stays a number."""
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
