"""Solve published claims that depend on unknowns together: give the values of the unknowns that
satisfy all figures, and the figures that force an unknown out of its plausible range.

Claims without a common variable are solved apart. A claim about one application has separate
unknowns, unless the scenario states that an unknown is the same for all applications.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from energybench.analysis.arrays import Floats
from energybench.errors import BadInput
from energybench.model import Implied, Solution, Unknown
from energybench.projecting.claim_solution import (
    OpenClaim,
    OpenLine,
    Outcome,
    Solved,
    joined,
)
from energybench.projecting.claim_system import ClaimSystem, Figure, FigureSets, identity
from energybench.projecting.claim_variables import Place, Quantity, Variables
from energybench.projecting.feasible_points import Relation, System, Variable
from energybench.projecting.line_chain import LineChain
from energybench.projecting.scenario import MEANS, NOT_SAID, PublishedClaim, ScenarioUnknown
from energybench.projecting.tensions import Sought, of_claim

_SCALE_POINTS = 16


def solve(
    unknowns: Sequence[ScenarioUnknown],
    claims: Sequence[OpenClaim],
    lines: Sequence[OpenLine],
    chain: LineChain,
) -> Outcome:
    """The solution of the open claims, with `lines` computed at the solution.

    An input with a stated range may take any value of the range, as an unknown may. An input
    without a range counts at its value.
    """
    book = Variables(unknowns)
    quantities = {
        f"claim {claim.name}": book.quantity(derivation, _application(claim))
        for claim, derivation in claims
    }
    quantities |= {f"line {line.name}": book.quantity(line.derivation, "") for line in lines}
    solved: dict[str, Solved] = {}
    results: list[Solution] = []
    for group in _groups(quantities):
        inside = [entry for entry in claims if f"claim {entry.claim.name}" in group]
        if inside:
            implied = [line for line in lines if f"line {line.name}" in group]
            part = _Group(book, quantities, inside, implied, chain)
            solution, some = part.solve()
            results.append(solution)
            solved |= some
    return Outcome(joined(results, [entry.claim.name for entry in claims]), solved)


def _application(claim: PublishedClaim) -> str:
    return "" if claim.of in (*MEANS, NOT_SAID) else claim.of


def _groups(quantities: Mapping[str, Quantity]) -> list[set[str]]:
    """Names of quantities that share variables, directly or through further quantities. The groups
    are in the order of their first quantities.
    """
    groups: list[tuple[set[str], set[str]]] = []
    for name, quantity in quantities.items():
        variables = set(quantity.variables.values())
        joined = [group for group in groups if group[1] & variables]
        groups = [group for group in groups if not group[1] & variables]
        names = {name}.union(*(group[0] for group in joined))
        groups.append((names, variables.union(*(group[1] for group in joined))))
    order = list(quantities)
    return sorted((names for names, _ in groups), key=lambda names: min(map(order.index, names)))


class _Group:
    """Claims that share variables."""

    def __init__(
        self,
        book: Variables,
        quantities: Mapping[str, Quantity],
        claims: Sequence[OpenClaim],
        lines: Sequence[OpenLine],
        chain: LineChain,
    ) -> None:
        self._book, self._claims, self._lines, self._chain = book, claims, lines, chain
        keys = [f"claim {entry.claim.name}" for entry in claims]
        keys += [f"line {line.name}" for line in lines]
        used = {name for key in keys for name in quantities[key].variables.values()}
        # by name: the order of a file decides nothing
        variables = [variable for name, variable in sorted(book.variables.items()) if name in used]
        self._unknowns_of = {
            entry.claim.name: {
                name
                for name in quantities[f"claim {entry.claim.name}"].variables.values()
                if name in book.places
            }
            for entry in claims
        }
        self._unknowns = [name for name in book.variables if name in used and name in book.places]
        relations = [
            *(quantities[key].relation(key) for key in keys),
            *(identity(book.variables[name]) for name in self._unknowns),
        ]
        # places of claims and lines in the scenario, for messages
        self._keys = [f"{chain.where}: claims.{entry.claim.name}.derived" for entry in claims]
        self._keys += [f"{chain.where}: lines.{line.name}" for line in lines]
        scaled = _scaled(variables, relations, self._keys)
        self._system = ClaimSystem(System(variables, scaled), self._figures())

    def _figures(self) -> list[Figure]:
        return [
            Figure(
                entry.claim.name,
                i,
                *entry.claim.band,
                entry.claim.claimed if entry.claim.op in ("=", "about") else None,
                entry.claim.counts,
                entry.claim.secondary,
            )
            for i, entry in enumerate(self._claims)
        ]

    def solve(self) -> tuple[Solution, dict[str, Solved]]:
        sets = self._system.sets()
        kept = sets.kept
        points = self._system.points(kept)
        best = self._system.preferred(kept, points)
        values = self._system.system.values(best[None])[0]
        reach = self._system.extents(kept, points, range(len(values)))
        fixes = self._fixes(kept)

        solved = {
            figure.name: self._solved(figure, sets, points, best)._replace(
                value=float(values[i]),
                reach=(float(min(reach[i][0], values[i])), float(max(reach[i][1], values[i]))),
                fixes=fixes.get(figure.name, ()),
            )
            for i, figure in enumerate(self._system.figures)
        }
        return self._solution(kept, values, reach, solved), solved

    def _solved(self, figure: Figure, sets: FigureSets, points: Floats, best: Floats) -> Solved:
        """Whether a claim holds. If the claim fails: the claims that exclude this claim, and the
        values with which this claim would hold.
        """
        fits = figure in sets.kept or self._system.holds((*sets.kept, figure))
        if fits and figure.name not in sets.without:
            return Solved(holds=True)
        excluding = sets.without[figure.name] if fits else sets.kept
        return Solved(
            holds=False,
            contested=fits,
            tensions=tuple(of_claim(self._system, excluding, figure, points, best, self._sought())),
            excluded_by=self._system.excluding(figure, excluding),
        )

    def _fixes(self, kept: Sequence[Figure]) -> dict[str, tuple[str, ...]]:
        """Labels of the unknowns that one equation alone determines, by the name of the equation:
        no further claim uses these unknowns, except equations that determine an unknown alone.
        """
        fixes = dict[str, tuple[str, ...]]()
        deciding = {figure.name for figure in self._system.figures if figure.decides}
        pending = True
        while pending:
            pending = False
            for figure in (f for f in kept if f.aim is not None and f.name not in fixes):
                others = [
                    names
                    for claim, names in self._unknowns_of.items()
                    if claim != figure.name and claim not in fixes and claim in deciding
                ]
                own = self._unknowns_of[figure.name].difference(*others)
                if own:
                    fixes[figure.name] = tuple(
                        _named(self._book.places[name]) for name in self._unknowns if name in own
                    )
                    pending = True
        return fixes

    def _solution(
        self,
        kept: Sequence[Figure],
        values: Floats,
        reach: Sequence[tuple[float, float]],
        solved: Mapping[str, Solved],
    ) -> Solution:
        """The unknowns and the lines, if a claim holds at all."""
        first = len(self._claims) + len(self._lines)
        unknowns, implied = [], []
        for i, name in enumerate(self._unknowns, first):
            place = self._book.places[name]
            # an unknown of an application stands here if the figure of the application holds
            if kept or not place.of:
                unknowns.append(self._unknown(place, float(values[i]), reach[i], bool(kept)))
        for i, line in enumerate(self._lines, len(self._claims)):
            if not np.isfinite(values[i]):
                raise _not_finite(self._keys[i])
            low, high = min(reach[i][0], values[i]), max(reach[i][1], values[i])
            implied.append(
                Implied(
                    name=line.name,
                    label=line.label,
                    unit=line.unit,
                    formula=line.derivation.formula.text,
                    best=float(values[i]),
                    solution=(float(low), float(high)),
                    note=line.note,
                )
            )
        return Solution(
            unknowns=tuple(unknowns),
            holds=tuple(figure.name for figure in kept),
            fails=tuple(
                name for name, one in solved.items() if not one.holds and not one.contested
            ),
            contested=tuple(name for name, one in solved.items() if one.contested),
            tensions=tuple(tension for one in solved.values() for tension in one.tensions),
            implied=tuple(implied) if kept else (),
        )

    def _unknown(
        self, place: Place, best: float, reach: tuple[float, float], is_solved: bool
    ) -> Unknown:
        unknown = place.unknown
        whole, whole_label = self._whole(unknown)
        low, high = max(reach[0], unknown.low), min(reach[1], unknown.high)
        return Unknown(
            name=unknown.name,
            label=unknown.label,
            unit=unknown.unit,
            of=place.of,
            plausible=(unknown.low, unknown.high),
            likely=unknown.likely,
            source=unknown.source,
            evidence=unknown.evidence,
            solution=(low, high) if is_solved else None,
            best=min(max(best, low), high) if is_solved else None,
            whole=whole,
            whole_label=whole_label,
        )

    def _sought(self) -> list[Sought]:
        """The unknowns of the group, as tensions name unknowns."""
        first = len(self._claims) + len(self._lines)
        return [
            Sought(name, i, place.unknown, place.of, *self._whole(place.unknown))
            for i, name in enumerate(self._unknowns, first)
            for place in (self._book.places[name],)
        ]

    def _whole(self, unknown: ScenarioUnknown) -> tuple[float | None, str]:
        name = unknown.share_of
        if not name:
            return None, ""
        if name in self._chain.inputs:
            entry = self._chain.inputs[name]
            return entry.value.value, entry.label or name
        if name not in self._chain.estimates:
            return None, ""
        return self._chain.estimates[name].value, self._chain.formulas[name][0].label or name


def _named(place: Place) -> str:
    return f"{place.unknown.label}, {place.of}" if place.of else place.unknown.label


def _not_finite(key: str) -> BadInput:
    return BadInput(
        key,
        "has no finite value in the plausible ranges of its unknowns",
        "it divides by 0, or takes the root of a negative number",
    )


def _scaled(
    variables: Sequence[Variable], relations: Sequence[Relation], keys: Sequence[str]
) -> list[Relation]:
    """The relations with their sizes over the plausible ranges.

    keys  places of the first relations in the scenario

    Raises BadInput if a relation with a key has no finite value.
    """
    system = System(variables, relations)
    with np.errstate(all="ignore"):
        values = np.abs(system.values(system.spread(_SCALE_POINTS)))
    scales = []
    for i, relation in enumerate(relations):
        finite = values[:, i][np.isfinite(values[:, i])]
        if not finite.size and i < len(keys):
            raise _not_finite(keys[i])
        size = float(np.median(finite)) if finite.size else 1.0
        scales.append(relation._replace(scale=size if size > 0 else 1.0))
    return scales
