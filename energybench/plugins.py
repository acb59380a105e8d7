"""The three doors: collector, workload, report.

Built-in plugins use the entry-point groups of third parties: `energybench.collectors`,
`energybench.workloads`, `energybench.reports`. An entry point names a class or a function; the call
without arguments gives the plugin. Protocols marked as optional add abilities to a plugin.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from energybench.errors import BadInput
from energybench.model import (
    Channel,
    Condition,
    Distribution,
    Document,
    Doubt,
    Gain,
    Gpu,
    Memory,
    StudyPlan,
    Verification,
    Work,
    WorkRecord,
)

Door = Literal["collectors", "workloads", "reports"]


class Unavailable(Exception):
    """A sensor that does not work here.

    Absence is not a failure: the person is shown the reason and the remedy.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}: {remedy}")


class Clock(Protocol):
    """Seconds on the host's CLOCK_MONOTONIC; a virtual clock in a replay."""

    def now(self) -> float: ...


class Prior(NamedTuple):
    """A row of data/priors.toml: relative standard uncertainty of a sensor family, with source."""

    u_rel: float
    distribution: Distribution
    source: str


# ---------------------------------------------------------------- collectors


class Context(NamedTuple):
    """The surroundings of a collector for opening its sensors.

    root             prefix of /sys, /proc and /dev, for a test with its own tree
    visible_devices  CUDA_VISIBLE_DEVICES of the work; None if the variable is not set
    device_order     CUDA_DEVICE_ORDER of the work; None if the variable is not set
    work_pid         root of the measured process tree; None before the work starts
    priors           priors of gains by 'family.row'
    """

    clock: Clock
    root: Path = Path("/")
    visible_devices: str | None = None
    device_order: str | None = None
    work_pid: Callable[[], int | None] = lambda: None
    priors: Mapping[str, Prior] = {}

    def gain(self, prior: str, key: str) -> Gain:
        """The named prior as the gain of the board or socket with the stable id `key`."""
        row = self.priors.get(prior)
        if row is None:
            raise BadInput(
                "data/priors.toml",
                f"has no prior [{prior}]",
                "name a prior of the file, or add a row with its source",
            )
        return Gain(
            u_rel=row.u_rel, distribution=row.distribution, key=f"gain:{key}", source=row.source
        )


# A value with a longer read, s, may be from any moment of a long time: a failed read.
LONGEST_READ_S = 1.0


class Reading(NamedTuple):
    """A raw value of a sensor, on its way from the collector to the file.

    A collector returns readings if the collector or the sensor knows the time of a value better
    than the sampler. A bare count gets the time of the poll from the sampler.

    raw      counts of the channel's resolution; None if the read failed
    t_s      time of the value on the monotonic clock
    channel  number of the channel within the run, stated by the sampler
    """

    raw: int | None
    t_s: float
    channel: int = 0


@runtime_checkable
class Collector(Protocol):
    """A sensor family.

    A collector only reads, needs no root to start, never sleeps, never guesses, and costs nothing
    on a machine without its sensors. The attribute `components` names components of which a device
    surely exists if the driver hangs while it is opened. A collector with the attribute
    `last_resort = True` is opened only if no sensor covers the CPU.
    """

    name: str

    def open(self, context: Context) -> Sequence[Channel]:
        """Find the sensors. Returns the channels in the order of the values of `read`.

        Raises Unavailable(reason, remedy).
        """

    def read(self) -> Sequence[int | Reading | None]:
        """A raw value for each channel, in counts of the channel's resolution.

        None for a failed read; a failed sensor never raises.
        """

    def close(self) -> None:
        """Release everything. May be called twice, and without open."""


@runtime_checkable
class DescribesHost(Protocol):
    """Optional for a collector: provenance of accelerators, and doubts about the sensors."""

    def gpus(self) -> Sequence[Gpu]: ...

    def doubts(self) -> Sequence[Doubt]:
        """Doubts from the opening of the sensors."""


@runtime_checkable
class Watches(Protocol):
    """Optional for a collector: the state of its devices.

    Called about once a second, from another thread than `read`.
    """

    def conditions(self) -> Sequence[Condition]:
        """Present state of each device; unknown values are None. A failed sensor never raises."""


@runtime_checkable
class ListsProcesses(Protocol):
    """Optional for a collector: the processes that compute on its devices.

    Called from another thread than `read`, like `Watches`.
    """

    def processes(self) -> Sequence[tuple[str, int]]:
        """(device, pid) of every process on the devices that the work was given."""


# ---------------------------------------------------------------- workloads

RegionFactory = Callable[[str], contextlib.AbstractContextManager[Any]]


