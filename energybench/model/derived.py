"""Results that are derived from measurements: comparison, projection, grade, document."""

from __future__ import annotations

from typing import Any, Literal

from energybench.model.base import BoundaryName, NonNegative, Noun, Quality, Verdict
from energybench.model.doubts import Doubt
from energybench.model.measured import Measurement
from energybench.model.sensing import Window
from energybench.model.study import Study
from energybench.model.values import Estimate

Passed = Literal["pass", "fail", "unknown"]

# Titles of a ratio: of measured energies, and of energies of which one side is estimated.
ENERGY_RATIO = "energy ratio"
TIME_X_ASSUMED_POWER = "time x assumed power"


class RatioLine(Noun, frozen=True, kw_only=True):
    """A second ratio under its own label (without the idle GPUs, over one component)."""

    label: str
    energy_ratio: Estimate


class Comparison(Noun, frozen=True, kw_only=True):
    """Baseline against candidate: energy_ratio = E_baseline / E_candidate, speedup = T_baseline /
    T_candidate, for the same work.

    `power_w` and `idle_power_w` are (baseline, candidate), per node: what projecting needs.
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["comparison"] = "comparison"
    title: str  # "energy ratio", or "time x assumed power" where a side is estimated
    baseline: str
    candidate: str
    labels: tuple[str, str]
    boundary: BoundaryName
    quality: Quality | None
    energy_ratio: Estimate | None
    speedup: Estimate
    net_energy_ratio: Estimate | None
    node_hours: tuple[float, float]
    energy_delay_ratio: Estimate | None
    verdict: Verdict | None  # None: no energy verdict can be given
    margin: NonNegative
    paired: int | None = (
        # blocks of interleaved runs that were analysed as pairs; None: two runs on their own
        # (Welch)
        None
    )
    second_lines: tuple[RatioLine, ...]
    power_w: tuple[Estimate | None, Estimate | None]
    idle_power_w: tuple[Estimate | None, Estimate | None]
    doubts: tuple[Doubt, ...]


class Input(Noun, frozen=True, kw_only=True):
    """A quantity that a projection line used, with where it comes from."""

    name: str
    value: Estimate
    unit: str
    source: str


class Line(Noun, frozen=True, kw_only=True):
    """One step of a projection."""

    name: str
    value: Estimate
    unit: str
    formula: str
    inputs: tuple[Input, ...]
    note: str = ""


class Claim(Noun, frozen=True, kw_only=True):
    """A published figure against what its own inputs give."""

    name: str
    claimed: float
    derived: Estimate | None
    fits: bool | None  # None: cannot be derived from what was published
    why: str
    unit: str = ""
    source: str = ""


class Projection(Noun, frozen=True, kw_only=True):
    """A comparison or a published claim, carried through a scenario to a month of a fleet."""

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["projection"] = "projection"
    scenario: str
    title: str
    lines: tuple[Line, ...]
    saved_mwh_per_month: Estimate | None
    saved_cost_per_month: Estimate | None
    currency: str | None
    saved_tco2e_per_month: Estimate | None
    claims: tuple[Claim, ...]
    doubts: tuple[Doubt, ...]


class Check(Noun, frozen=True, kw_only=True):
    """One thing that a rule book asks, and what the measurement has.

    Figures in `found` are never rounded across the limit.
    """

    asked: str
    found: str
    result: Passed


class Aspect(Noun, frozen=True, kw_only=True):
    """What a rule book asks under one heading, at one of its levels ("" where it has none): fail if
    a check fails, else unknown if one is.
    """

    name: str
    level: str
    result: Passed
    checks: tuple[Check, ...]


class RuleBook(Noun, frozen=True, kw_only=True):
    """One rule book, by its edition, aspect by aspect.

    `gives`: the grade by the lowest aspect; None where an aspect is unknown.
    """

    name: str
    edition: str
    source: str
    aspects: tuple[Aspect, ...]
    gives: str | None
    why: str
    notes: tuple[str, ...] = ()


class Grade(Noun, frozen=True, kw_only=True):
    """What the rule books of the field would say of a measurement."""

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["grade"] = "grade"
    measurement: str
    label: str
    books: tuple[RuleBook, ...]


class PowerSeries(Noun, frozen=True, kw_only=True):
    """Power over time of one device, for a chart: seconds since the run began, watts.

    Equal lengths; a gap is a None.
    """

    run: str
    component: str
    device: str
    t_s: tuple[float, ...]
    power_w: tuple[float | None, ...]


class Timeline(Noun, frozen=True, kw_only=True):
    """A run's power and its windows, for a chart. Window times are seconds since the run began."""

    run: str
    series: tuple[PowerSeries, ...]
    windows: tuple[Window, ...]


class Document(Noun, frozen=True, kw_only=True):
    """What a report renders: any results, in the order given, with title and notes."""

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["document"] = "document"
    title: str
    results: tuple[Measurement | Comparison | Projection | Study, ...]
    timelines: tuple[Timeline, ...] = ()
    notes: tuple[str, ...] = ()
    created_utc: str = ""
    version: str = ""

    def of(self, kind: type[Any]) -> tuple[Any, ...]:
        """The results of one kind."""
        return tuple(result for result in self.results if isinstance(result, kind))
