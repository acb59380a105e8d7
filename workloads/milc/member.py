"""The part of a process in a solve: a slab of the lattice with the operators, on a device."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from energybench.plugins import RegionFactory
from energybench_workloads.common import synchronise, use_threads
from energybench_workloads.milc import checks
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.halo import ALONE, Halo, Ring
from energybench_workloads.milc.kernels import kernels
from energybench_workloads.milc.lattice import Lattice
from energybench_workloads.milc.layout import choose
from energybench_workloads.milc.operator import Format, NormalOperator, Slab
from energybench_workloads.milc.solver import Problem, conjugate_gradient, multi_shift
from energybench_workloads.milc.window import Slices
from energybench_workloads.team import Nodes, quiet

if TYPE_CHECKING:
    import torch

CPU_LANES, GPU_LANES = 16, 32  # fp32 numbers of an AVX-512 register; threads of a warp
# Residual of a multi-shift solve in a low precision, before every shifted system is refined alone
ROUGH = 1e-5


class Spec(NamedTuple):
    """The settings of a solve, equal in all processes of a node.

    lattice, nodes: the lattice that this node holds in memory, and its part of the problem's
    lattice; high, low: number formats of the true residual and of the iterations; devices, cpus: of
    every process; threads: CPU threads of a process, 0 for as many as the process has CPUs.
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
    cpus: tuple[tuple[int, ...], ...] = ()  # empty: processes are not bound to CPUs
    nodes: Nodes = Nodes()
    own: Slices | None = None  # time slices of `lattice` that are solved here; None: all

    @property
    def ranks(self) -> int:
        """Processes of this node."""
        return len(self.devices)

    @property
    def world(self) -> int:
        """Processes of all nodes."""
        return self.nodes.total * self.ranks

    def rank(self, local: int) -> int:
        """Number, among the processes of all nodes, of process number `local` of this node."""
        return self.nodes.node * self.ranks + local


class Counts(NamedTuple):
    """The effort of a solve: iterations of conjugate gradient on single systems, true residuals
    computed, and iterations of the multi-shift solver, whose cost differs.
    """

    iterations: int
    updates: int
    shifted: int


class Member:
    """rank: of the processes of this node.

    links, b: the problem on all sites, on the host, complex128; x: the place of the solutions,
    [shifts or 1, half, 3].
    """

    def __init__(
        self, spec: Spec, rank: int, links: Links, b: torch.Tensor, x: torch.Tensor
    ) -> None:
        import torch

        self.spec, self.b, self.x = spec, b, x
        self.device = torch.device(spec.devices[rank])
        cpu_count = len(spec.cpus[rank]) if spec.cpus else 0
        self.threads = use_threads(spec.threads or cpu_count)
        self.kernels = kernels(self.device.type, spec.kernels)

        # the slab of this process
        own = spec.own or Slices(0, spec.lattice.t)
        depth = own.depth // spec.ranks
        width = CPU_LANES if self.device.type == "cpu" else GPU_LANES
        lanes = choose(spec.lattice._replace(t=depth), width, spec.world)
        slab = Slab(spec.lattice, lanes, own.first + rank * depth)
        halo: Halo = ALONE if spec.world == 1 else Ring(spec.rank(rank), spec.world)

        # the operator stays on the host: a run moves it to the device
        host_kernels = self.kernels if self.device.type == "cpu" else kernels("cpu", "eager")
        operator = NormalOperator.on(slab, links, spec.mass, host_kernels, halo)
        if spec.high != "fp64":
            operator = operator.to(operator.device, spec.high)
        if self.device.type == "cuda":
            operator = operator.pinned()
        self.operator = self.used = operator

    def describe(self) -> dict[str, str | int]:
        return {
            "kernels": self.kernels.how,
            "layout": self.operator.slab.lanes.name,
            "threads": self.threads,
        }

    def solve(self, max_iterations: int | None = None, region: RegionFactory = quiet) -> Counts:
        """Solve the system, or the systems of all shifts; the solutions are then in `x`."""
        spec = self.spec
        with self._transfer(region):
            high = self.operator.to(self.device, spec.high, self.kernels)
            b = high.gather(self.b)
            synchronise(self.device)
        # The conversion counts as work: a code with both formats has to convert as well
        low = high.to(self.device, spec.low)
        counts, solutions = self._solutions(high, low, b, max_iterations or spec.max_iterations)
        synchronise(self.device)
        self.used = high
        with self._transfer(region):
            for i, x in enumerate(solutions):
                high.scatter(x, self.x[i])
        return counts

    def _solutions(
        self, high: NormalOperator, low: NormalOperator, b: torch.Tensor, most: int
    ) -> tuple[Counts, list[torch.Tensor]]:
        """x of every shift in the high precision, and the iterations; a single solve takes `most`
        iterations at the most.
        """
        tolerance, shifted_iterations = self.spec.tolerance, 0
        starts: list[tuple[float, torch.Tensor | None]] = [(0.0, None)]
        if self.spec.shifts:
            rough = multi_shift(
                low, b.to(low.dtype), self.spec.shifts, tolerance if low is high else ROUGH, most
            )
            shifted_iterations = rough.iterations
            starts = [
                (shift, x.to(high.dtype))
                for shift, x in zip(self.spec.shifts, rough.x, strict=True)
            ]
        iterations = updates = 0
        solutions = []
        for shift, start in starts:
            judge = high.shifted(shift)
            problem = Problem(judge, judge if low is high else low.shifted(shift), b)
            solution = conjugate_gradient(problem, tolerance, most, start)
            iterations += solution.iterations
            updates += solution.updates
            solutions.append(solution.x)
        return Counts(iterations, updates, shifted_iterations), solutions

    def _transfer(self, region: RegionFactory) -> contextlib.AbstractContextManager[object]:
        """The region "transfer" around copies to and from a GPU; no region on a CPU."""
        if self.device.type == "cpu":
            return contextlib.nullcontext()
        return region("transfer")

    def hermiticity(self, seed: int) -> float:
        return checks.hermiticity(self.used, seed)
