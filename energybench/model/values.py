"""Work, values with their intervals, and the boundary of an energy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from energybench.model.base import (
    BoundaryName,
    NonNegative,
    Noun,
    PartState,
    Positive,
    PrecisionPolicy,
    Quality,
)
from energybench.model.effects import Effect

# Suffix of a component's name: devices of the node outside the work ("gpu.board.unused").
UNUSED = ".unused"
MEMORY = "cpu.dram"
# Component of a job's energy: the node-seconds that were not read. Nobody knows how the energy of
# nodes without readings is divided between processors, memory and accelerators.
NOT_READ = "nodes.not-read"
# Amounts of work between these keep squares of energies per unit of work within the range of
# floating point numbers. A judgement: no program does 1e50 of anything.
_LEAST_WORK, _MOST_WORK = 1e-50, 1e50


class Work(Noun, frozen=True, kw_only=True):
    """Solved work.

    amount       amount, flops and bytes lie between 1e-50 and 1e50; flops and bytes may be 0
    unit         unit of the amount: "solve to residual 1e-10", "token", "sample"
    fingerprint  names the problem: two runs with the same fingerprint did the same work
    flops        floating point operations of the algorithm; None if not counted
    bytes        bytes that the algorithm must move; None if not counted
    arithmetic   format of most operations ("fp64", "fp32", "bf16", …), for choosing the limiting
                 matrix rate; None if not stated
    """

    amount: Positive
    unit: str
    fingerprint: str
    precision: PrecisionPolicy
    flops: NonNegative | None = None
    bytes: NonNegative | None = None
    arithmetic: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, number in (("amount", self.amount), ("flops", self.flops), ("bytes", self.bytes)):
            if number and not _LEAST_WORK <= number <= _MOST_WORK:
                raise ValueError(f"{name} is {number:g}, not between 1e-50 and 1e50")


class Verification(Noun, frozen=True, kw_only=True):
    """A check of a result. `value` is None if the result was not a finite number."""

    quantity: str
    value: float | None
    tolerance: float
    passed: bool


class WorkloadRef(Noun, frozen=True, kw_only=True):
    """The workload of a run, with its size, device and settings."""

    name: str
    size: str
    device: str
    settings: dict[str, str | int | float | bool | None] = {}


class Estimate(Noun, frozen=True, kw_only=True):
    """A value, its interval, and the effects behind the interval."""

    value: float
    low: float
    high: float
    confidence: float = 0.95
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low <= self.value <= self.high:
            raise ValueError(
                f"value {self.value} lies outside its interval [{self.low}, {self.high}]"
            )

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        """'287.1 [258.3, 316]': value and interval, without the unit, which the name states."""
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __repr__(self) -> str:
        """The value and the number of effects, whose list takes thousands of characters."""
        return f"<Estimate {self} of {len(self.effects)} effects>"


class Part(Noun, frozen=True, kw_only=True):
    """A part of a boundary.

    low_w, high_w  range of power of a modelled or missing part, W; None for a measured part
    used           None if unknown, because no collector reads the accelerator
    count          number of equal parts, on all nodes of a job; their ranges are added up
    """

    component: str
    state: PartState
    low_w: NonNegative | None = None
    high_w: NonNegative | None = None
    device: str = ""
    used: bool | None = True
    count: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def reported_as(self) -> str:
        """The component of the part's energy in reports: unused devices have their own
        component.
        """
        if self.used is not False or self.component.endswith(UNUSED):
            return self.component
        return self.component + UNUSED


def quality_of(parts: Iterable[Part]) -> Quality | None:
    """Quality of the energy of some parts; None if no part is measured or modelled."""
    states = {part.state for part in parts if part.state != "missing"}
    if not states:
        return None
    if "measured" not in states:
        return "estimated"
    return "measured" if states == {"measured"} else "mixed"


def estimated_components(parts: Iterable[Part]) -> tuple[str, ...]:
    """Components with a power model in place of a sensor, in order. Memory does not count: on many
    nodes memory has no sensor, and its model has a doubt of its own (`memory-modelled`).
    """
    modelled = {part.reported_as for part in parts if part.state == "modelled"}
    return tuple(sorted(modelled - {MEMORY}))


class Boundary(Noun, frozen=True, kw_only=True):
    """The hardware whose energy is counted.

    compute = all packages + all memory + all present accelerators, used or idle.
    """

    name: BoundaryName
    parts: tuple[Part, ...]


class FileDigest(Noun, frozen=True, kw_only=True):
    """A file of a run directory, by its path inside the directory.

    sha256  of the content, in hexadecimal digits
    """

    path: str
    sha256: str
