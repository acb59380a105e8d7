"""The three doors (collector, workload, report) and their look-up by entry point.

Built-ins come in by the same entry-point groups as anyone's plugin: `energybench.collectors`,
`energybench.workloads`, `energybench.reports`. An entry point names a class (or a function) that is
called without arguments.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
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
    """A sensor that cannot work here.

    Absence is not failure: the reason and what would fix it are shown to the person.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}: {remedy}")


class Clock(Protocol):
    """Seconds on the host's CLOCK_MONOTONIC (real, or virtual in a replay)."""

    def now(self) -> float: ...


class Prior(NamedTuple):
    """A row of data/priors.toml: a relative standard uncertainty of a sensor family, with its
    source.
    """

    u_rel: float
    distribution: Distribution
    source: str


class Context(NamedTuple):
    """What a collector is given.

    `root` is prefixed to /sys, /proc and /dev, so that a test can hand it a tree of its own.
    """

    clock: Clock
    root: Path = Path("/")
    visible_devices: str | None = (
        None  # CUDA_VISIBLE_DEVICES of the work, as it stands; None: not set
    )
    device_order: str | None = None  # CUDA_DEVICE_ORDER of the work
    work_pid: Callable[[], int | None] = lambda: (
        None
    )  # root of the measured process tree; None before it starts
    priors: Mapping[str, Prior] = {}

    def gain(self, prior: str, key: str) -> Gain:
        """The named prior as the gain of one board or socket, whose stable id is `key`."""
        row = self.priors.get(prior)
        if row is None:
            raise BadInput(
                "data/priors.toml",
                f"has no prior [{prior}]",
                "name one that it has, or add a row with its source",
            )
        return Gain(
            u_rel=row.u_rel, distribution=row.distribution, key=f"gain:{key}", source=row.source
        )


class Reading(NamedTuple):
    """One raw value of a sensor, on its way from the collector to the file.

    A collector returns readings if the collector or the sensor knows the time of a value better
    than the sampler, which gives a bare count the time of the poll.

    raw      counts of the channel's resolution; None if the read failed
    t_s      time of the value on the monotonic clock
    channel  number of the channel within the run, which the sampler states
    """

    raw: int | None
    t_s: float
    channel: int = 0


@runtime_checkable
class Collector(Protocol):
    """One sensor family.

    Read-only, needs no root to start, never sleeps, never guesses, and costs nothing if absent. A
    collector with the attribute `last_resort = True` is opened only if no sensor covers the CPU.
    """

    name: str

    def open(self, context: Context) -> Sequence[Channel]:
        """Find the sensors; the channels in the order that `read` answers.

        Raises Unavailable(reason, remedy).
        """

    def read(self) -> Sequence[int | Reading | None]:
        """One raw value a channel, in counts of its resolution; None where the read failed. Never
        raises for a failed sensor.
        """

    def close(self) -> None:
        """Give everything back. May be called twice, and without open."""


@runtime_checkable
class DescribesHost(Protocol):
    """A collector that also knows accelerators' provenance; optional."""

    def gpus(self) -> Sequence[Gpu]: ...

    def doubts(self) -> Sequence[Doubt]:
        """Doubts that arose when the sensors were opened."""


@runtime_checkable
class Watches(Protocol):
    """A collector that also knows the state of its devices; optional.

    Asked about once a second, from another thread than `read`.
    """

    def conditions(self) -> Sequence[Condition]:
        """The state of each device now; None for what is not known. Never raises for a failed
        sensor.
        """


@runtime_checkable
class ListsProcesses(Protocol):
    """A collector that also knows who computes on its devices; optional.

    Asked from another thread than `read`, like `Watches`.
    """

    def processes(self) -> Sequence[tuple[str, int]]:
        """(device, pid) of each process on each device that the work was given."""


RegionFactory = Callable[[str], contextlib.AbstractContextManager[Any]]


@runtime_checkable
class Workload(Protocol):
    """A piece of real work that knows its problem, its cost and its check.

    The worker calls setup once, run many times, verify after each repeat, in a process of its own.
    `run` is the only measured region: it moves its inputs to the device (in `region("transfer")`),
    computes, and has finished (synchronised) on return.
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
    """A workload that also knows which questions it is run for: grids of cells, each with several
    variants of the same work; optional.
    """

    studies: Mapping[str, str]  # name → what it asks, in one line

    def plan(self, study: str, device: str, settings: Mapping[str, str]) -> StudyPlan:
        """The study on this device.

        `settings` narrow or widen its grid (lists: "8,16"). Called in the worker: it may look at
        the device. Raises BadInput.
        """


@runtime_checkable
class CountsMemory(Protocol):
    """A workload that also knows what memory a step takes; optional."""

    def memory(self) -> Memory:
        """Of one step, outside every repeat. Called after setup."""


@runtime_checkable
class KeepsRecord(Protocol):
    """A workload that also has something to say of its run: words, a statement, figures, curves,
    pictures; optional.
    """

    def record(self) -> WorkRecord:
        """Of the last run.

        Called after `verify`, outside every repeat; that of the last repeat stands in the
        measurement.
        """


@runtime_checkable
class KeepsCheckpoint(Protocol):
    """A workload that can go on, run after run, from a file that outlives them; optional.

    A repeat of it is then one run, and trains on.
    """

    def checkpoint(self) -> str | None:
        """That file, as it is set up; None: every run begins anew. Called after setup, before the
        two below.
        """

    def rehearse(self, region: RegionFactory) -> Work:
        """As `run`, but the next run begins where this one did and the file stays as it is: for the
        warm-up.
        """

    def finished(self) -> bool:
        """Whether the file holds all that was asked for: then there is no next run."""


@runtime_checkable
class Closes(Protocol):
    """A workload that has something to end, such as processes on other nodes; optional."""

    def close(self) -> None:
        """Called once it is no longer needed, or before the worker ends; 5 s later that is killed,
        with all that it started here.
        """


@runtime_checkable
class Report(Protocol):
    """One format. `render` is pure: the same document gives the same bytes."""

    name: str
    suffix: str

    def render(self, document: Document) -> bytes: ...


_WANTS: Mapping[Door, tuple[str, ...]] = {  # what a plugin of each door must have
    "collectors": ("name", "open", "read", "close"),
    "workloads": ("name", "sizes", "setup", "settings", "run", "verify"),
    "reports": ("name", "suffix", "render"),
}


def registered(door: Door) -> dict[str, EntryPoint]:
    """The entry points of one door by name, not loaded yet.

    The first distribution that claims a name has it.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"energybench.{door}"):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


def load(door: Door, name: str) -> Any:
    """A fresh instance of one plugin.

    Raises BadInput if there is none of that name or it does not load.
    """
    points = registered(door)
    singular = door.removesuffix("s")
    if name not in points:
        raise BadInput(
            f"{singular} {name!r}", "no such " + singular, f"have: {', '.join(points) or 'none'}"
        )
    point = points[name]
    try:
        made = point.load()()
    except Exception as error:  # a plugin may fail in any way; it costs one line, not the session
        origin = point.dist.name if point.dist else "unknown distribution"
        raise BadInput(
            f"{singular} {name!r} ({point.value} of {origin})",
            f"does not load: {type(error).__name__}: {error}",
            "mend or uninstall it",
        ) from error
    missing = [part for part in _WANTS[door] if not hasattr(made, part)]
    if missing:
        raise BadInput(
            f"{singular} {name!r} ({point.value})",
            f"lacks {', '.join(missing)}",
            f"see energybench.plugins.{singular.capitalize()}",
        )
    return made
