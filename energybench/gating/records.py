"""The energy of a test in a session, in less than a kilobyte: the complete input of a gate.

A record holds the energies of components with only measured contributions. A modelled component
stays out: the uncertainty of the model would hide every change, and a model cannot show the change
of a test. The names of sensors and boards are stored as digests: digests are short, and reveal
nothing about the machine to a stranger.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from energybench.gating import sensor_errors
from energybench.gating.sensor_errors import digest, rounded
from energybench.model import (
    BoundaryName,
    Estimate,
    Measurement,
    Noun,
    Part,
    PartState,
    Quality,
    Repeat,
    Work,
)

SCHEMA: Literal["energybench-ci/1"] = "energybench-ci/1"
_SEVERAL = re.compile(r"([0-9]{1,4}) x (.+)", re.DOTALL)  # accelerators of one model
_DIGITS_OF_WINDOW = 5  # significant digits: far below the scatter of any test


class HostIdentity(Noun, frozen=True, kw_only=True, omit_defaults=True):
    """The machine of a record.

    ids   identities of the host, the best first ("stated:…", "dmi:…", "machine:…", "boot:…")
    gpus  digests of the UUIDs of the host's accelerators
    name  the host's name, for people only
    """

    ids: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    name: str = ""


class Record(Noun, frozen=True, kw_only=True, omit_defaults=True):
    """The energy of a test in a session of pytest, measured by one process.

    energy_j    energy of an iteration over the whole boundary: value, low, high; None: not measured
    windows_j   energy of an iteration in every window (round), by measured component; an equal
                number of windows for every component. Neighbouring windows may be joined
    iterations  iterations in every window
    windows     number of measured windows, if neighbouring windows were joined to fewer; 0: no
                windows were joined
    work        unit of work and digest of the problem, for a run with energies per unit of work; ""
                for a test (the name of the test stands for the work of an iteration), and for a run
                without stated work
    failed      whether the run failed a check: the energy is not the energy of the work
    cut         whether the run ended before the work was done: the energy of a part of the work is
                left out
    gate_failed whether the gate of the test failed in the session: the record cannot be a baseline,
                because a regression would hide itself
    new_level   whether the level of the energy was accepted: the history of the test begins with
                this record
    parts       states of the components of the boundary: "missing" if no part of the component
                gave energy, "modelled" if at least one part is modelled
    sensors     by measured component and digest of the sensor, the relative standard uncertainty of
                the component's energy from the sensor's gain. A new calibration makes a new sensor
    shared_u_rel
                by measured component and digest of the key, further errors that two records of
                equal sensors share (the lag, the load at the edges of the windows)
    own_u_rel   by measured component, the relative standard uncertainty of this single record that
                the scatter of the windows does not contain
    gpu_models  models of the accelerators, sorted: "8 x NAME" for eight alike
    driver      version of the accelerators' driver
    """

    schema: Literal["energybench-ci/1"]  # without a default: JSON leaves defaults out
    name: str
    energy_j: tuple[float, float, float] | None = None
    windows_j: dict[str, tuple[float, ...]] = {}
    iterations: tuple[float, ...] = ()
    windows: int = 0
    work: str = ""
    failed: bool = False
    cut: bool = False
    gate_failed: bool = False
    new_level: bool = False
    quality: Quality | None = None
    boundary: BoundaryName = "compute"
    parts: dict[str, PartState] = {}
    sensors: dict[str, dict[str, float]] = {}
    shared_u_rel: dict[str, dict[str, float]] = {}
    own_u_rel: dict[str, float] = {}
    host: HostIdentity = HostIdentity()
    gpu_models: tuple[str, ...] = ()
    driver: str | None = None
    session: str = ""
    time_utc: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.energy_j is not None:
            value, low, high = self.energy_j
            if not low <= value <= high:
                raise ValueError("energy_j is not [value, low, high] with low <= value <= high")
        for component, cells in self.windows_j.items():
            if len(cells) != len(self.iterations) or not cells:
                raise ValueError(f"windows_j.{component} has another length than iterations")
        if any(number <= 0 for number in self.iterations):
            raise ValueError("iterations are not above 0")
        if self.windows and self.windows < len(self.iterations):
            raise ValueError("windows is a smaller number than that of iterations")

    @property
    def rounds(self) -> int:
        """Number of measured windows."""
        return self.windows or len(self.iterations)

    @property
    def windows_in_one(self) -> float:
        """Mean number of measured windows in a window of the record: 1 if none were joined."""
        return self.rounds / len(self.iterations)

    def mean_j(self, component: str) -> float:
        """Energy of an iteration of a measured component, over all iterations, J."""
        cells = zip(self.windows_j[component], self.iterations, strict=True)
        return math.fsum(map(math.prod, cells)) / math.fsum(self.iterations)


class Session(Noun, frozen=True, kw_only=True):
    """The records of a session of tests: the content of a file."""

    schema: Literal["energybench-ci/1"] = "energybench-ci/1"
    session: str = ""
    time_utc: str = ""
    tests: tuple[Record, ...]

    def of(self, name: str) -> Record | None:
        """The last record of a test; None if the session has no record of the test."""
        return next((record for record in reversed(self.tests) if record.name == name), None)


def record(
    measurement: Measurement, name: str | None = None, *, session: str = "", time_utc: str = ""
) -> Record:
    """The record of a measurement. The repeats of the measurement are the windows, and the amounts
    of work are the iterations in the windows (1 if the work is not stated).

    name      name of the test; default: the label of the measurement
    session   name of the session of tests; default: the session or the id of the measurement
    time_utc  default: the start of the measurement
    """
    windows = [repeat for repeat in measurement.repeats if repeat.energy_j is not None]
    if measurement.partial or measurement.energy_j is None:
        windows = []
    parts = _states(measurement.boundary.parts)
    measured = [
        component
        for component, state in sorted(parts.items())
        if state == "measured"
        and windows
        and all(component in repeat.components_j for repeat in windows)
        and measurement.components_j[component].value > 0
    ]
    amounts = [_iterations(repeat) for repeat in windows]
    host = measurement.host
    return Record(
        schema=SCHEMA,
        name=name or measurement.label,
        energy_j=_per_iteration(measurement.energy_j, amounts) if windows else None,
        windows_j={
            component: tuple(
                rounded(repeat.components_j[component] / amount, _DIGITS_OF_WINDOW)
                for repeat, amount in zip(windows, amounts, strict=True)
            )
            for component in measured
        },
        iterations=tuple(amounts),
        work="" if name else _work(measurement.work),
        failed=bool(measurement.failed_checks),
        cut=measurement.partial,
        quality=measurement.quality if windows else None,
        boundary=measurement.boundary.name,
        parts=parts,
        sensors={
            component: sensor_errors.of_sensors(measurement, component) for component in measured
        },
        shared_u_rel={
            component: shared
            for component in measured
            if (shared := sensor_errors.shared(measurement.components_j[component], host))
        },
        own_u_rel={
            component: own
            for component in measured
            if (own := sensor_errors.own_rel(measurement.components_j[component]))
        },
        host=HostIdentity(
            ids=host.ids or (f"name:{host.name}",),
            gpus=tuple(digest(gpu.uuid) for gpu in host.gpus if gpu.is_unique),
            name=host.name,
        ),
        gpu_models=_counted_models([gpu.name for gpu in host.gpus_of_work]),
        driver=next((gpu.driver for gpu in host.gpus if gpu.driver), None),
        session=session or measurement.session or measurement.id,
        time_utc=time_utc or host.started_utc or "",
    )


def each_round(some: Record) -> list[Record]:
    """One record per round: the rounds of an interleaved run are separate processes. A record
    without energy stays unchanged.
    """
    if not some.windows_j:
        return [some]
    return [
        msgspec.structs.replace(
            some,
            windows_j={name: (cells[i],) for name, cells in some.windows_j.items()},
            iterations=(iterations,),
        )
        for i, iterations in enumerate(some.iterations)
    ]


def totals_j(some: Record, measured: Sequence[str]) -> list[float]:
    """Energy of an iteration over the named components, in every window."""
    rows = [some.windows_j[name] for name in measured]
    return [math.fsum(cells) for cells in zip(*rows, strict=True)]


def _work(work: Work | None) -> str:
    """Unit and digest of the problem."""
    if work is None:
        return ""
    return f"{work.unit} {digest(work.fingerprint)}" if work.fingerprint else work.unit


# ---------------------------------------------------------------- parts and energies


def _states(parts: Iterable[Part]) -> dict[str, PartState]:
    """The states of the components. A component with a modelled part is modelled, because the
    energy of the component cannot be split. A missing part gives no energy: the rest of the
    component is measured.
    """
    states: dict[str, set[PartState]] = {}
    for part in parts:
        states.setdefault(part.reported_as, set()).add(part.state)
    order: tuple[PartState, ...] = ("modelled", "measured", "missing")
    return {
        component: next(state for state in order if state in present)
        for component, present in sorted(states.items())
    }


def _counted_models(names: Sequence[str]) -> tuple[str, ...]:
    """The models, each once, with the number of accelerators if there are several."""
    counts = Counter(names)
    return tuple(
        f"{count} x {name}" if count > 1 else name for name, count in sorted(counts.items())
    )


def models(some: Record) -> list[str]:
    """The model of every accelerator. Earlier records state each accelerator by itself."""
    names: list[str] = []
    for stated in some.gpu_models:
        match = _SEVERAL.fullmatch(stated)
        names += [match[2]] * int(match[1]) if match else [stated]
    return sorted(names)


def _iterations(repeat: Repeat) -> float:
    return repeat.work.amount if repeat.work is not None else 1.0


def _per_iteration(
    energy_j: Estimate | None, amounts: list[float]
) -> tuple[float, float, float] | None:
    if energy_j is None:
        return None
    mean = math.fsum(amounts) / len(amounts)
    value, low, high = (
        rounded(edge / mean) for edge in (energy_j.value, energy_j.low, energy_j.high)
    )
    return value, low, high
