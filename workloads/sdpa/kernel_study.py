"""The kernel study: eager attention against every backend of scaled_dot_product_attention available
on the device, over batch, sequence, head dim and heads.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from energybench.errors import NotHere
from energybench.model import Absent, Axes, Cell, Scalar, StudyPlan, Variant
from energybench_workloads.common import require_torch, torch_device
from energybench_workloads.grids import Lists
from energybench_workloads.sdpa.backends import require_backend
from energybench_workloads.sdpa.kernel_claims import claims
from energybench_workloads.sdpa.shape import Shape, flops

if TYPE_CHECKING:
    import torch

# Without "fused", which is torch's choice among these backends
BACKENDS = ("eager", "math", "flash", "efficient", "cudnn", "flex")
LISTS = (
    "backend",
    "batch",
    "seq",
    "head_dim",
    "heads",
    "mode",
    "causal",
    "dtype",
    "seed",
    "threads",
    "iterations",
)
_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class Point(NamedTuple):
    """A grid point: the settings common to its variants."""

    mode: str
    causal: bool
    dtype: str
    shape: Shape

    @property
    def key(self) -> str:
        batch, seq, heads, head_dim = self.shape
        mask = "causal" if self.causal else "full"
        return f"{self.mode} {mask} {self.dtype} b{batch} n{seq} h{heads} d{head_dim}"


# The grid of the public study, with head dim 8, which the public script lists as covered and leaves
# out; on a CPU a corner of the grid that ends in minutes.
WHOLE: Mapping[str, Sequence[int]] = {
    "batch": (8, 16, 64),
    "seq": (64, 128, 256, 512, 1024),
    "head_dim": (8, 16, 32, 64, 128, 256),
    "heads": (12, 16, 24),
}
CORNER: Mapping[str, Sequence[int]] = {
    "batch": (2,),
    "seq": (128, 512),
    "head_dim": (8, 32, 128),
    "heads": (12,),
}
# Of a run: some 20 ms at the rates of a CPU or a GPU, so that launching costs little,
_TARGET_FLOPS = {"cpu": 2e9, "cuda": 2e12}
# but limited for a person who waits while other programs occupy the cores
_MOST_ITERATIONS = {"cpu": 100, "cuda": 1000}


class Grid(NamedTuple):
    """The lists of a study, by the user's settings over the defaults of the device."""

    extents: Mapping[str, tuple[int, ...]]
    modes: tuple[str, ...]
    masks: tuple[str, ...]
    dtypes: tuple[str, ...]
    backends: tuple[str, ...]

    def points(self) -> list[Point]:
        extents = self.extents
        shapes = [
            Shape(*shape)
            for shape in itertools.product(
                extents["batch"], extents["seq"], extents["heads"], extents["head_dim"]
            )
        ]
        return [
            Point(mode, mask == "true", dtype, shape)
            for mode, mask, dtype, shape in itertools.product(
                self.modes, self.masks, self.dtypes, shapes
            )
        ]

    def settings(self) -> dict[str, Scalar]:
        return {
            **{key: ",".join(map(str, values)) for key, values in self.extents.items()},
            "mode": ",".join(self.modes),
            "causal": ",".join(self.masks),
            "dtype": ",".join(self.dtypes),
            "backend": ",".join(self.backends),
        }


def _grid(lists: Lists, on_cpu: bool) -> Grid:
    defaults = CORNER if on_cpu else WHOLE
    extents = {key: lists.wholes(key, default, 1, 2**20) for key, default in defaults.items()}
    modes = lists.choices("mode", ("forward", "training"), ("forward", "training"))
    masks = lists.choices("causal", ("true",) if on_cpu else ("true", "false"), ("true", "false"))
    dtypes = lists.choices("dtype", ("fp32",) if on_cpu else ("fp16",), tuple(_DTYPES))
    backends = lists.choices("backend", BACKENDS, BACKENDS)
    # Eager comes first in any case: the other backends are compared with eager
    backends = ("eager", *(backend for backend in backends if backend != "eager"))
    return Grid(extents, modes, masks, dtypes, backends)


