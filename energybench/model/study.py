"""A study: a question over a grid of cells. The plan (variant, cell, claim), and the results.

In each cell several variants do the same work, and are compared with the first variant. Quantities
are for one step: a call of the studied operation.
"""

from __future__ import annotations

from typing import Literal

from energybench.model import stamps
from energybench.model.base import NonNegative, Noun, Positive, Quality
from energybench.model.doubts import Doubt
from energybench.model.host import Host
from energybench.model.stamps import Stamp
from energybench.model.values import Estimate, FileDigest, Verification

Scalar = str | int | float | bool
Quantity = Literal["speedup", "energy_ratio", "memory_ratio", "extra_memory_ratio", "time_s"]
State = Literal["measured", "check-failed", "does-not-fit", "absent", "failed", "cut"]
Held = Literal["confirmed", "not confirmed", "not testable here"]

# ---------------------------------------------------------------- the plan


class Variant(Noun, frozen=True, kw_only=True):
    """A way to do the work of a cell."""

    name: str
    settings: dict[str, str]


class Cell(Noun, frozen=True, kw_only=True):
    """A point of the grid.

    at           position of the cell, by axis
    variants     the other variants are compared with the first
    step_amount  units of work in one step
    """

    key: str
    at: dict[str, Scalar]
    workload: str
    size: str
    variants: tuple[Variant, ...]
    step_amount: Positive


class Axes(Noun, frozen=True, kw_only=True):
    """Axes of a heat map; each value of a `panels` axis has its own panel."""

    x: str
    y: str
    panels: tuple[str, ...]


class Absent(Noun, frozen=True, kw_only=True):
    """A variant that is missing on this device, with the reason.

    where  affected part of the grid; "" for the whole grid
    """

    variant: str
    reason: str
    remedy: str = ""
    where: str = ""


class Expectation(Noun, frozen=True, kw_only=True):
    """Statement of a claim about a variant in a cell: a quantity between low and high.

    low, high  None for no limit
    over       key of the cell whose quantity divides this quantity
    """

    cell: str
    variant: str
    quantity: Quantity
    low: float | None = None
    high: float | None = None
    over: str | None = None


class Published(Noun, frozen=True, kw_only=True):
    """A published claim.

    rule     whether every cell must agree, or any cell
    only_on  word in the name of the only device for a test of the claim
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
    """The plan of a study of a workload on a device, with given settings.

    curves     figures of the workload's own record that are drawn over the x axis, with the energy
    step_name  name of a step in reports ("training")
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


# ---------------------------------------------------------------- the results


class Memory(Noun, frozen=True, kw_only=True):
    """Memory of a step: the peak, and the part that was allocated and freed within the step.

    The intervals are ranges over the observed steps.
    """

    peak_bytes: Estimate
    extra_bytes: Estimate
    how: str


class StudyRun(Noun, frozen=True, kw_only=True):
    """A variant in a cell. Quantities that were not measured are None.

    why      reason of the state
    run      name of the run directory
    digests  of the files of the run directory; None for a result without files
    figures  figures of the workload's own record, exact for this run ("epsilon")
    """

    variant: str
    state: State
    why: str = ""
    run: str | None = None
    time_s: Estimate | None = None
    energy_j: Estimate | None = None
    quality: Quality | None = None
    memory: Memory | None = None
    flops_per_s: Estimate | None = None
    verification: tuple[Verification, ...] = ()
    figures: dict[str, float] = {}
    repeats: int = 0
    digests: tuple[FileDigest, ...] | None = None


class StudyRatio(Noun, frozen=True, kw_only=True):
    """First variant over another variant; a ratio above 1 is in favour of the other variant.

    energy_ratio  None if a side lacks energy
    energy_title  ENERGY_RATIO, or TIME_X_ASSUMED_POWER if a side is estimated
    scatter_known  whether both variants were repeated. If not, the intervals of speedup and energy
                   ratio lack the run-to-run scatter, and test no claim
    """

    variant: str
    speedup: Estimate
    energy_ratio: Estimate | None
    energy_title: str
    memory_ratio: Estimate | None
    extra_memory_ratio: Estimate | None
    paired: int | None
    scatter_known: bool = True


class StudyCell(Noun, frozen=True, kw_only=True):
    """A cell with its runs, and the ratios of comparable runs."""

    cell: Cell
    runs: tuple[StudyRun, ...]
    ratios: tuple[StudyRatio, ...]


class Tested(Noun, frozen=True, kw_only=True):
    """A claim beside the measurements: the deciding cell, and its measured value.

    agree, tested  number of agreeing cells, out of the tested cells
    """

    claim: Published
    held: Held
    why: str
    measured: Estimate | None = None
    cell: str | None = None
    agree: int = 0
    tested: int = 0


class Study(Noun, frozen=True, kw_only=True):
    """A study, perhaps not complete: complete when every planned cell has a result.

    replayed  whether a run comes from a recording
    stamps    computed from the other fields, like `replayed`; a stated value is ignored
    """

    schema: Literal["energybench-study/1"] = "energybench-study/1"
    kind: Literal["study"] = "study"
    id: str
    workload: str
    device: str
    plan: StudyPlan
    cells: tuple[StudyCell, ...]
    claims: tuple[Tested, ...]
    replayed: bool = False
    idle_power_w: Estimate | None
    host: Host
    doubts: tuple[Doubt, ...]
    created_utc: str
    stamps: tuple[Stamp, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        stamps.stamp(self, stamps.of_study(self))

    @property
    def complete(self) -> bool:
        return len(self.cells) == len(self.plan.cells) and not any(
            run.state == "cut" for cell in self.cells for run in cell.runs
        )

    @property
    def label(self) -> str:
        return f"{self.plan.title} on {self.device}"
