"""The settings of milc: what may be chosen, and the problem that a choice states."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from energybench.errors import BadInput
from energybench_workloads.common import fingerprint
from energybench_workloads.milc.lattice import SIZES, Lattice
from energybench_workloads.milc.operator import Format
from energybench_workloads.settings import Settings

if TYPE_CHECKING:
    import torch

NAME = "milc"
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
# Shifts rise by this factor from 4 m²: rational approximations of a determinant's root need about
# such shifts (Clark, hep-lat/0610048)
SHIFT_STEP = 4.0


class Choices(NamedTuple):
    """The settings of a run; docs/workloads/milc.md explains each.

    inner  "auto" until the device is known
    ranks  0: as many as suit the device
    """

    precision: str
    inner: str
    mass: float
    tolerance: float
    shifts: int
    gauge: str
    spread: float
    beta: float
    sweeps: int
    seed: int
    max_iterations: int
    lattice: Lattice
    ranks: int
    threads: int
    kernels: str

    @property
    def high(self) -> Format:
        """Format of the true residual."""
        return PRECISIONS[self.precision][0]

    @property
    def low(self) -> Format:
        """Format of the iterations."""
        return INNER[self.inner] if self.precision == "mixed" else self.high

    def systems(self) -> tuple[float, ...]:
        """Shifts of the systems of a multi-shift solve: 0, then 4 m² · 4^k. Empty if the solve has
        no shifts.
        """
        base = 4 * self.mass**2
        return tuple(0.0 if k == 0 else base * SHIFT_STEP**k for k in range(self.shifts))

    def fingerprint(self, inputs: str, plaquette: float) -> str:
        """Fingerprint of A, b and the tolerance. Precision is left out: every precision that
        reaches the tolerance does the same work.

        The links of a heat bath are computed from the inputs; the plaquette to eight digits shows
        whether two machines computed the same links.
        """
        problem = {
            "workload": NAME,
            "version": VERSION,
            "lattice": self.lattice,
            "mass": self.mass,
            "tolerance": self.tolerance,
        }
        field: dict[str, object] = {"spread": self.spread}
        if self.gauge == "heatbath":
            field = {"beta": self.beta, "sweeps": self.sweeps, "plaquette": f"{plaquette:.8f}"}
        return fingerprint({**problem, **field, "seed": self.seed, "shifts": self.shifts}, inputs)


def read_choices(size: str, settings: Mapping[str, str]) -> Choices:
    """The settings of `--size` and `--set`. Raises BadInput."""
    s = Settings(settings, SETTINGS)
    precision = s.choice("precision", "fp64", tuple(PRECISIONS))
    inner = ("auto", *INNER) if precision == "mixed" else (precision,)
    choice = settings.get("inner", inner[0])
    if choice in INNER and choice not in inner:
        raise BadInput(
            f"--set inner={choice}",
            "is a setting of precision=mixed",
            "--set precision=mixed with it, or leave it out",
        )
    gauge = s.choice("gauge", "random", GAUGES)
    return Choices(
        precision=precision,
        inner=s.choice("inner", inner[0], inner),
        mass=s.number("mass", 0.01, 1e-4, 10),
        tolerance=s.number("tolerance", PRECISIONS[precision][1], 1e-14, 0.1),
        shifts=s.whole("shifts", 0, 0, 32),
        gauge=gauge,
        spread=0.0 if gauge == "unit" else s.number("spread", 0.65, 0, 1),
        beta=s.number("beta", 6.0, 0.1, 100),
        sweeps=s.whole("sweeps", 10, 1, 10_000),
        seed=s.whole("seed", 1, 0, 2**63 - 1),
        max_iterations=s.whole("max_iterations", 20_000, 1, 10**9),
        lattice=read_lattice(settings.get("lattice"), SIZES[size]),
        ranks=s.whole("ranks", 0, 1, 1024),
        threads=s.threads(),
        kernels=s.choice("kernels", "auto", ("auto", "compiled", "eager")),
    )


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