def kernel_plan(device: str, settings: Mapping[str, str]) -> StudyPlan:
    """Cells, absent backends and claims on this device. Raises BadInput."""
    require_torch()
    place = torch_device(device)
    on_cpu = place.type == "cpu"
    lists = Lists(settings, LISTS)
    grid = _grid(lists, on_cpu)
    points = grid.points()
    shared = {key: settings[key] for key in ("seed", "threads") if key in settings}

    # A cell for every point, with the backends that torch has for the point
    cells: list[Cell] = []
    absent: dict[tuple[str, str, str], None] = {}
    for point in points:
        missing = dict(_missing(grid.backends, point, place))
        absent |= {
            (backend, reason, _where(point, reason)): None for backend, reason in missing.items()
        }
        present = [backend for backend in grid.backends if backend not in missing]
        cells.append(_cell(point, present, _iterations(point, lists, place), shared))

    notes = [
        "Times, energies and memory are those of one iteration: a forward pass, or a forward and a "
        "backward pass."
    ]
    if on_cpu:
        notes.append(
            "On a CPU the default grid is a small corner of the whole one; `--set batch=…`, `seq`, "
            "`head_dim`, `heads` widen it."
        )
    return StudyPlan(
        name="kernel",
        title="sdpa kernels",
        about="Attention alone, inputs resident on the device: eager, as a model without fused "
        "kernels writes it, against torch's backends.",
        settings={**grid.settings(), **shared},
        cells=tuple(cells),
        axes=Axes(x="seq", y="head_dim", panels=("mode", "causal", "dtype")),
        absent=_absent(absent),
        claims=claims(points, cells),
        notes=tuple(notes),
    )


def _iterations(point: Point, lists: Lists, device: torch.device) -> int:
    """Iterations of a run: the user's number, or as many as the target of operations needs."""
    target, limit = _TARGET_FLOPS[device.type], _MOST_ITERATIONS[device.type]
    needed = round(target / flops(point.shape, point.causal, point.mode == "training"))
    return lists.wholes("iterations", (max(1, min(needed, limit)),), 1, 10**6)[0]


def _cell(
    point: Point, backends: Sequence[str], iterations: int, shared: Mapping[str, str]
) -> Cell:
    shape = point.shape
    common = {
        "mode": point.mode,
        "causal": str(point.causal).lower(),
        "dtype": point.dtype,
        **{key: str(value) for key, value in shape._asdict().items()},
        "iterations": str(iterations),
        "resident": "true",
        **shared,
    }
    return Cell(
        key=point.key,
        at={"mode": point.mode, "causal": point.causal, "dtype": point.dtype, **shape._asdict()},
        workload="sdpa",
        size="smoke",
        variants=tuple(
            Variant(name=backend, settings={"backend": backend, **common}) for backend in backends
        ),
        step_amount=float(shape.batch * shape.seq),
    )


def _missing(
    backends: Sequence[str], point: Point, device: torch.device
) -> Iterator[tuple[str, str]]:
    """(backend, reason) of every backend that torch lacks for this point, by trying the backend."""
    import torch

    dtype = getattr(torch, _DTYPES[point.dtype])
    for backend in backends:
        try:
            require_backend(
                backend, point.causal, point.mode == "training", point.shape.head_dim, dtype, device
            )
        except NotHere as error:
            yield backend, error.what


def _where(point: Point, reason: str) -> str:
    """The part of the grid affected by a reason; empty if the reason names the part already."""
    return "" if "on a CPU" in reason and "backward" not in reason else point.mode


def _absent(entries: Iterable[tuple[str, str, str]]) -> tuple[Absent, ...]:
    """Entries (backend, reason, part of the grid), merged by backend and reason."""
    places: dict[tuple[str, str], list[str]] = {}
    for backend, reason, where in entries:
        places.setdefault((backend, reason), []).append(where)
    return tuple(
        Absent(
            variant=backend,
            reason=reason,
            where=", ".join(dict.fromkeys(place for place in where if place)),
        )
        for (backend, reason), where in places.items()
    )
