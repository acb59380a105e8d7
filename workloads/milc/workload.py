"""milc: an even-odd preconditioned CG solve with a staggered, HISQ-like operator, to a stated true
residual. The workload is a proxy for the MILC code.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from energybench.errors import BadInput
from energybench.model import Verification, Work, WorkRecord
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    affinity,
    checked,
    fingerprint,
    has_huge_pages,
    hash_uniforms,
    require_memory,
    require_torch,
    short,
    torch_device,
)
from energybench_workloads.milc import checks, cost, gauge, heatbath
from energybench_workloads.milc.devices import devices
from energybench_workloads.milc.gauge import Links
from energybench_workloads.milc.lattice import SIZES, Lattice
from energybench_workloads.milc.member import Counts, Spec
from energybench_workloads.milc.operator import Format
from energybench_workloads.milc.source import SOURCE_STREAM, random_source
from energybench_workloads.milc.team import SolverTeam
from energybench_workloads.milc.window import Window
from energybench_workloads.settings import Scalar, Settings, check_size
from energybench_workloads.team import Nodes, find_nodes

if TYPE_CHECKING:
    import torch

# Version of the problem: raise the number if given settings no longer give the same A and b
VERSION = 2
# Format of the true residual, and the tolerance by default
PRECISIONS: Mapping[str, tuple[Format, float]] = {
    "fp64": ("fp64", 1e-10),
    "fp32": ("fp32", 1e-6),
    "mixed": ("fp64", 1e-10),
}
INNER: Mapping[str, Format] = {"fp32": "fp32", "bf16": "bf16", "int16": "int16"}
GAUGES = ("random", "heatbath", "unit")
SETTINGS = (
    "precision",
    "inner",
    "mass",
    "tolerance",
    "shifts",
    "gauge",
    "spread",
    "beta",
    "sweeps",
    "seed",
    "max_iterations",
    "lattice",
    "ranks",
    "threads",
    "kernels",
)
WARM_ITERATIONS = 2  # of the solve that compiles the kernels in set-up
# Shifts rise by this factor from 4 m²: rational approximations of a determinant's root need about
# such shifts (Clark, hep-lat/0610048)
SHIFT_STEP = 4.0


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

    name = "milc"
    sizes: Sequence[str] = tuple(SIZES)

    def __init__(self) -> None:
        self._read("smoke", {})
        self._problem: Problem | None = None
        self._team: SolverTeam | None = None
        self._window: Window | None = None  # of this node in the lattice; None: one node
        self._counts: Counts | None = None  # of the last solve

    def _read(self, size: str, settings: Mapping[str, str]) -> None:
        s = Settings(settings, SETTINGS)
        self._precision = s.choice("precision", "fp64", tuple(PRECISIONS))
        self._high, tolerance = PRECISIONS[self._precision]
        inner = ("auto", *INNER) if self._precision == "mixed" else (self._precision,)
        choice = settings.get("inner", inner[0])
        if choice in INNER and choice not in inner:
            raise BadInput(
                f"--set inner={choice}",
                "is a setting of precision=mixed",
                "--set precision=mixed with it, or leave it out",
            )
        self._inner = s.choice("inner", inner[0], inner)
        self._mass = s.number("mass", 0.01, 1e-4, 10)
        self._tolerance = s.number("tolerance", tolerance, 1e-14, 0.1)
        self._shifts = s.whole("shifts", 0, 0, 32)
        self._gauge = s.choice("gauge", "random", GAUGES)
        self._spread = 0.0 if self._gauge == "unit" else s.number("spread", 0.65, 0, 1)
        self._beta = s.number("beta", 6.0, 0.1, 100)
        self._sweeps = s.whole("sweeps", 10, 1, 10_000)
        self._seed = s.whole("seed", 1, 0, 2**63 - 1)
        self._max_iterations = s.whole("max_iterations", 20_000, 1, 10**9)
        self._lattice = read_lattice(settings.get("lattice"), SIZES[size])
        self._ranks = s.whole("ranks", 0, 1, 1024)
        self._threads = s.threads()
        self._kernels = s.choice("kernels", "auto", ("auto", "compiled", "eager"))

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        self._read(size, settings)
        require_torch(huge_pages=True)
        import torch

        self.close()
        lattice = self._lattice

        # the processes, and whether their memory suffices
        first = torch_device(device, several=True)
        if self._inner == "auto":
            self._inner = fastest_inner(first)
        self._low: Format = INNER[self._inner] if self._precision == "mixed" else self._high
        nodes = find_nodes(os.environ)
        self._window = window = self._window_of(nodes)
        if window is not None:
            lattice = window.lattice
        names, cpus = devices(
            first, self._ranks, lattice._replace(t=window.own.depth) if window else lattice
        )
        self._ranks = len(names)
        memory = cost.memory(lattice, cost.WIDTHS[self._low], cost.WIDTHS[self._high], self._shifts)
        require_memory(
            self.name, lattice.name, torch.device(names[0]), memory[0], memory[1] / len(names)
        )

        # the system, and the members that solve it
        self._problem = problem = self._make_problem(window)
        spec = Spec(
            lattice,
            self._mass,
            self._high,
            self._low,
            self.shifts(),
            self._tolerance,
            self._max_iterations,
            self._kernels,
            names,
            self._threads,
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
        """This node's window of the lattice; None: there is one node. Raises BadInput."""
        if nodes.total == 1:
            return None
        if self._gauge == "heatbath":
            raise BadInput(
                "--set gauge=heatbath",
                "sweeps over all of the lattice on one node",
                "--set gauge=random, or one node",
            )
        if self._lattice.t % (2 * nodes.total):
            raise BadInput(
                f"--set lattice={self._lattice.name}",
                f"its {self._lattice.t} time slices cannot be shared evenly by {nodes.total} nodes",
                f"a multiple of {2 * nodes.total} time slices",
            )
        return Window(self._lattice, nodes.total, nodes.node)

    def _make_problem(self, window: Window | None) -> Problem:
        import torch

        if window is not None:
            return self._own_problem(window)
        lattice, digest = self._lattice, hashlib.sha256()
        thin = self._thin(digest)
        plaquette = gauge.plaquette(thin)
        links = gauge.smear(thin)
        del thin
        b = random_source(lattice, links, self._mass, self._seed, digest)
        x = torch.zeros((self._shifts or 1, lattice.half, 3), dtype=torch.complex128)
        mark = self._fingerprint(digest.hexdigest(), plaquette)
        return Problem(lattice, links, b, x, plaquette, mark)

    def _own_problem(self, window: Window) -> Problem:
        """The problem in the window of this node; plaquette: of the node's own slices."""
        import torch

        lattice = window.lattice
        thin = gauge.random_links(self._lattice, self._seed, self._spread, slices=window.slices)
        plaquette = gauge.plaquette(thin, *window.own)
        links = window.with_boundary(gauge.smear(thin))
        del thin
        b = random_source(lattice, links, self._mass, self._seed, slices=window.slices)
        x = torch.zeros((self._shifts or 1, lattice.half, 3), dtype=torch.complex128)
        return Problem(lattice, links, b, x, plaquette, "")

    def _shared(self, problem: Problem, window: Window, team: SolverTeam) -> Problem:
        """The problem with the plaquette and the fingerprint of all nodes together. The inputs are
        hashed by the first node alone, in the order in which one node makes them.
        """
        import torch

        mean = team.summed(torch.tensor([problem.plaquette / window.nodes], dtype=torch.float64))
        digest = hashlib.sha256()
        if window.node == 0:
            for mu in range(4):
                hash_uniforms(self._seed, 1 + mu, 8 * self._lattice.volume, digest)
            hash_uniforms(self._seed, SOURCE_STREAM, 6 * self._lattice.volume, digest)
        plaquette = float(mean[0])
        mark = team.said(self._fingerprint(digest.hexdigest(), plaquette))
        return problem._replace(plaquette=plaquette, fingerprint=mark)

    def _thin(self, digest: hashlib._Hash) -> torch.Tensor:
        if self._gauge != "heatbath":
            return gauge.random_links(self._lattice, self._seed, self._spread, digest)
        cold = gauge.random_links(self._lattice, self._seed, 0.0)
        return heatbath.thermalise(
            cold, self._lattice, self._beta, self._sweeps, self._seed, digest
        )

    def shifts(self) -> tuple[float, ...]:
        """0 and then 4 m² · 4^k: the shifted systems of a multi-shift solve. Without shifts, no
        systems.
        """
        base = 4 * self._mass**2
        return tuple(0.0 if k == 0 else base * SHIFT_STEP**k for k in range(self._shifts))

    def _fingerprint(self, inputs: str, plaquette: float) -> str:
        """Fingerprint of A, b and the tolerance. Precision is left out: every precision that
        reaches the tolerance does the same work.

        The links of a heat bath are computed from the inputs; the plaquette to eight digits shows
        whether two machines computed the same links.
        """
        problem = {
            "workload": self.name,
            "version": VERSION,
            "lattice": self._lattice,
            "mass": self._mass,
            "tolerance": self._tolerance,
        }
        field: dict[str, object] = {"spread": self._spread}
        if self._gauge == "heatbath":
            field = {"beta": self._beta, "sweeps": self._sweeps, "plaquette": f"{plaquette:.8f}"}
        return fingerprint({**problem, **field, "seed": self._seed, "shifts": self._shifts}, inputs)

    def settings(self) -> Mapping[str, Scalar]:
        settings: dict[str, Scalar] = {key: getattr(self, f"_{key}") for key in SETTINGS}
        settings["lattice"] = self._lattice.name
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
        low, high = cost.WIDTHS[self._low], cost.WIDTHS[self._high]
        solve = f"solve of {self._shifts} shifts" if self._shifts else "solve"
        return Work(
            amount=1.0,
            unit=f"{solve} to residual {short(self._tolerance)}",
            fingerprint=problem.fingerprint,
            precision="equal-accuracy",
            # links in 16 bits are widened to fp32 before they are multiplied
            arithmetic="fp64" if self._low == "fp64" else "fp32",
            flops=cost.flops(
                self._lattice, counts.iterations, counts.updates, counts.shifted, self._shifts
            ),
            bytes=cost.moved_bytes(
                self._lattice,
                counts.iterations,
                counts.updates,
                low,
                high,
                counts.shifted,
                self._shifts,
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
                "true residual" + (", the worst of all shifts" if self._shifts else ""),
                worst,
                self._tolerance,
            ),
            checked(
                "hermiticity",
                team.hermiticity(self._seed),
                checks.hermiticity_tolerance(team.first.used),
            ),
            *checks.identities(self._mass, self._spread, self._seed),
        ]

    def _residuals(self, problem: Problem, team: SolverTeam) -> list[float]:
        """The true residual of each system. On several nodes every node has the whole solution for
        it, and judges its own sites.
        """
        window, found = self._window, problem.x
        if window is not None:
            found = window.cut(team.gathered(window.inside(problem.x)))
        residuals = []
        for shift, x in zip(self.shifts() or (0.0,), found, strict=True):
            mass = (self._mass**2 + shift / 4) ** 0.5
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
        """Wait for the other nodes, if there are any."""
        import torch

        self._ready()[1].summed(torch.zeros(1))

    def record(self) -> WorkRecord:
        """The system that was solved, and the number of iterations."""
        _, team = self._ready()
        if self._counts is None:
            raise RuntimeError("milc: record before run")
        counts, lattice = self._counts, self._lattice
        figures = {
            "iterations": float(counts.iterations + counts.shifted),
            "true residuals": float(counts.updates),
            "sites": float(lattice.volume),
        }
        formats = (
            self._low if self._low == self._high else f"{self._high} outside, {self._low} inside"
        )
        solver = (
            f"CG on the even sites of {lattice.name} at mass {short(self._mass)}, {formats}, "
            f"{team.spec.world} process(es)"
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


def fastest_inner(device: torch.device) -> Format:
    """int16, but fp32 on a CPU without AVX-512: unpacking takes longer there than reading twice as
    many bytes (docs/workloads/milc.md).
    """
    import torch

    if device.type == "cuda" or "AVX512" in torch.backends.cpu.get_cpu_capability():
        return "int16"
    return "fp32"


def read_lattice(text: str | None, preset: Lattice) -> Lattice:
    """The lattice of a setting such as '24x24x24x48', or the preset of the size.

    Raises BadInput for extents that are odd or below 4.
    """
    if text is None:
        return preset
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)x(\d+)", text)
    extents = [int(part) for part in match.groups()] if match else []
    if len(extents) != 4 or any(extent % 2 or not 4 <= extent <= 4096 for extent in extents):
        raise BadInput(
            f"--set lattice={text}",
            "not allowed",
            "four even extents of 4 to 4096: XxYxZxT, such as 24x24x24x48",
        )
    return Lattice(*extents)
