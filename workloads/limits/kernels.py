"""The kernels: sums over an array larger than any cache, and square matrix products.

A kernel is tuned once, before the measurement.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.model import Verification
from energybench.plugins import RegionFactory
from energybench_workloads.common import checked, uniforms
from energybench_workloads.limits.machine import MIB
from energybench_workloads.limits.tuning import (
    LONGEST_S,
    Call,
    calls_in_a_run,
    fastest,
    seconds,
)

if TYPE_CHECKING:
    import torch

# Elements of a row (16 KiB): with rows, every thread reads whole pages in order. A compiled sum of
# the whole array runs at half the rate
ROW = 4096
FORMATS = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16"}
# n of the products to try, by kind of device
SIZES = {"cpu": (256, 512, 1024, 2048, 4096, 8192), "cuda": (2048, 4096, 8192, 16384)}
# Largest error over the largest value in eps, at n = 256: sums are accumulated in fp64, fp32, fp32
_ROUNDINGS = {"fp64": 16, "fp32": 16, "bf16": 4}
# Number of uniforms that matrices are tiled with: coprime to every size, so that any two rows
# differ
_BLOCK = 2**20 - 3


class Kernel(NamedTuple):
    """A tuned kernel: the call, the number of calls in a run, and the choices made by tuning."""

    name: str
    call: Call
    check: Callable[[torch.Tensor], Verification]
    times: int
    flops: float  # of one call
    bytes: float  # of one call
    how: dict[str, int | str]


def read(size: int, device: torch.device, kind: str, region: RegionFactory, once: bool) -> Kernel:
    """Sum the rows of `size` bytes of float32, by the fastest of torch's own sums and of sums made
    by torch's compiler.

    kind  "compiled", "torch", or "auto" for both
    once  whether a run is a single call, of whatever duration
    """
    block = torch_of(uniforms(1, 1, MIB // 4)).float().to(device)
    # Written by the reading threads, so that a thread finds its pages near (first touch)
    rows = fresh(size // 4, block.dtype, device).view(-1, ROW)
    rows.view(-1, len(block)).copy_(block.expand(size // MIB, -1))
    expected = block.double().view(-1, ROW).sum(1)
    sums = _sums(rows, kind, region)
    name = fastest({key: functools.partial(call, rows) for key, call in sums.items()}, device)

    def check(result: torch.Tensor) -> Verification:
        """The sum of every row, in any order of addition: float32 has 24 bits, and adding 4096
        terms loses at most 12 bits.
        """
        error = (result.double().view(-1, len(expected)) / expected - 1).abs().max()
        return checked("sums of the rows", float(error), 1e-4)

    call = sums[name]
    times = 1 if once else calls_in_a_run(seconds(functools.partial(call, rows), device))
    return Kernel(
        "read",
        lambda: call(rows),
        check,
        times,
        float(rows.numel()),
        float(size),
        {"kernel": name, "mib": size // MIB},
    )


def _sums(
    rows: torch.Tensor, kind: str, region: RegionFactory
) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Ways to sum the rows, by name.

    A way that fails to compile here (no compiler) is left out, unless `kind` demands compiled sums.
    """
    import torch

    def plain(x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)

    def long(x: torch.Tensor) -> torch.Tensor:
        """Eight rows by one thread in one go."""
        return x.view(-1, 8, ROW).sum(2).view(-1)

    sums: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    if kind != "compiled":
        sums["sum of rows"] = plain
    if kind == "torch":
        return sums
    for name, function in (
        ("sum of rows, compiled", plain),
        ("sum of eight rows, compiled", long),
    ):
        compiled = torch.compile(function, dynamic=False)
        try:
            with region("compile"):
                compiled(rows)
        except Exception:
            if kind == "compiled":
                raise
            continue
        sums[name] = compiled
    return sums


def product(form: str, sizes: Sequence[int], device: torch.device, once: bool) -> Kernel:
    """C = A B of [n, n] in one format, n the fastest of `sizes`. fp32 means fp32: TF32 is switched
    off, whatever torch's setting was before.
    """
    import torch

    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")  # and no bf16 passes on a CPU
    block = torch_of(uniforms(1, 2, _BLOCK) - 0.5).to(device, getattr(torch, FORMATS[form]))

    # The size with the highest rate
    best, best_s = sizes[0], math.inf
    for n in () if once else sizes:
        a, b, c = _matrices(n, block)
        product_s = seconds(functools.partial(torch.mm, a, b, out=c), device)
        if n**3 / product_s > best**3 / best_s:
            best, best_s = n, product_s
        if 8 * product_s > LONGEST_S:
            break
    a, b, c = _matrices(best, block)

    def call() -> torch.Tensor:
        return torch.mm(a, b, out=c)

    growth = 1.0 if form == "bf16" else max(1.0, math.sqrt(best) / 16)
    tolerance = _ROUNDINGS[form] * torch.finfo(c.dtype).eps * growth

    def check(result: torch.Tensor) -> Verification:
        """The last row against float64, starting from inputs rounded to the format. Rounding grows
        as √n at most; a wrong product is off by order 1.
        """
        truth = a[-1].double() @ b.double()
        error = (result[-1].double() - truth).abs().max() / truth.abs().max()
        return checked(f"last row of the {form} product", float(error), tolerance)

    moved = 3.0 * best**2 * a.element_size()
    how: dict[str, int | str] = {"kernel": f"{form} product", "n": best}
    times = 1 if once else calls_in_a_run(best_s)
    return Kernel(form, call, check, times, 2.0 * best**3, moved, how)


def _matrices(n: int, block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A and B tiled with a block of uniforms, starting at two places of the block, and room for C:
    the memory of three matrices.
    """
    import torch

    tiled = block.repeat(-(-(n * n + n) // len(block)))
    a, b = tiled[: n * n].view(n, n), tiled[n : n * n + n].view(n, n).clone()
    return a, b, torch.empty_like(b)


def torch_of(values: npt.NDArray[np.float64]) -> torch.Tensor:
    import torch

    return torch.from_numpy(values)


def fresh(count: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Untouched memory. On a CPU the memory is NumPy's, which asks the kernel for huge pages."""
    import torch

    if device.type == "cpu":
        return torch.from_numpy(np.empty(count, np.float32))
    return torch.empty(count, dtype=dtype, device=device)
