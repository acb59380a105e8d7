"""The nouns of a scenario: inputs, published claims, the lines that hold the answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from energybench.model import BoundaryName, Doubt, Estimate, NonNegative, Noun, Positive
from energybench.projecting.formula import Step

Evidence = Literal["seen", "inferred", "assumed"]
Mode = Literal["throughput", "time-to-solution"]


class ScenarioInput(Noun, frozen=True, kw_only=True):
    """An input of a scenario.

    value     None if only a comparison can give the value
    measured  the quantity of a comparison that replaces the value; None if no comparison does
    stated    low and high as the scenario states them; None without a range
    """

    name: str
    value: Estimate | None
    unit: str
    source: str
    evidence: Evidence | None = None
    measured: str | None = None
    stated: tuple[float, float] | None = None


class PublishedClaim(Noun, frozen=True, kw_only=True):
    """A published figure, and the formula that derives the figure from the scenario's inputs.

    derived    None if the inputs of the figure were not published
    tolerance  relative to the claim: the rounding of the published figure allows this much
    """

    name: str
    claimed: float
    unit: str = ""
    derived: str | None = None
    tolerance: NonNegative = 0.0
    source: str = ""
    why_fits: str = ""
    why_not: str = ""


class Results(Noun, frozen=True, kw_only=True):
    """Names of the lines that hold the answers."""

    saved_mwh_per_month: str | None = None
    saved_cost_per_month: str | None = None
    saved_tco2e_per_month: str | None = None


class Scenario(Noun, frozen=True, kw_only=True):
    """The content of a scenario file.

    boundary  of the powers that the scenario states; a comparison brings a boundary of its own
    mix       application → share of baseline node-hours; empty: equal shares
    """

    name: str
    title: str
    about: str
    mode: Mode
    inputs: tuple[ScenarioInput, ...]
    lines: tuple[Step, ...] = ()
    claims: tuple[PublishedClaim, ...] = ()
    results: Results = Results()
    model: Literal["fleet"] | None = None
    boundary: BoundaryName = "compute"
    currency: str | None = None
    mix: dict[str, Positive] = msgspec.field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()
