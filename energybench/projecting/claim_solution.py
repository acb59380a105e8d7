"""Claims and lines that depend on unknowns, and their solution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from energybench.model import Solution, Tension
from energybench.projecting.claim_frames import Derivation
from energybench.projecting.scenario import PublishedClaim


class OpenClaim(NamedTuple):
    """A claim whose derivation needs unknowns."""

    claim: PublishedClaim
    derivation: Derivation


class OpenLine(NamedTuple):
    """A line of the scenario that needs unknowns."""

    name: str
    label: str
    unit: str
    note: str
    derivation: Derivation


class Solved(NamedTuple):
    """A claim in the solution.

    holds         whether the claim holds together with the figures of the solution
    value, reach  the derived figure in the solution, and the range of the figure over all solutions
    tensions      unknowns that would have to leave their plausible ranges, if the claim fails
    fixes         labels of unknowns that the claim alone determines
    excluded_by   names of published claims that together exclude the claim
    contested     whether the claim holds with the figures of the solution, and fails with others
    """

    holds: bool
    value: float = math.nan
    reach: tuple[float, float] = (-math.inf, math.inf)
    tensions: tuple[Tension, ...] = ()
    fixes: tuple[str, ...] = ()
    excluded_by: tuple[str, ...] = ()
    contested: bool = False


class Outcome(NamedTuple):
    solution: Solution
    claims: dict[str, Solved]


def joined(parts: Sequence[Solution], order: Sequence[str]) -> Solution:
    def in_order(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in order if name in names)

    return Solution(
        unknowns=tuple(unknown for part in parts for unknown in part.unknowns),
        holds=in_order([name for part in parts for name in part.holds]),
        fails=in_order([name for part in parts for name in part.fails]),
        contested=in_order([name for part in parts for name in part.contested]),
        tensions=tuple(tension for part in parts for tension in part.tensions),
        implied=tuple(entry for part in parts for entry in part.implied),
    )
