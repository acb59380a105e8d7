"""milc: one even-odd preconditioned CG solve with a staggered, HISQ-like operator, to a stated true residual. A proxy for MILC, and called one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from energybench.model import Verification, Work
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    Scalar,
    Settings,
    check_size,
    checked,
    fingerprint,
    require_memory,
    require_torch,
    short,
    synchronise,
    torch_device,
    use_threads,
)
from energybench_workloads.milc import checks, cost, gauge
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import SIZES, Lattice
from energybench_workloads.milc.operator import NormalOperator
from energybench_workloads.milc.solver import Solution, conjugate_gradient
from energybench_workloads.milc.source import random_source

if TYPE_CHECKING:
    import torch

VERSION = 1  # of the problem: raise it when the same settings no longer give the same A and b
# bytes of a real number in (iterations, true residuals), and the true residual asked for unless told
PRECISIONS = {"fp64": (8, 8, 1e-10), "fp32": (4, 4, 1e-6), "mixed": (4, 8, 1e-10)}
SETTINGS = ("precision", "mass", "tolerance", "spread", "seed", "max_iterations", "threads")


class Problem(NamedTuple):
    """Made in set-up, on the host. links and b are complex128 and judge; operator is what run() uses, in the outer precision."""

    lattice: Lattice
    links: Links
    b: torch.Tensor
    operator: NormalOperator
    fingerprint: str


class Milc:
    """Lattice QCD: one staggered even-odd CG solve to a stated residual (docs/workloads/milc.md)."""

    name = "milc"
    sizes: Sequence[str] = tuple(SIZES)

    def __init__(self) -> None:
        self._read({})
        self._problem: Problem | None = None
        self._used: NormalOperator | None = None  # stays on its device between run and verify
        self._solution: Solution | None = None

    def _read(self, settings: Mapping[str, str]) -> None:
        s = Settings(settings, SETTINGS)
        self._precision = s.choice("precision", "fp64", tuple(PRECISIONS))
        self._low, self._high, tolerance = PRECISIONS[self._precision]
        self._mass = s.number("mass", 0.01, 1e-4, 10)
        self._tolerance = s.number("tolerance", tolerance, 1e-14, 0.1)
        self._spread = s.number("spread", 0.65, 0, 1)
        self._seed = s.whole("seed", 1, 0, 2**63 - 1)
        self._max_iterations = s.whole("max_iterations", 20_000, 1, 10**9)
        self._threads = s.whole("threads", 0, 1, 4096)

    def setup(self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]) -> None:
        check_size(self.name, size, self.sizes)
        self._read(settings)
        require_torch()
        import torch

        self._device = torch_device(device)
        lattice = SIZES[size]
        require_memory(self.name, size, self._device, *cost.memory(lattice, self._low, self._high))
        self._threads = use_threads(self._threads)
        digest = hashlib.sha256()
        thin = gauge.random_links(lattice, self._seed, self._spread, digest)
        links = gauge.smear(thin)
        del thin
        b = random_source(lattice, links, self._mass, self._seed, digest)
        operator = NormalOperator.on(lattice, links, self._mass, torch.complex128 if self._high == 8 else torch.complex64)
        self._used = self._solution = None
        self._problem = Problem(lattice, links, b, operator, self._fingerprint(lattice, digest.hexdigest()))

    def _fingerprint(self, lattice: Lattice, inputs: str) -> str:
        """Of A, b and the residual asked for; precision is left out, because any that reaches that residual did the same work."""
        problem = {"workload": self.name, "version": VERSION, "lattice": lattice, "mass": self._mass, "tolerance": self._tolerance}
        return fingerprint({**problem, "spread": self._spread, "seed": self._seed}, inputs)

    def settings(self) -> Mapping[str, Scalar]:
        return {key: getattr(self, f"_{key}") for key in SETTINGS}

    def run(self, region: RegionFactory) -> Work:
        problem, device = self._made(), self._device
        self._used = self._solution = None  # give the last run's memory back before asking for more
        b = problem.b.to(problem.operator.dtype) if self._high == 4 else problem.b
        if device.type == "cpu":
            high, low, solution = self._solve(problem.operator, b)
        else:
            with region("transfer"):
                operator, b = problem.operator.to(device, problem.operator.dtype), b.to(device)
                synchronise(device)
            high, low, solution = self._solve(operator, b)
            synchronise(device)
            with region("transfer"):
                solution = solution._replace(x=solution.x.cpu())
        del low
        self._used, self._solution = high, solution
        return Work(
            amount=1.0,
            unit=f"solve to residual {short(self._tolerance)}",
            fingerprint=problem.fingerprint,
            precision="equal-accuracy",
            flops=cost.flops(problem.lattice, solution.iterations, solution.updates),
            bytes=cost.moved_bytes(problem.lattice, solution.iterations, solution.updates, self._low, self._high),
        )

    def _solve(self, high: NormalOperator, b: torch.Tensor) -> tuple[NormalOperator, NormalOperator, Solution]:
        """The lower precision's copy of the operator is part of the solve: a code that keeps both has to make it too."""
        import torch

        low = high.to(high.device, torch.complex64) if self._low == 4 else high
        return high, low, conjugate_gradient(high, low, b, self._tolerance, self._max_iterations)

    def verify(self) -> Sequence[Verification]:
        problem = self._made()
        if self._solution is None or self._used is None:
            raise RuntimeError("milc: verify before run")
        residual = checks.true_residual(problem.lattice, problem.links, self._mass, problem.b, self._solution.x)
        return [
            checked("true residual", residual, self._tolerance),
            checked("hermiticity", checks.hermiticity(self._used, self._seed), checks.hermiticity_tolerance(self._used)),
            *checks.identities(self._mass, self._spread, self._seed),
        ]

    def _made(self) -> Problem:
        if self._problem is None:
            raise RuntimeError("milc: run before setup")
        return self._problem