@runtime_checkable
class Workload(Protocol):
    """A piece of real work with its problem, its cost and its check.

    The worker runs in a separate process, and calls setup once, run many times, and verify after
    each repeat. Only `run` is measured: `run` moves the inputs to the device (in
    `region("transfer")`), computes, and has finished (synchronised) on return.
    """

    name: str
    sizes: Sequence[str]

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        """Make the problem on the host.

        `region("compile")` marks compilation. Raises BadInput for a wrong size or setting.
        """

    def settings(self) -> Mapping[str, str | int | float | bool | None]:
        """Every setting in force, defaults included."""

    def run(self, region: RegionFactory) -> Work: ...

    def verify(self) -> Sequence[Verification]:
        """Checks of the last run's result."""


@runtime_checkable
class OffersStudies(Protocol):
    """Optional for a workload: studies, grids of cells with several variants of the same work.

    studies  name → the question of the study, in one line
    """

    studies: Mapping[str, str]

    def plan(self, study: str, device: str, settings: Mapping[str, str]) -> StudyPlan:
        """The study on this device.

        settings  narrow or widen the grid (lists: "8,16")
        Called in the worker, so that the plan may depend on the device. Raises BadInput.
        """


@runtime_checkable
class CountsMemory(Protocol):
    """Optional for a workload: the memory of a step."""

    def memory(self) -> Memory:
        """Memory of a step, outside every repeat. Called after setup."""


@runtime_checkable
class KeepsRecord(Protocol):
    """Optional for a workload: a record of the run in words, figures, curves and pictures."""

    def record(self) -> WorkRecord:
        """Record of the last run.

        Called after `verify`, outside every repeat; the measurement holds the record of the last
        repeat.
        """


@runtime_checkable
class KeepsCheckpoint(Protocol):
    """Optional for a workload: a file from which the next run, or the next process, goes on.

    A repeat is then a single run, and continues the training.
    """

    def checkpoint(self) -> str | None:
        """Path of the file by the settings; None if every run starts from the beginning.

        Called after setup, before `rehearse` and `finished`.
        """

    def rehearse(self, region: RegionFactory) -> Work:
        """A run for the warm-up: the next run starts where the rehearsal started, and the file
        stays unchanged.
        """

    def finished(self) -> bool:
        """Whether the file holds all requested work: then there is no next run."""


@runtime_checkable
class HasAdapter(Protocol):
    """Optional for a workload: it runs a program, and an adapter reads the program's output.

    adapter_file  the adapter, a TOML file, for `measure --adapter NAME` with the same program
    """

    adapter_file: Path


@runtime_checkable
class Closes(Protocol):
    """Optional for a workload: an end for resources such as processes on other nodes."""

    def close(self) -> None:
        """Called when the workload is no longer needed, or before the worker ends.

        The worker is killed 5 s later, with the processes that it started on this node.
        """


@runtime_checkable
class SpansNodes(Protocol):
    """Optional for a workload: one problem on all nodes of a launch with one task a node.

    The worker of every node gets the same calls in the same order. RANK and WORLD_SIZE, in its
    environment, count nodes; MASTER_ADDR and MASTER_PORT state the meeting place of the workers.
    Work and checks cover all nodes together, and are equal on every node.
    """

    def meet(self) -> None:
        """Return once every node has called this method; called at both ends of a repeat."""


# ---------------------------------------------------------------- reports

# One file, or several: contents by name, without a folder ("table.tex").
Rendered = bytes | Mapping[str, bytes]


class Piece(NamedTuple):
    """A part of a file that `energybench verify` compares.

    kind   "text" follows from the document, "drawing" also from the version of a drawing library;
           "code" is everything that a viewer may run or load
    words  the part unchanged from the file, or in words
    """

    kind: Literal["text", "drawing", "code"]
    words: str


@runtime_checkable
class Report(Protocol):
    """A format. `render` is pure: the same document gives the same bytes.

    suffix  of the file; of the main file, if the format has several

    A report that draws power over time states `timelines = True`: only then are the samples of the
    runs read. A report whose file is not text states `text = False`: the file is not printed on a
    terminal.
    """

    name: str
    suffix: str

    def render(self, document: Document) -> Rendered:
        """The file, or the files by name. A format always gives the same choice, for any document.

        Raises BadInput if a library is not installed, or if the format has no words for any result
        of the document.
        """


@runtime_checkable
class MakesStatements(Report, Protocol):
    """Optional for a report: a statement for outsiders, of two pages and an appendix."""

    def statement(self, document: Document, *, draft: bool) -> bytes:
        """The statement of the runs and comparisons of a document. Pure, as `render`.

        draft  mark every page, and accept results that are not for publication

        Raises BadInput if the results cannot be stated (`energybench.grading.statable`).
        """
