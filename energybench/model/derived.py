"""Results derived from measurements: comparison, grade, document."""

from __future__ import annotations

from typing import Any, Literal

from energybench.model import stamps
from energybench.model.base import BoundaryName, NonNegative, Noun, Quality, Verdict
from energybench.model.doubts import Doubt
from energybench.model.measured import Measurement
from energybench.model.projected import Projection
from energybench.model.publication import Publication
from energybench.model.sensing import Window
from energybench.model.stamps import Stamp
from energybench.model.study import Study
from energybench.model.values import Estimate, FileDigest

Passed = Literal["pass", "fail", "unknown"]

# Results of a kind that a report shows in full; further results are rows of its overview.
IN_FULL = 12

# Reason why a comparison has no verdict if a side was not counted once.
MISCOUNTED = (
    "the energy of a side may be that of too few nodes, boards or feeds, of a node counted several "
    "times, of other jobs as well, of a sensor that shows no possible power, or of a meter whose "
    "readings failed"
)

# Reason of the verdict "inconclusive" if a side has a single repeat.
SCATTER_UNKNOWN = "the run-to-run scatter is not known; measure several repeats"


class RatioLine(Noun, frozen=True, kw_only=True):
    """A second ratio under its own label (without the idle GPUs, over one component)."""

    label: str
    energy_ratio: Estimate


class Comparison(Noun, frozen=True, kw_only=True):
    """Baseline against candidate, for the same work.

    title                  ENERGY_RATIO, or TIME_X_ASSUMED_POWER if a side is estimated
    workloads              recorded by the runs, (baseline, candidate); "" for a run of a user's own
                           program, described only by its label
    energy_ratio           E_baseline / E_candidate
    speedup                T_baseline / T_candidate
    verdict                None without an energy verdict
    replayed               whether a side comes from a recording: then quality and verdict are those
                           of the recording
    counted_once           False if the energy of a side may belong to too few nodes, boards or
                           feeds, to a node counted several times, to other jobs as well, or to a
                           sensor with an impossible power: then there is no verdict
    scatter_known          whether both sides were repeated. If not, the verdict is "inconclusive",
                           and no interval of this comparison holds the run-to-run scatter of both
                           sides
    paired                 number of blocks of interleaved runs, analysed as pairs; None for two
                           separate runs (Welch's t)
    power_w, idle_power_w  of one node, (baseline, candidate), for projections
    digests                of the files of both runs, (baseline, candidate); None for a comparison
                           without stored runs
    stamps                 computed from the other fields, like `replayed`; a stated value is
                           ignored
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["comparison"] = "comparison"
    title: str
    baseline: str
    candidate: str
    labels: tuple[str, str]
    workloads: tuple[str, str] = ("", "")
    boundary: BoundaryName
    quality: Quality | None
    energy_ratio: Estimate | None
    speedup: Estimate
    net_energy_ratio: Estimate | None
    node_hours: tuple[float, float]
    energy_delay_ratio: Estimate | None
    verdict: Verdict | None
    replayed: bool = False
    margin: NonNegative
    scatter_known: bool = True
    counted_once: bool = True
    paired: int | None = None
    second_lines: tuple[RatioLine, ...]
    power_w: tuple[Estimate | None, Estimate | None]
    idle_power_w: tuple[Estimate | None, Estimate | None]
    doubts: tuple[Doubt, ...]
    digests: tuple[tuple[FileDigest, ...], tuple[FileDigest, ...]] | None = None
    stamps: tuple[Stamp, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        stamps.stamp(self, stamps.of_comparison(self))


class Check(Noun, frozen=True, kw_only=True):
    """A requirement of a rule book, and the property of the measurement.

    Figures in `found` are never rounded across the limit.
    """

    asked: str
    found: str
    result: Passed


class Aspect(Noun, frozen=True, kw_only=True):
    """The requirements of a rule book under a heading, at a level.

    level   "" for a rule book without levels
    result  fail if a check fails, else unknown if a check is unknown
    """

    name: str
    level: str
    result: Passed
    checks: tuple[Check, ...]


class RuleBook(Noun, frozen=True, kw_only=True):
    """An edition of a rule book, aspect by aspect.

    gives   grade by the lowest aspect; None if an aspect is unknown
    legend  statement that the owner of the name demands beside the printed name; ""
    """

    name: str
    edition: str
    source: str
    aspects: tuple[Aspect, ...]
    gives: str | None
    why: str
    notes: tuple[str, ...] = ()
    legend: str = ""


class Grade(Noun, frozen=True, kw_only=True):
    """The judgement of the rule books of the field on a measurement.

    machine_nodes  compute nodes of the whole machine; None if not stated
    stamps         stamps of the measurement
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["grade"] = "grade"
    measurement: str
    label: str
    machine_nodes: int | None = None
    stamps: tuple[Stamp, ...] = ()
    books: tuple[RuleBook, ...]


class PowerSeries(Noun, frozen=True, kw_only=True):
    """Power of a device over time, or of several devices together, for a chart.

    t_s      seconds since the begin of the run
    power_w  as many values as times: readings, or means over steps of time; None in a gap
    low_w    lowest reading of each step; None without a reading. Empty if the values are readings
    high_w   highest reading of each step, in the same way
    devices  number of devices in the sum
    read     number of readings behind the values; None: the values are the readings
    """

    run: str
    component: str
    device: str
    t_s: tuple[float, ...]
    power_w: tuple[float | None, ...]
    low_w: tuple[float | None, ...] = ()
    high_w: tuple[float | None, ...] = ()
    devices: int = 1
    read: int | None = None


class Timeline(Noun, frozen=True, kw_only=True):
    """Power and windows of a run, for a chart; times are seconds since the begin of the run.

    of_nodes  whether the series belong to whole nodes of a job, not to devices
    """

    run: str
    series: tuple[PowerSeries, ...]
    windows: tuple[Window, ...]
    of_nodes: bool = False


# Name of the file inside a PDF report with the report's document as JSON.
EMBEDDED_NAME = "energybench.json"


class Document(Noun, frozen=True, kw_only=True):
    """The input of a report: results in the given order, with title and notes.

    publication  statements of the publisher; None: a report for the person's own eyes
    grades       judgements of rule books on the measurements of the document
    all_in_full  whether a report shows every result in full, for any number of results
    """

    schema: Literal["energybench/1"] = "energybench/1"
    kind: Literal["document"] = "document"
    title: str
    results: tuple[Measurement | Comparison | Projection | Study, ...]
    timelines: tuple[Timeline, ...] = ()
    notes: tuple[str, ...] = ()
    created_utc: str = ""
    version: str = ""
    publication: Publication | None = None
    grades: tuple[Grade, ...] = ()
    all_in_full: bool = False

    def of(self, kind: type[Any]) -> tuple[Any, ...]:
        """The results of a kind."""
        return tuple(result for result in self.results if isinstance(result, kind))
