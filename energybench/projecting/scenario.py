"""The nouns of a scenario: inputs, published claims, the lines that hold the answers."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Literal

import msgspec

from energybench.formula import Step
from energybench.model import (
    BoundaryName,
    CarbonBasis,
    Doubt,
    Estimate,
    Evidence,
    Input,
    Mode,
    NonNegative,
    Noun,
    Positive,
    PueCategory,
    RangeMeaning,
)

# quantities of a comparison, with their units
QUANTITIES = {
    "energy_ratio": "",
    "speedup": "",
    "power_baseline_w": "W",
    "power_candidate_w": "W",
    "idle_power_baseline_w": "W",
    "idle_power_candidate_w": "W",
}
QUANTITY_LABELS = {
    "energy_ratio": "energy ratio",
    "speedup": "speedup, node for node",
    "power_baseline_w": "power of a baseline node",
    "power_candidate_w": "power of a candidate node",
    "idle_power_baseline_w": "idle power of a baseline node",
    "idle_power_candidate_w": "idle power of a candidate node",
}

_ABOUT = 0.1  # relative tolerance of a figure that is published as "about"

# How a scenario knows a value; "exact": a constant by definition.
Stated = Literal["seen", "inferred", "assumed", "exact"]


class ScenarioInput(Noun, frozen=True, kw_only=True):
    """An input of a scenario.

    value     None if only a comparison can give the value
    measured  the quantity of a comparison that replaces the value; None if no comparison does
    stated    low and high as the scenario states them; None without a range
    range     meaning of the range
    basis, category, site  as in `Input`
    of_site   whether the input comes from an included file of site facts
    """

    name: str
    value: Estimate | None
    unit: str
    source: str
    label: str = ""
    evidence: Evidence | None = None
    date: str = ""
    measured: str | None = None
    stated: tuple[float, float] | None = None
    range: RangeMeaning | None = None
    basis: CarbonBasis | None = None
    category: PueCategory | None = None
    site: str = ""
    of_site: bool = False

    @property
    def words(self) -> str:
        """Words for a reader: the label, or those of the measured quantity, or the name."""
        quantity = QUANTITY_LABELS[self.measured] if self.measured is not None else ""
        return self.label or quantity or self.name

    @property
    def stated_input(self) -> Input:
        """The input with the scenario's own value, which must not be None."""
        assert self.value is not None
        return Input(
            name=self.name,
            value=self.value,
            unit=self.unit,
            source=self.source,
            label=self.words if self.words != self.name else "",
            evidence=self.evidence,
            date=self.date,
            stated=self.stated,
            range=self.range,
            basis=self.basis,
            category=self.category,
            site=self.site,
        )


class ScenarioUnknown(Noun, frozen=True, kw_only=True):
    """A quantity that the publication leaves open.

    low, high     plausible range, in the sense of `source`
    evidence      how the plausible range is known
    likely        the value to stay near, if the claims leave a choice
    measured      the quantity of a comparison that makes the unknown known
    share_of      name of the input or line of which the unknown is shown as a share
    same_for_all  whether a claim about one application shares the value of the whole; otherwise
                  each application has a value of its own
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    source: str
    evidence: Evidence = "unstated"
    likely: float | None = None
    measured: str | None = None
    share_of: str = ""
    same_for_all: bool = False


MEANS = ("arithmetic", "geometric", "energy-weighted")
NOT_SAID = "not said"


class PublishedClaim(Noun, frozen=True, kw_only=True):
    """A published figure, and the formula that derives the figure from inputs and unknowns.

    op         how the publication qualifies the figure
    of         an application, a name of MEANS, or NOT_SAID; "" for a figure of the whole
    derived    None if the inputs of the figure were not published
    tolerance  relative to the claim: the rounding of the published figure allows this much; None:
               0.1 for "about", otherwise 0
    circular   whether inputs of `derived` were inferred from the figure itself
    secondary  whether the publication states the figure beside its text, such as in the caption of
               a picture: the figure does not exclude a figure of the text
    """

    name: str
    claimed: float
    unit: str = ""
    op: Literal["=", "at least", "at most", "up to", "about"] = "="
    of: str = ""
    kind: Literal["published", "plausibility check"] = "published"
    circular: bool = False
    secondary: bool = False
    derived: str | None = None
    tolerance: NonNegative | None = None
    source: str = ""
    why_fits: str = ""
    why_not: str = ""

    @property
    def counts(self) -> bool:
        """Whether the figure counts among the published figures, and decides which of them hold
        together.
        """
        return self.kind == "published" and not self.circular

    @property
    def band(self) -> tuple[float, float]:
        """The values with which the figure holds."""
        tolerance = self.tolerance
        if tolerance is None:
            tolerance = _ABOUT if self.op == "about" else 0.0
        room = tolerance * abs(self.claimed)
        low = -math.inf if self.op in ("at most", "up to") else self.claimed - room
        high = math.inf if self.op == "at least" else self.claimed + room
        return low, high


class Results(Noun, frozen=True, kw_only=True):
    """Names of the lines that hold the answers."""

    saved_mwh_per_month: str | None = None
    saved_cost_per_month: str | None = None
    saved_tco2e_per_month: str | None = None


class ScenarioDoubt(Noun, frozen=True, kw_only=True):
    """A weakness of the scenario itself.

    until_measured  inputs and unknowns: the doubt is left out when a comparison gives all of them;
                    empty for a doubt that no comparison removes
    """

    doubt: Doubt
    until_measured: tuple[str, ...] = ()

    def holds(self, replaced: Collection[str]) -> bool:
        """replaced: names of the inputs and unknowns that a comparison gave."""
        return not self.until_measured or not set(self.until_measured) <= set(replaced)


class Scenario(Noun, frozen=True, kw_only=True):
    """The content of a scenario file.

    boundary  of the powers that the scenario states; a comparison brings a boundary of its own
    applications  names that a claim may be of
    mix       application → share of baseline node-hours; empty: equal shares
    """

    name: str
    title: str
    about: str
    mode: Mode
    inputs: tuple[ScenarioInput, ...]
    unknowns: tuple[ScenarioUnknown, ...] = ()
    applications: tuple[str, ...] = ()
    lines: tuple[Step, ...] = ()
    claims: tuple[PublishedClaim, ...] = ()
    results: Results = Results()
    model: Literal["fleet"] | None = None
    boundary: BoundaryName = "compute"
    currency: str | None = None
    mix: dict[str, Positive] = msgspec.field(default_factory=dict)
    doubts: tuple[ScenarioDoubt, ...] = ()

    @property
    def claimable(self) -> tuple[str, ...]:
        """Names of applications that a claim may be of."""
        return tuple(dict.fromkeys((*self.applications, *self.mix)))
