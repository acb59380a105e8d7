"""The kernel study: eager against every backend of scaled_dot_product_attention that the device
has, over batch, sequence, head dim and heads.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
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

BACKENDS = (
    "eager",
    "math",
    "flash",
    "efficient",
    "cudnn",
    "flex",
)  # "fused" is torch's choice among these
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
    """One grid point; what all its variants share."""

    mode: str
    causal: bool
    dtype: str
    shape: Shape

    @property
    def key(self) -> str:
        batch, seq, heads, head_dim = self.shape
        return (
            f"{self.mode} {'causal' if self.causal else 'full'} {self.dtype} b{batch} n{seq} "
            f"h{heads} d{head_dim}"
        )


# The whole grid of the public study, with head dim 8, which its script lists as covered and leaves
# out; on a CPU a corner of it that ends in minutes.
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
_TARGET_FLOPS = {
    "cpu": 2e9,
    "cuda": 2e12,
}  # of one run: some 20 ms at what either reaches, so that launching it costs little,
_MOST_ITERATIONS = {
    "cpu": 100,
    "cuda": 1000,
}  # but no longer than a person waits where other programs hold the cores


def kernel_plan(device: str, settings: Mapping[str, str]) -> StudyPlan:
    """Cells, absent backends and claims on this device. Raises BadInput."""
    require_torch()
    chosen = torch_device(device)
    on_cpu = chosen.type == "cpu"
    lists = Lists(settings, LISTS)
    grid = {
        key: lists.wholes(key, default, 1, 2**20)
        for key, default in (CORNER if on_cpu else WHOLE).items()
    }
    modes = lists.choices("mode", ("forward", "training"), ("forward", "training"))
    masks = lists.choices("causal", ("true",) if on_cpu else ("true", "false"), ("true", "false"))
    dtypes = lists.choices("dtype", ("fp32",) if on_cpu else ("fp16",), tuple(_DTYPES))
    backends = lists.choices("backend", BACKENDS, BACKENDS)
    backends = ("eager", *(backend for backend in backends if backend != "eager"))
    shapes = [
        Shape(*extents)
        for extents in itertools.product(
            grid["batch"], grid["seq"], grid["heads"], grid["head_dim"]
        )
    ]
    points = [
        Point(mode, mask == "true", dtype, shape)
        for mode, mask, dtype, shape in itertools.product(modes, masks, dtypes, shapes)
    ]
    shared = {key: settings[key] for key in ("seed", "threads") if key in settings}
    target, limit = _TARGET_FLOPS[chosen.type], _MOST_ITERATIONS[chosen.type]
    cells: list[Cell] = []
    gone: dict[tuple[str, str, str], None] = {}
    for point in points:
        missing = dict(_missing(backends, point, chosen))
        gone |= {
            (backend, reason, _where(point, reason)): None for backend, reason in missing.items()
        }
        present = [backend for backend in backends if backend not in missing]
        cells.append(_cell(point, present, lists, target, limit, shared))
    asked: dict[str, Scalar] = {key: ",".join(map(str, values)) for key, values in grid.items()}
    asked |= {
        "mode": ",".join(modes),
        "causal": ",".join(masks),
        "dtype": ",".join(dtypes),
        "backend": ",".join(backends),
        **shared,
    }
    return StudyPlan(
        name="kernel",
        title="sdpa kernels",
        about="Attention alone, inputs resident on the device: eager, as a model without fused "
        "kernels writes it, against torch's backends.",
        settings=asked,
        cells=tuple(cells),
        axes=Axes(x="seq", y="head_dim", panels=("mode", "causal", "dtype")),
        absent=_absent(list(gone), len(points)),
        claims=claims(points, cells),
        notes=(
            "Times, energies and memory are those of one iteration: a forward pass, or a forward "
            "and a backward pass.",
            *(
                (
                    "On a CPU the default grid is a small corner of the whole one; `--set "
                    "batch=…`, `seq`, `head_dim`, `heads` widen it.",
                )
                if on_cpu
                else ()
            ),
        ),
    )


def _cell(
    point: Point,
    backends: Sequence[str],
    lists: Lists,
    target_flops: float,
    most_iterations: int,
    shared: Mapping[str, str],
) -> Cell:
    shape = point.shape
    most = round(target_flops / flops(shape, point.causal, point.mode == "training"))
    (iterations,) = lists.wholes("iterations", (max(1, min(most, most_iterations)),), 1, 10**6)[:1]
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
    """(backend, reason) of each that torch lacks for this point; found out by trying, once a kind
    of point.
    """
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
    """The part of the grid that a reason is about: what it names itself need not be said again."""
    return "" if "on a CPU" in reason and "backward" not in reason else point.mode


def _absent(found: Sequence[tuple[str, str, str]], points: int) -> tuple[Absent, ...]:
    """One entry a backend and reason."""
    places: dict[tuple[str, str], list[str]] = {}
    for backend, reason, where in found:
        places.setdefault((backend, reason), []).append(where)
    return tuple(
        Absent(
            variant=backend,
            reason=reason,
            where=", ".join(dict.fromkeys(place for place in where if place)),
        )
        for (backend, reason), where in places.items()
    )
