"""A study: one question asked over a grid of cells. What is planned (variant, cell, claim), and
what came of it.

In each cell several variants do the same work; all are compared with the first. Everything per
step: one call of what is studied.
"""

from __future__ import annotations

from typing import Literal

from energybench.model.base import NonNegative, Noun, Positive, Quality
from energybench.model.doubts import Doubt
from energybench.model.host import Host
from energybench.model.values import Estimate, Verification

Scalar = str | int | float | bool
Quantity = Literal["speedup", "energy_ratio", "memory_ratio", "extra_memory_ratio", "time_s"]
State = Literal["measured", "check-failed", "does-not-fit", "absent", "failed", "cut"]
Held = Literal["confirmed", "not confirmed", "not testable here"]

# ---------------------------------------------------------------- what is planned


class Variant(Noun, frozen=True, kw_only=True):
    """One way to do a cell's work."""

    name: str
    settings: dict[str, str]


class Cell(Noun, frozen=True, kw_only=True):
    """A point of the grid.

    `at`: where it lies, by axis. The first variant is what the others are compared with.
    """

    key: str
    at: dict[str, Scalar]
    workload: str
    size: str
    variants: tuple[Variant, ...]
    step_amount: Positive  # units of work in one step


class Axes(Noun, frozen=True, kw_only=True):
    """Of a heat map: the axes of one panel, and those whose values each have a panel of their own."""

    x: str
    y: str
    panels: tuple[str, ...]


class Absent(Noun, frozen=True, kw_only=True):
    """A variant that this device does not have, with the reason.

    `where`: of which part of the grid; "" everywhere.
    """

    variant: str
    reason: str
    remedy: str = ""
    where: str = ""


class Expectation(Noun, frozen=True, kw_only=True):
    """What a claim says of one variant in one cell: between low and high (None: no limit).

    `over`: of the quantity divided by that of another cell.
    """

    cell: str
    variant: str
    quantity: Quantity
    low: float | None = None
    high: float | None = None
    over: str | None = None


class Published(Noun, frozen=True, kw_only=True):
    """A published claim.

    `rule`: whether every cell or any one must agree. `only_on`: a word in the name of the only
    device on which it can be tested.
    """

    name: str
    says: str
    source: str
    published_on: str
    rule: Literal["every", "any"]
    expects: tuple[Expectation, ...]
    only_on: str | None = None
    note: str = ""


class StudyPlan(Noun, frozen=True, kw_only=True):
    """What a workload offers as one study on one device, under the settings it was given.

    curves     figures of the workload's own record that are drawn over the x axis, with the energy
    step_name  what one step is to be called ("training")
    """

    name: str
    title: str
    about: str
    settings: dict[str, Scalar]
    cells: tuple[Cell, ...]
    axes: Axes
    absent: tuple[Absent, ...] = ()
    claims: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    step_name: str = "step"
    repeats: int = 5
    min_window_s: NonNegative = 0.5


# ---------------------------------------------------------------- what came of it


class Memory(Noun, frozen=True, kw_only=True):
    """Of one step: what was held at the peak, and how much of it came and went within the step.

    The interval is the range over the steps looked at.
    """

    peak_bytes: Estimate
    extra_bytes: Estimate
    how: str


class StudyRun(Noun, frozen=True, kw_only=True):
    """One variant in one cell. What was not measured is None; `why` says why."""

    variant: str
    state: State
    why: str = ""
    run: str | None = None  # the run directory's name
    time_s: Estimate | None = None
    energy_j: Estimate | None = None
    quality: Quality | None = None
    memory: Memory | None = None
    flops_per_s: Estimate | None = None
    verification: tuple[Verification, ...] = ()
    figures: dict[str, float] = {}  # of the workload's own record: exact for this run ("epsilon")
    repeats: int = 0


class StudyRatio(Noun, frozen=True, kw_only=True):
    """First variant / this one; above 1 is in this one's favour.

    A ratio of energies is None where a side has none.
    """

    variant: str
    speedup: Estimate
    energy_ratio: Estimate | None
    energy_title: str  # "energy ratio", or "time x assumed power" where a side is estimated
    memory_ratio: Estimate | None
    extra_memory_ratio: Estimate | None
    paired: int | None


class StudyCell(Noun, frozen=True, kw_only=True):
    """A cell with its runs, and the ratios of those that may be compared."""

    cell: Cell
    runs: tuple[StudyRun, ...]
    ratios: tuple[StudyRatio, ...]


class Tested(Noun, frozen=True, kw_only=True):
    """A claim beside what was measured: the cell that decides it and its interval."""

    claim: Published
    held: Held
    why: str
    measured: Estimate | None = None
    cell: str | None = None
    agree: int = 0  # of `tested` cells
    tested: int = 0


class Study(Noun, frozen=True, kw_only=True):
    """A study as far as it has come: complete where every planned cell has been dealt with."""

    schema: Literal["energybench-study/1"] = "energybench-study/1"
    kind: Literal["study"] = "study"
    id: str
    workload: str
    device: str
    plan: StudyPlan
    cells: tuple[StudyCell, ...]
    claims: tuple[Tested, ...]
    idle_power_w: Estimate | None
    host: Host
    doubts: tuple[Doubt, ...]
    created_utc: str

    @property
    def complete(self) -> bool:
        return len(self.cells) == len(self.plan.cells) and not any(
            run.state == "cut" for cell in self.cells for run in cell.runs
        )

    @property
    def label(self) -> str:
        return f"{self.plan.title} on {self.device}"
