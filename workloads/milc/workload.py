"""milc: an even-odd preconditioned CG solve with a staggered, HISQ-like operator, to a stated true
residual. The workload is a proxy for the MILC code.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from energybench.errors import BadInput
from energybench.model import Verification, Work, WorkRecord
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    affinity,
    checked,
    has_huge_pages,
    hash_uniforms,
    require_memory,
    require_torch,
    short,
    torch_device,
)
from energybench_workloads.milc import checks, cost, gauge, heatbath
from energybench_workloads.milc.choices import NAME, SETTINGS, fastest_inner, read_choices
from energybench_workloads.milc.devices import devices
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import SIZES, Lattice
from energybench_workloads.milc.member import Counts, Spec
from energybench_workloads.milc.source import SOURCE_STREAM, random_source
from energybench_workloads.milc.team import SolverTeam
from energybench_workloads.milc.window import Window
from energybench_workloads.settings import Scalar, check_size
from energybench_workloads.team import Nodes, find_nodes

if TYPE_CHECKING:
    import torch

WARM_ITERATIONS = 2  # of the solve that compiles the kernels in set-up


class Problem(NamedTuple):
    """The problem of a run, on the host. links, b: complex128, also used to judge the solution; x:
    the place of the solutions, [shifts or 1, half, 3].
    """

    lattice: Lattice
    links: Links
    b: torch.Tensor
    x: torch.Tensor
    plaquette: float
    fingerprint: str


class Milc:
    """Lattice QCD: a staggered even-odd CG solve to a stated residual (docs/workloads/milc.md)."""

    name = NAME
    sizes: Sequence[str] = tuple(SIZES)

    def __init__(self) -> None:
        self._chosen = read_choices("smoke", {})
        self._problem: Problem | None = None
        self._team: SolverTeam | None = None
        self._window: Window | None = None  # of this node in the lattice; None: a single node
        self._counts: Counts | None = None  # of the last solve

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        chosen = read_choices(size, settings)
        require_torch(huge_pages=True)
        import torch

        self.close()
        lattice = chosen.lattice

        # the processes, and whether their memory suffices
        first = torch_device(device, several=True)
        if chosen.inner == "auto":
            chosen = chosen._replace(inner=fastest_inner(first))
        self._chosen = chosen
        nodes = find_nodes(os.environ)
        self._window = window = self._window_of(nodes)
        if window is not None:
            lattice = window.lattice
        names, cpus = devices(
            first, chosen.ranks, lattice._replace(t=window.own.depth) if window else lattice
        )
        self._chosen = chosen = chosen._replace(ranks=len(names))
        memory = cost.memory(
            lattice, cost.WIDTHS[chosen.low], cost.WIDTHS[chosen.high], chosen.shifts
        )
        require_memory(
            self.name, lattice.name, torch.device(names[0]), memory[0], memory[1] / len(names)
        )

        # the system, and the members that solve it
        self._problem = problem = self._make_problem(window)
        spec = Spec(
            lattice,
            chosen.mass,
            chosen.high,
            chosen.low,
            chosen.systems(),
            chosen.tolerance,
            chosen.max_iterations,
            chosen.kernels,
            names,
            chosen.threads,
            cpus,
            nodes,
            window.own if window is not None else None,
        )
        self._team = SolverTeam(spec, problem.links, problem.b, problem.x)
        if window is not None:
            self._problem = self._shared(problem, window, self._team)
        with region("compile"):
            self._team.solve(region, WARM_ITERATIONS)
        self._counts = None

    def _window_of(self, nodes: Nodes) -> Window | None:
        """This node's window of the lattice; None: a single node. Raises BadInput."""
        if nodes.total == 1:
            return None
        if self._chosen.gauge == "heatbath":
            raise BadInput(
                "--set gauge=heatbath",
                "sweeps over all of the lattice on one node",
                "--set gauge=random, or one node",
            )
        lattice = self._chosen.lattice
        if lattice.t % (2 * nodes.total):
            raise BadInput(
                f"--set lattice={lattice.name}",
                f"its {lattice.t} time slices cannot be shared evenly by {nodes.total} nodes",
                f"a multiple of {2 * nodes.total} time slices",
            )
        return Window(lattice, nodes.total, nodes.node)

    def _make_problem(self, window: Window | None) -> Problem:
        import torch

        if window is not None:
            return self._own_problem(window)
        lattice, digest = self._chosen.lattice, hashlib.sha256()
        thin = self._thin(digest)
        plaquette = gauge.plaquette(thin)
        links = gauge.smear(thin)
        del thin
        b = random_source(lattice, links, self._chosen.mass, self._chosen.seed, digest)
        x = torch.zeros((self._chosen.shifts or 1, lattice.half, 3), dtype=torch.complex128)
        mark = self._chosen.fingerprint(digest.hexdigest(), plaquette)
        return Problem(lattice, links, b, x, plaquette, mark)

    def _own_problem(self, window: Window) -> Problem:
        """The problem in the window of this node; plaquette: of the node's own slices."""
        import torch

        lattice = window.lattice
        thin = gauge.random_links(
            self._chosen.lattice, self._chosen.seed, self._chosen.spread, slices=window.slices
        )
        plaquette = gauge.plaquette(thin, *window.own)
        links = window.with_boundary(gauge.smear(thin))
        del thin
        b = random_source(
            lattice, links, self._chosen.mass, self._chosen.seed, slices=window.slices
        )
        x = torch.zeros((self._chosen.shifts or 1, lattice.half, 3), dtype=torch.complex128)
        return Problem(lattice, links, b, x, plaquette, "")

    def _shared(self, problem: Problem, window: Window, team: SolverTeam) -> Problem:
        """The problem with the plaquette and the fingerprint of all nodes together. Only the first
        node hashes the inputs, in the order in which a single node makes them.
        """
        import torch

        mean = team.summed(torch.tensor([problem.plaquette / window.nodes], dtype=torch.float64))
        digest = hashlib.sha256()
        if window.node == 0:
            for mu in range(4):
                hash_uniforms(self._chosen.seed, 1 + mu, 8 * self._chosen.lattice.volume, digest)
            hash_uniforms(self._chosen.seed, SOURCE_STREAM, 6 * self._chosen.lattice.volume, digest)
        plaquette = float(mean[0])
        mark = team.said(self._chosen.fingerprint(digest.hexdigest(), plaquette))
        return problem._replace(plaquette=plaquette, fingerprint=mark)

    def _thin(self, digest: hashlib._Hash) -> torch.Tensor:
        if self._chosen.gauge != "heatbath":
            return gauge.random_links(
                self._chosen.lattice, self._chosen.seed, self._chosen.spread, digest
            )
        cold = gauge.random_links(self._chosen.lattice, self._chosen.seed, 0.0)
        return heatbath.thermalise(
            cold,
            self._chosen.lattice,
            self._chosen.beta,
            self._chosen.sweeps,
            self._chosen.seed,
            digest,
        )

    def settings(self) -> Mapping[str, Scalar]:
        settings: dict[str, Scalar] = {key: getattr(self._chosen, key) for key in SETTINGS}
        settings["lattice"] = self._chosen.lattice.name
        if self._problem is None or self._team is None:
            return settings
        described: dict[str, Scalar] = {
            "plaquette": round(self._problem.plaquette, 8),
            "affinity": affinity(),
            "huge_pages": has_huge_pages(),
            "nodes": self._team.spec.nodes.total,
        }
        return {**settings, **described, **self._team.first.describe()}

    def run(self, region: RegionFactory) -> Work:
        problem, team = self._ready()
        self._counts = counts = team.solve(region)
        low, high = cost.WIDTHS[self._chosen.low], cost.WIDTHS[self._chosen.high]
        solve = f"solve of {self._chosen.shifts} shifts" if self._chosen.shifts else "solve"
        return Work(
            amount=1.0,
            unit=f"{solve} to residual {short(self._chosen.tolerance)}",
            fingerprint=problem.fingerprint,
            precision="equal-accuracy",
            # links in 16 bits are widened to fp32 before they are multiplied
            arithmetic="fp64" if self._chosen.low == "fp64" else "fp32",
            flops=cost.flops(
                self._chosen.lattice,
                counts.iterations,
                counts.updates,
                counts.shifted,
                self._chosen.shifts,
            ),
            bytes=cost.moved_bytes(
                self._chosen.lattice,
                counts.iterations,
                counts.updates,
                low,
                high,
                counts.shifted,
                self._chosen.shifts,
            ),
        )

    def verify(self) -> Sequence[Verification]:
        problem, team = self._ready()
        if self._counts is None:
            raise RuntimeError("milc: verify before run")
        residuals = self._residuals(problem, team)
        worst = max(residuals, key=lambda value: float("inf") if value != value else value)
        return [
            checked(
                "true residual" + (", the worst of all shifts" if self._chosen.shifts else ""),
                worst,
                self._chosen.tolerance,
            ),
            checked(
                "hermiticity",
                team.hermiticity(self._chosen.seed),
                checks.hermiticity_tolerance(team.first.used),
            ),
            *checks.identities(self._chosen.mass, self._chosen.spread, self._chosen.seed),
        ]

    def _residuals(self, problem: Problem, team: SolverTeam) -> list[float]:
        """The true residual of each system. On several nodes every node has the whole solution for
        the residual, and judges its own sites.
        """
        window, solutions = self._window, problem.x
        if window is not None:
            solutions = window.cut(team.gathered(window.inside(problem.x)))
        residuals = []
        for shift, x in zip(self._chosen.systems() or (0.0,), solutions, strict=True):
            mass = (self._chosen.mass**2 + shift / 4) ** 0.5
            squares = checks.squares(
                problem.lattice,
                problem.links,
                mass,
                problem.b,
                x,
                window.inside if window is not None else lambda v: v,
            )
            missed, size = team.summed(squares).tolist()
            residuals.append(math.sqrt(missed / size))
        return residuals

    def meet(self) -> None:
        """Wait for the other nodes, if any."""
        import torch

        self._ready()[1].summed(torch.zeros(1))

    def record(self) -> WorkRecord:
        """The system that was solved, and the number of iterations."""
        _, team = self._ready()
        if self._counts is None:
            raise RuntimeError("milc: record before run")
        counts, chosen = self._counts, self._chosen
        figures = {
            "iterations": float(counts.iterations + counts.shifted),
            "true residuals": float(counts.updates),
            "sites": float(chosen.lattice.volume),
        }
        formats = (
            chosen.low
            if chosen.low == chosen.high
            else f"{chosen.high} outside, {chosen.low} inside"
        )
        solver = (
            f"CG on the even sites of {chosen.lattice.name} at mass {short(chosen.mass)}, "
            f"{formats}, {team.spec.world} process(es)"
        )
        return WorkRecord(title="Solve", statement={"solver": solver}, figures=figures)

    def _ready(self) -> tuple[Problem, SolverTeam]:
        if self._problem is None or self._team is None:
            raise RuntimeError("milc: run before setup")
        return self._problem, self._team

    def close(self) -> None:
        """End the processes that set-up started."""
        if self._team is not None:
            self._team.close()
            self._team = None
