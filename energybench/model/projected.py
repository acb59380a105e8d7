"""Results of a projection: inputs, lines, published claims, the solution of the claims, and the
sensitivity of the answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from energybench.model import stamps
from energybench.model.base import BoundaryName, Noun
from energybench.model.doubts import Doubt
from energybench.model.evidence import Evidence
from energybench.model.sensitivity import Sensitivity
from energybench.model.stamps import Stamp
from energybench.model.values import Estimate

# "uniform": any value of the range is equally likely. "limits": the value may lie anywhere in the
# range, and nothing is said about where.
RangeMeaning = Literal["uniform", "limits"]
# Of a carbon intensity (GHG Protocol Scope 2 Guidance): the mean of the grid, or the intensity of
# contracts and certificates; "own": the site's own figure.
CarbonBasis = Literal["location", "market", "own"]
# Measuring point of the energy of the IT equipment: the output of the UPS, the output of the power
# distribution unit, or the input of the equipment (ISO/IEC 30134-2).
PueCategory = Literal["basic", "intermediate", "advanced"]
ClaimOperator = Literal["=", "at-least", "at-most", "up-to", "about"]
ClaimKind = Literal["published", "plausibility-check"]
ClaimVerdict = Literal["consistent", "needs", "contradicts", "cannot-be-derived"]
Mode = Literal["throughput", "time-to-solution"]


# Names of the lines with the means of the energy ratios of several comparisons.
ARITHMETIC_MEAN = "ratio_arithmetic_mean"
GEOMETRIC_MEAN = "ratio_geometric_mean"
ENERGY_WEIGHTED_MEAN = "ratio_energy_weighted"
# Names of the lines of the fleet model with the SCI scores of both sides.
SCI_LINES = ("sci_baseline", "sci_candidate")


class Input(Noun, frozen=True, kw_only=True):
    """An input of a line of a projection, with its source.

    label     words for a reader; "" without words in the scenario
    evidence  how the value is known, "unstated" if the scenario is silent; None for an exact
              constant and for an earlier line
    date      day, month or year of the value; ""
    above     whether the input is the value of an earlier line
    stated    (low, high) from the scenario; None without a range
    range     meaning of the stated range; None without a range
    basis     of a carbon intensity; None for other inputs
    category  of a PUE; None if not stated
    site      place of the value; "" if not stated
    """

    name: str
    value: Estimate
    unit: str
    source: str
    label: str = ""
    evidence: Evidence | None = None
    date: str = ""
    above: bool = False
    stated: tuple[float, float] | None = None
    range: RangeMeaning | None = None
    basis: CarbonBasis | None = None
    category: PueCategory | None = None
    site: str = ""

    @property
    def is_compared(self) -> bool:
        """Whether a comparison gave the value."""
        return self.evidence in stamps.COMPARED

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value of the input: the stated range, else the interval."""
        return self.stated if self.stated is not None else (self.value.low, self.value.high)


class Line(Noun, frozen=True, kw_only=True):
    """A step of a projection.

    label  words for a reader; "" without words in the scenario
    group  heading of the line in a report
    """

    name: str
    value: Estimate
    unit: str
    formula: str
    inputs: tuple[Input, ...]
    note: str = ""
    label: str = ""
    group: str = ""


class MeanValue(Noun, frozen=True, kw_only=True):
    """A figure under a mean of several applications.

    mean   "arithmetic", "geometric" or "energy-weighted"
    holds  whether the published figure holds under this mean
    """

    mean: str
    value: Estimate
    holds: bool


class Claim(Noun, frozen=True, kw_only=True):
    """A published figure, and the figure derived from published or measured inputs.

    operator  how the publication qualifies the figure: "more than" is at-least, "up to" up-to
    of        application of the figure, or the name of a mean ("arithmetic", "geometric",
              "energy-weighted", "not said": all three); "" for a figure of the whole
    kind      whether somebody published the figure, or the figure checks plausibility
    circular  whether the inputs were inferred from the figure: never "consistent"
    fixes     labels of unknowns that only this figure determines: a verdict "consistent" is then no
              evidence, because any figure would be consistent
    derived   None if the figure cannot be derived
    solved    whether the figure depends on open quantities. `derived` is then the range over all
              solutions, with the value in a single solution, and not an interval
    by_mean   the derived figure under each mean, if the publication does not name its mean
    tested    label of the comparisons behind the derived figure; "" for published inputs
    untested  applications of the figure without a comparison: a figure tested over only a part of
              its applications is never "consistent"
    needs     conditions of the figure, for the verdict "needs"
    excluded_by  names of published claims that exclude the figure, for all plausible values of the
              open quantities
    """

    name: str
    claimed: float
    derived: Estimate | None
    verdict: ClaimVerdict
    why: str
    operator: ClaimOperator = "="
    of: str = ""
    kind: ClaimKind = "published"
    circular: bool = False
    fixes: tuple[str, ...] = ()
    solved: bool = False
    by_mean: tuple[MeanValue, ...] = ()
    tested: str = ""
    untested: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    excluded_by: tuple[str, ...] = ()
    unit: str = ""
    source: str = ""


