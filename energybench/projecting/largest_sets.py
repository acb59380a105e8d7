"""The largest sets of claims that hold together, told from a test of single sets.

A set of claims that cannot hold together is a conflict. The claims outside a largest set are a
smallest choice of claims with one or more out of every conflict. Conflicts are collected until the
rest of such a choice holds together (implicit hitting sets: Davies and Bacchus 2011, doi
10.1007/978-3-642-23786-7_19).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

Holds = Callable[[frozenset[int]], bool]


class LargestSets(NamedTuple):
    """Claims by number.

    common   claims in every largest set
    without  claim that is not in every largest set → a largest set without the claim
    """

    common: frozenset[int]
    without: dict[int, frozenset[int]]


def largest_sets(count: int, holds: Holds, secondary: frozenset[int] = frozenset()) -> LargestSets:
    """The largest sets out of `count` claims.

    holds      whether a set of claims holds together
    secondary  claims that decide only between sets with equally many of the other claims
    """
    everything = frozenset(range(count))
    if holds(everything):
        return LargestSets(everything, {})
    conflicts = _small_conflicts(count, holds)
    weights = [1 if claim in secondary else count + 1 for claim in range(count)]
    left_out = _smallest_choice(weights, conflicts, holds, ())
    least = _weight(left_out, weights)
    without = {}
    for claim in range(count):
        choice = left_out
        if claim not in left_out:
            choice = _smallest_choice(weights, conflicts, holds, (claim,), least)
        if _weight(choice, weights) == least:
            without[claim] = everything - choice
    return LargestSets(everything - without.keys(), without)


def _small_conflicts(count: int, holds: Holds) -> list[frozenset[int]]:
    """Claims that cannot hold, and pairs of claims that cannot hold together."""
    single = [frozenset((claim,)) for claim in range(count) if not holds(frozenset((claim,)))]
    possible = [claim for claim in range(count) if frozenset((claim,)) not in single]
    pairs = map(frozenset, itertools.combinations(possible, 2))
    return [*single, *(pair for pair in pairs if not holds(pair))]


def smallest_conflict(claims: Iterable[int], holds: Holds, kept: Iterable[int] = ()) -> list[int]:
    """Some of the claims that cannot hold together with the kept claims, none of which could be
    left out.
    """
    conflict = sorted(claims)
    for claim in tuple(conflict):
        rest = [other for other in conflict if other != claim]
        if not holds(frozenset((*rest, *kept))):
            conflict = rest
    return conflict


def _weight(claims: Iterable[int], weights: Sequence[int]) -> int:
    return sum(weights[claim] for claim in claims)


def _smallest_choice(
    weights: Sequence[int],
    conflicts: list[frozenset[int]],
    holds: Holds,
    chosen: tuple[int, ...],
    most: int | None = None,
) -> frozenset[int]:
    """The claims of least weight, the chosen among them, without which the others hold together;
    more weight than `most` if no choice is as light. Conflicts of other choices join the list.
    """
    everything = frozenset(range(len(weights)))
    while True:
        choice = _hitting_set(weights, conflicts, chosen)
        rest = everything - choice
        if (most is not None and _weight(choice, weights) > most) or holds(rest):
            return choice
        conflicts.append(frozenset(smallest_conflict(rest, holds)))


def _hitting_set(
    weights: Sequence[int], conflicts: Iterable[frozenset[int]], chosen: tuple[int, ...]
) -> frozenset[int]:
    """The claims of least weight, the chosen among them, with one or more out of every conflict."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    count = len(weights)
    rows = [[float(claim in conflict) for claim in range(count)] for conflict in conflicts]
    least = np.zeros(count)
    least[list(chosen)] = 1.0
    constraints = [LinearConstraint(np.array(rows), lb=1.0)] if rows else []
    solved = milp(
        np.array(weights, dtype=float),
        integrality=np.ones(count, dtype=np.int64),
        bounds=Bounds(least, 1.0),
        constraints=constraints,
    )
    assert solved.x is not None  # all claims together hit every conflict
    return frozenset(np.flatnonzero(np.rint(solved.x)).tolist())
