"""The kernels: sums over an array that no cache holds, and square matrix products.

Each is tuned once, then does one thing.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.model import Verification
from energybench.plugins import RegionFactory
from energybench_workloads.common import checked, synchronise, uniforms
from energybench_workloads.limits.machine import MIB

if TYPE_CHECKING:
    import torch

# elements of a row (16 KiB): rows give every thread whole pages in order; a compiled sum of
# everything at once runs at half the rate
ROW = 4096
FORMATS = {"fp64": "float64", "fp32": "float32", "bf16": "bfloat16"}
RUN_S = (
    0.25  # a run repeats its kernel so long: what a machine sustains, not what it does for a moment
)
_LONGEST_S = 2.0  # one product, at most: larger ones are no longer tried
SIZES = {
    "cpu": (256, 512, 1024, 2048, 4096, 8192),
    "cuda": (2048, 4096, 8192, 16384),
}  # n of the products that are tried, by kind of device
_TRIES, _BATCH_S = 5, 0.05  # batches of one kernel while tuning, and how long one lasts at least
_ROUNDINGS = {
    "fp64": 16,
    "fp32": 16,
    "bf16": 4,
}  # largest error over the largest value in eps, at n = 256: sums are kept in fp64, fp32, fp32
_BLOCK = (
    2**20 - 3
)  # uniforms that matrices are tiled with: coprime to every size, so that no two rows are the same


class Kernel(NamedTuple):
    """A tuned kernel: what one call does, how many calls make a run, and how it was tuned in words."""

    name: str
    call: Callable[[], torch.Tensor]
    check: Callable[[torch.Tensor], Verification]
    times: int
    flops: float  # of one call
    bytes: float
    how: dict[str, int | str]


def read(size: int, device: torch.device, kind: str, region: RegionFactory, once: bool) -> Kernel:
    """Sum the rows of `size` bytes of float32: the fastest of the sums that torch has and those
    that its compiler makes.

    kind  "compiled", "torch", or "auto": both. `once`: a run is one call, as long as it may take.
    """
    block = torch_of(uniforms(1, 1, MIB // 4)).float().to(device)
    rows = fresh(size // 4, block.dtype, device).view(
        -1, ROW
    )  # written by the threads that read it, so that each finds its pages near (first touch)
    rows.view(-1, len(block)).copy_(block.expand(size // MIB, -1))
    expected = block.double().view(-1, ROW).sum(1)
    sums = _sums(rows, kind, region)
    name = _fastest({key: functools.partial(call, rows) for key, call in sums.items()}, device)

    def check(found: torch.Tensor) -> Verification:
        """Every row's sum, however it was added up: float32 keeps 24 bits, and 4096 terms lose at
        most 12 of them.
        """
        error = (found.double().view(-1, len(expected)) / expected - 1).abs().max()
        return checked("sums of the rows", float(error), 1e-4)

    call = sums[name]
    times = 1 if once else _times(_seconds(functools.partial(call, rows), device))
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
    """Ways to sum the rows.

    What cannot be compiled here (no compiler) is left out where torch's own may do.
    """
    import torch

    def plain(x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)

    def long(x: torch.Tensor) -> torch.Tensor:
        """Eight rows by one thread in one go."""
        return x.view(-1, 8, ROW).sum(2).view(-1)

    found: dict[str, Callable[[torch.Tensor], torch.Tensor]] = (
        {} if kind == "compiled" else {"sum of rows": plain}
    )
    for name, function in (
        (("sum of rows, compiled", plain), ("sum of eight rows, compiled", long))
        if kind != "torch"
        else ()
    ):
        made = torch.compile(function, dynamic=False)
        try:
            with region("compile"):
                made(rows)
        except Exception:
            if kind == "compiled":
                raise
            continue
        found[name] = made
    return found


def product(form: str, sizes: Sequence[int], device: torch.device, once: bool) -> Kernel:
    """C = A B of [n, n] in one format, n the fastest of `sizes`. fp32 is fp32: TF32 is off,
    whatever torch was told before.
    """
    import torch

    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")  # and no bf16 passes on a CPU
    block = torch_of(uniforms(1, 2, _BLOCK) - 0.5).to(device, getattr(torch, FORMATS[form]))
    best, best_s = sizes[0], math.inf
    for tried in () if once else sizes:
        a, b, c = _matrices(tried, block)
        seconds = _seconds(functools.partial(torch.mm, a, b, out=c), device)
        if tried**3 / seconds > best**3 / best_s:
            best, best_s = tried, seconds
        if 8 * seconds > _LONGEST_S:
            break
    a, b, c = _matrices(best, block)

    def call() -> torch.Tensor:
        return torch.mm(a, b, out=c)

    tolerance = (
        _ROUNDINGS[form]
        * torch.finfo(c.dtype).eps
        * (1.0 if form == "bf16" else max(1.0, math.sqrt(best) / 16))
    )

    def check(found: torch.Tensor) -> Verification:
        """The last row against float64, from the inputs as rounded to the format; rounding grows as
        √n at most, a wrong product is off by order 1.
        """
        truth = a[-1].double() @ b.double()
        error = (found[-1].double() - truth).abs().max() / truth.abs().max()
        return checked(f"last row of the {form} product", float(error), tolerance)

    moved = 3.0 * best**2 * a.element_size()
    how: dict[str, int | str] = {"kernel": f"{form} product", "n": best}
    return Kernel(form, call, check, 1 if once else _times(best_s), 2.0 * best**3, moved, how)


def _matrices(n: int, block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A and B tiled with a block of uniforms, from two places of it, and room for C: three
    matrices' memory.
    """
    import torch

    tiled = block.repeat(-(-(n * n + n) // len(block)))
    a, b = tiled[: n * n].view(n, n), tiled[n : n * n + n].view(n, n).clone()
    return a, b, torch.empty_like(b)


def torch_of(values: npt.NDArray[np.float64]) -> torch.Tensor:
    import torch

    return torch.from_numpy(values)


def fresh(count: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Memory that nobody has touched. On a CPU NumPy's, which asks the kernel for huge pages."""
    import torch

    return (
        torch.from_numpy(np.empty(count, np.float32))
        if device.type == "cpu"
        else torch.empty(count, dtype=dtype, device=device)
    )


def _fastest(calls: dict[str, Callable[[], torch.Tensor]], device: torch.device) -> str:
    """The name of the call with the shortest time; they take turns, so that a slow moment of the
    machine is nobody's fault.
    """
    found = dict.fromkeys(calls, math.inf)
    for _ in range(_TRIES if len(calls) > 1 else 0):
        for name, call in calls.items():
            found[name] = min(found[name], _once(call, device))
    return min(found, key=lambda name: found[name])


def _seconds(call: Callable[[], torch.Tensor], device: torch.device) -> float:
    """Time of one call in the fastest of a few batches: what it sustains.

    A first call, which loads libraries, does not count.
    """
    first = _once(call, device)
    if first > _LONGEST_S:
        return first
    batch = max(1, math.ceil(_BATCH_S / max(_once(call, device), 1e-6)))
    return min(_once(call, device, batch) for _ in range(_TRIES if batch > 1 else 2)) / batch


def _times(seconds: float) -> int:
    """Calls that make a run of `RUN_S`."""
    return max(1, math.ceil(RUN_S / max(seconds, 1e-6)))


def _once(call: Callable[[], torch.Tensor], device: torch.device, times: int = 1) -> float:
    synchronise(device)
    start = time.perf_counter()
    for _ in range(times):
        call()
    synchronise(device)
    return time.perf_counter() - start