class Unknown(Noun, frozen=True, kw_only=True):
    """A quantity that a publication leaves open.

    of         application of the quantity; "" for the whole
    plausible  range of plausible values by the source
    evidence   how the range is known, "unstated" if the scenario is silent
    likely     preferred value, to which the solution stays near; None without a preference
    solution   range of values that satisfy the claims in `Solution.holds`; None if no value does
    best       the value in the solution
    whole      value that shows the unknown as a share (component TDP), in the same unit
    whole_label  words for `whole`
    """

    name: str
    label: str
    unit: str
    plausible: tuple[float, float]
    source: str
    evidence: Evidence = "unstated"
    of: str = ""
    likely: float | None = None
    solution: tuple[float, float] | None = None
    best: float | None = None
    whole: float | None = None
    whole_label: str = ""


class Tension(Noun, frozen=True, kw_only=True):
    """A claim that forces an unknown out of its plausible range.

    of       application of the claim; "" for a figure of the whole
    needed   range of the unknown that the claim needs, with the other unknowns anywhere in their
             plausible ranges and the other claims given
    nearest  the value that the claim needs with the other unknowns as in the solution; None if no
             value is possible
    whole    see `Unknown`
    """

    claim: str
    unknown: str
    label: str
    unit: str
    of: str = ""
    plausible: tuple[float, float]
    needed: tuple[float, float]
    nearest: float | None
    whole: float | None = None
    whole_label: str = ""
    why: str


class Implied(Noun, frozen=True, kw_only=True):
    """A line that depends on unknowns: its value in the solution, and its range over all solutions.

    formula  in the names of inputs, unknowns and lines
    """

    name: str
    label: str
    unit: str
    formula: str
    best: float
    solution: tuple[float, float]
    note: str = ""


class Solution(Noun, frozen=True, kw_only=True):
    """Values of the unknowns with which the published claims hold together.

    holds     names of the published claims that hold together at `best`
    fails     names of the claims that fail for all plausible values if the claims in `holds` hold
    contested  names of published claims each of which holds together with the claims in `holds`,
               but not with all others of them: nothing decides which of them hold
    tensions  claims that need a value out of a plausible range
    implied   lines that depend on unknowns
    """

    unknowns: tuple[Unknown, ...]
    holds: tuple[str, ...]
    fails: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    tensions: tuple[Tension, ...] = ()
    implied: tuple[Implied, ...] = ()


class Projection(Noun, frozen=True, kw_only=True):
    """A comparison or a published claim, carried through a scenario to a month of a fleet.

    about        the scenario in a sentence
    comparisons  (baseline, candidate): the ids of the two runs of each comparison, in the given
                 order of comparisons; () for a published claim
    boundary     of the energies; None for a scenario without powers
    model        the model that brought lines of its own; None without one
    solution     None for a scenario without unknowns
    sensitivity  None if not computed
    inputs       base inputs of claims and of lines over unknowns that no line in `lines` uses
    replayed     whether a comparison is that of a recording: no verdict is one of a measurement
    stamps       computed from the other fields, like `replayed`; a stated value is ignored
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["projection"] = "projection"
    scenario: str
    title: str
    about: str = ""
    comparisons: tuple[tuple[str, str], ...] = ()
    mode: Mode | None = None
    boundary: BoundaryName | None = None
    model: Literal["fleet"] | None = None
    lines: tuple[Line, ...]
    saved_mwh_per_month: Estimate | None
    saved_cost_per_month: Estimate | None
    currency: str | None
    saved_tco2e_per_month: Estimate | None
    claims: tuple[Claim, ...]
    replayed: bool = False
    solution: Solution | None = None
    sensitivity: Sensitivity | None = None
    inputs: tuple[Input, ...] = ()
    doubts: tuple[Doubt, ...]
    stamps: tuple[Stamp, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        stamps.stamp(self, stamps.of_projection(self))

    @property
    def base_inputs(self) -> tuple[Input, ...]:
        """Every base input once: of the lines, then of claims and of lines over unknowns."""
        return base_inputs(self.lines, self.inputs)

    @property
    def known_as(self) -> tuple[Input | Unknown, ...]:
        """The quantities that evidence is counted of: base inputs, and unknowns that stay open."""
        return (*self.base_inputs, *open_quantities(self.solution))

    def label_of(self, name: str) -> str:
        """The words for a base input or a line; the name itself without words."""
        entries: tuple[Input | Line, ...] = (*self.base_inputs, *self.lines)
        return next((entry.label for entry in entries if entry.name == name and entry.label), name)

    def value_of(self, name: str) -> Estimate | None:
        """The value of a base input or a line; None for a stated range, which has no interval."""
        for entry in self.base_inputs:
            if entry.name == name:
                return entry.value if entry.stated is None else None
        return next((line.value for line in self.lines if line.name == name), None)


def base_inputs(lines: Iterable[Line], others: Iterable[Input] = ()) -> tuple[Input, ...]:
    """The inputs of the lines and other inputs, each once, without values of earlier lines."""
    of_lines = (used for line in lines for used in line.inputs if not used.above)
    return tuple(dict.fromkeys((*of_lines, *others)))


def open_quantities(solution: Solution | None) -> tuple[Unknown, ...]:
    """Every unknown once; the quantities of applications have the evidence of the whole."""
    unknowns = solution.unknowns if solution is not None else ()
    return tuple({unknown.name: unknown for unknown in unknowns}.values())
