"""The variables behind the claims: unknowns, of the whole and of applications, and inputs with a
stated range; claims and lines as relations over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from energybench.model import Input
from energybench.projecting.claim_frames import Derivation
from energybench.projecting.feasible_points import Relation, Variable
from energybench.projecting.scenario import ScenarioUnknown
from energybench.units import WHOLE


class Place(NamedTuple):
    """The unknown behind a variable, and the application whose quantity it is."""

    unknown: ScenarioUnknown
    of: str


class Quantity(NamedTuple):
    """A claim or a line as a relation.

    variables  (number of the frame, name of an input or unknown) → name of the variable
    """

    derivation: Derivation
    variables: dict[tuple[int, str], str]

    def relation(self, name: str) -> Relation:
        constants = {
            (i, name): entry.value.value
            for i, frame in enumerate(self.derivation.frames)
            for name, entry in frame.inputs.items()
        }

        def compute(columns: Mapping[str, Any]) -> Any:
            return self.derivation.compute(
                lambda i, name: (
                    columns[self.variables[i, name]]
                    if (i, name) in self.variables
                    else np.float64(constants[i, name])
                )
            )

        return Relation(name, compute, 1.0)


class Variables:
    """The variables of all claims by name, and the unknowns behind them."""

    def __init__(self, unknowns: Sequence[ScenarioUnknown]) -> None:
        self._unknowns = {unknown.name: unknown for unknown in unknowns}
        self.variables: dict[str, Variable] = {}
        self.places: dict[str, Place] = {}

    def quantity(self, derivation: Derivation, of: str) -> Quantity:
        names: dict[tuple[int, str], str] = {}
        for name in derivation.unknowns:
            variable = self._of_unknown(self._unknowns[name], of)
            names |= {(i, name): variable for i in range(len(derivation.frames))}
        for i, frame in enumerate(derivation.frames):
            for name in frame.needs(derivation.formula).inputs:
                stated = frame.inputs[name].stated
                if stated is not None and stated[0] < stated[1]:
                    names[i, name] = self._of_range(frame.inputs[name], stated)
        return Quantity(derivation, names)

    def _of_unknown(self, unknown: ScenarioUnknown, of: str) -> str:
        own = of if of and not unknown.same_for_all else ""
        name = f"{unknown.name} of {own}" if own else unknown.name
        self.variables[name] = Variable(
            name, unknown.low, unknown.high, unknown.likely, unknown.unit in WHOLE
        )
        self.places[name] = Place(unknown, own)
        return name

    def _of_range(self, entry: Input, stated: tuple[float, float]) -> str:
        whole = entry.unit in WHOLE
        self.variables[entry.name] = Variable(entry.name, *stated, entry.value.value, whole)
        return entry.name
