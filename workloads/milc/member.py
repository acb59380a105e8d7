"""One process's part of a solve: its slab of the lattice, its operators, its device."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from energybench.plugins import RegionFactory
from energybench_workloads.common import synchronise, use_threads
from energybench_workloads.milc import checks
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.halo import ALONE, Ring
from energybench_workloads.milc.kernels import kernels
from energybench_workloads.milc.lattice import Lattice
from energybench_workloads.milc.layout import choose
from energybench_workloads.milc.operator import Format, NormalOperator, Slab
from energybench_workloads.milc.solver import Problem, conjugate_gradient, multi_shift

if TYPE_CHECKING:
    import torch

CPU_LANES, GPU_LANES = 16, 32  # fp32 numbers of an AVX-512 register; threads of a warp
# how far a multi-shift solve in a low precision goes before each system is refined by itself
ROUGH = 1e-5


class Spec(NamedTuple):
    """What all processes of a solve are told. high, low: formats of the true residual and of the
    iterations; threads: of each process, 0 for all.
    """

    lattice: Lattice
    mass: float
    high: Format
    low: Format
    shifts: tuple[float, ...]
    tolerance: float
    max_iterations: int
    kernels: str
    devices: tuple[str, ...]
    threads: int
    cpus: tuple[tuple[int, ...], ...] = ()  # of each process; empty: as they are

    @property
    def ranks(self) -> int:
        return len(self.devices)


class Counts(NamedTuple):
    """What a solve took: iterations by the base system and in refining, and true residuals
    computed.
    """

    iterations: int
    updates: int
    shifted: int  # iterations of a multi-shift solve, which are others


class Member:
    """links, b: the whole problem on the host, complex128; x: where solutions go, [shifts or 1,
    half, 3].
    """

    def __init__(
        self, spec: Spec, rank: int, links: Links, b: torch.Tensor, x: torch.Tensor
    ) -> None:
        import torch

        self.spec, self.b, self.x = spec, b, x
        self.device = torch.device(spec.devices[rank])
        own = len(spec.cpus[rank]) if spec.cpus else 0
        self.threads = use_threads(spec.threads or own)
        self.kernels = kernels(self.device.type, spec.kernels)
        depth = spec.lattice.t // spec.ranks
        lanes = choose(
            spec.lattice._replace(t=depth),
            CPU_LANES if self.device.type == "cpu" else GPU_LANES,
            spec.ranks,
        )
        slab, halo = (
            Slab(spec.lattice, lanes, rank * depth),
            ALONE if spec.ranks == 1 else Ring(rank, spec.ranks),
        )
        host = NormalOperator.on(
            slab,
            links,
            spec.mass,
            kernels("cpu", "eager") if self.device.type != "cpu" else self.kernels,
            halo,
        )
        made = host if spec.high == "fp64" else host.to(host.device, spec.high)
        self.operator = (
            made.pinned() if self.device.type == "cuda" else made
        )  # on the host: a run moves it to its device
        self.used = self.operator

    def describe(self) -> dict[str, str | int]:
        return {
            "kernels": self.kernels.how,
            "layout": self.operator.slab.lanes.name,
            "threads": self.threads,
        }

    def solve(self, region: RegionFactory, max_iterations: int | None = None) -> Counts:
        """One solve, or one of all shifts; the results are in x."""
        spec, most = self.spec, max_iterations or self.spec.max_iterations
        with self._transfer(region):
            high = self.operator.to(self.device, spec.high, self.kernels)
            b = high.gather(self.b)
            synchronise(self.device)
        low = high.to(
            self.device, spec.low
        )  # part of the solve: a code that keeps both has to make it too
        found = []
        counts = Counts(0, 0, 0)
        starts: list[tuple[float, torch.Tensor | None]] = [(0.0, None)]
        if spec.shifts:
            rough = multi_shift(
                low, b.to(low.dtype), spec.shifts, spec.tolerance if low is high else ROUGH, most
            )
            counts = counts._replace(shifted=rough.iterations)
            starts = [
                (shift, x.to(high.dtype)) for shift, x in zip(spec.shifts, rough.x, strict=True)
            ]
        for shift, start in starts:
            judge = high.shifted(shift)
            solution = conjugate_gradient(
                Problem(judge, judge if low is high else low.shifted(shift), b),
                spec.tolerance,
                most,
                start,
            )
            counts = Counts(
                counts.iterations + solution.iterations,
                counts.updates + solution.updates,
                counts.shifted,
            )
            found.append(solution.x)
        synchronise(self.device)
        self.used = high
        with self._transfer(region):
            for i, x in enumerate(found):
                high.scatter(x, self.x[i])
        return counts

    def _transfer(self, region: RegionFactory) -> contextlib.AbstractContextManager[object]:
        return region("transfer") if self.device.type != "cpu" else contextlib.nullcontext()

    def hermiticity(self, seed: int) -> float:
        return checks.hermiticity(self.used, seed)
