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

# Reason of the verdict "inconclusive" if a side has a single repeat.
SCATTER_UNKNOWN = "run-to-run scatter is not known: repeat"


class RatioLine(Noun, frozen=True, kw_only=True):
    """A second ratio under its own label (without the idle GPUs, over one component)."""

    label: str
    energy_ratio: Estimate


class Comparison(Noun, frozen=True, kw_only=True):
    """Baseline against candidate, for the same work.

    title                  ENERGY_RATIO, or TIME_X_ASSUMED_POWER if a side is estimated
    energy_ratio           E_baseline / E_candidate
    speedup                T_baseline / T_candidate
    verdict                None if no energy verdict can be given
    scatter_known          whether both sides were repeated. If not, the verdict is "inconclusive",
                           and no interval of this comparison holds the run-to-run scatter of both
    paired                 number of blocks of interleaved runs that were analysed as pairs; None
                           for two separate runs (Welch's t)
    power_w, idle_power_w  of one node, (baseline, candidate), for projections
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["comparison"] = "comparison"
    title: str
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
    verdict: Verdict | None
    margin: NonNegative
    scatter_known: bool = True
    paired: int | None = None
    second_lines: tuple[RatioLine, ...]
    power_w: tuple[Estimate | None, Estimate | None]
    idle_power_w: tuple[Estimate | None, Estimate | None]
    doubts: tuple[Doubt, ...]


class Input(Noun, frozen=True, kw_only=True):
    """An input of a line of a projection, with its source."""

    name: str
    value: Estimate
    unit: str
    source: str
    stated: tuple[float, float] | None = None  # (low, high) as the scenario states; None: no range


class Line(Noun, frozen=True, kw_only=True):
    """One step of a projection."""

    name: str
    value: Estimate
    unit: str
    formula: str
    inputs: tuple[Input, ...]
    note: str = ""


class Claim(Noun, frozen=True, kw_only=True):
    """A published figure, and the figure derived from the published inputs.

    fits  None if the figure cannot be derived from the publication
    """

    name: str
    claimed: float
    derived: Estimate | None
    fits: bool | None
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
    """One requirement of a rule book, and what the measurement has.

    Figures in `found` are never rounded across the limit.
    """

    asked: str
    found: str
    result: Passed


class Aspect(Noun, frozen=True, kw_only=True):
    """The requirements of a rule book under one heading, at one level.

    level   "" for a rule book without levels
    result  fail if a check fails, else unknown if a check is unknown
    """

    name: str
    level: str
    result: Passed
    checks: tuple[Check, ...]


class RuleBook(Noun, frozen=True, kw_only=True):
    """One edition of a rule book, aspect by aspect.

    gives  grade by the lowest aspect; None if an aspect is unknown
    """

    name: str
    edition: str
    source: str
    aspects: tuple[Aspect, ...]
    gives: str | None
    why: str
    notes: tuple[str, ...] = ()


class Grade(Noun, frozen=True, kw_only=True):
    """The judgement of the rule books of the field on a measurement."""

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["grade"] = "grade"
    measurement: str
    label: str
    books: tuple[RuleBook, ...]


class PowerSeries(Noun, frozen=True, kw_only=True):
    """Power of one device over time, for a chart.

    t_s      seconds since the begin of the run
    power_w  as many values as times; None in a gap
    """

    run: str
    component: str
    device: str
    t_s: tuple[float, ...]
    power_w: tuple[float | None, ...]


class Timeline(Noun, frozen=True, kw_only=True):
    """Power and windows of a run, for a chart; times are seconds since the begin of the run."""

    run: str
    series: tuple[PowerSeries, ...]
    windows: tuple[Window, ...]


class Document(Noun, frozen=True, kw_only=True):
    """The input of a report: results in the given order, with title and notes."""

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
