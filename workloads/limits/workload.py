"""limits: this machine's memory bandwidth and matrix rates, as real kernels reach them.

`energybench calibrate` keeps them; `run` measures their energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from energybench.errors import BadInput
from energybench.model import Verification, Work
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    Scalar,
    Settings,
    check_size,
    fingerprint,
    has_huge_pages,
    require_memory,
    require_torch,
    synchronise,
    torch_device,
    use_threads,
)
from energybench_workloads.limits.kernels import FORMATS, ROW, SIZES, Kernel, product, read
from energybench_workloads.limits.machine import MIB, array_bytes

if TYPE_CHECKING:
    import torch

VERSION = 1  # of the kernels: raise it when what one unit of the work is has changed
SETTINGS = ("kernel", "mib", "n", "threads")
_SMOKE_N = 256
FORMAT_BYTES = {"fp64": 8, "fp32": 4, "bf16": 2}


class Limits:
    """What this machine reaches at most: reading memory, and matrix products by format
    (docs/limits.md).
    """

    name = "limits"
    sizes: Sequence[str] = ("smoke", "read", *FORMATS)  # smoke: one small fp32 product

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._result: torch.Tensor | None = None
        self._asked: dict[str, Scalar] = {}

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        """Put the operands on the device and tune: they stay there, because the limits are those of
        the device and not of the bus.
        """
        check_size(self.name, size, self.sizes)
        s = Settings(settings, SETTINGS)
        kind = s.choice("kernel", "auto", ("auto", "compiled", "torch"))
        mib, n, threads = s.whole("mib", 0, 1, 2**20), s.whole("n", 0, 16, 2**16), s.threads()
        if (kind != "auto" or mib) and size != "read":
            raise BadInput(
                "--set kernel, mib",
                f"are settings of size read, not of {size}",
                "--size read, or --set n=2048",
            )
        if n and size in ("read", "smoke"):
            raise BadInput(
                "--set n", f"is no setting of size {size}", f"--size {' or '.join(FORMATS)}"
            )
        require_torch(huge_pages=True)
        place = torch_device(device)
        used = use_threads(threads)
        self._kernel = self._result = None
        if size == "read":
            whole = mib * MIB if mib else array_bytes(place)
            require_memory(
                self.name,
                size,
                place,
                1.1 * whole if place.type == "cpu" else 64.0 * MIB,
                1.1 * whole,
            )
            kernel = read(whole, place, kind, region, once=False)
        else:
            form, element = ("fp32", 4) if size == "smoke" else (size, FORMAT_BYTES[size])
            sizes = (_SMOKE_N,) if size == "smoke" else (n,) if n else self._fitting(place, element)
            require_memory(self.name, size, place, *_memory(sizes[-1], element, place))
            kernel = product(form, sizes, place, once=size == "smoke")
        self._kernel, self._device = kernel, place
        huge = has_huge_pages() if place.type == "cpu" else None
        tf32 = False if size in ("smoke", "fp32") else None
        self._asked = {
            **kernel.how,
            "times": kernel.times,
            "threads": used,
            "huge_pages": huge,
            "tf32": tf32,
        }

    def _fitting(self, place: torch.device, element: int) -> Sequence[int]:
        """The sizes that are tried: those that the memory holds, and the smallest in any case."""
        found = []
        for n in SIZES[place.type]:
            try:
                require_memory(self.name, "", place, *_memory(n, element, place))
            except BadInput:
                break
            found.append(n)
        return found or SIZES[place.type][:1]

    def settings(self) -> Mapping[str, Scalar]:
        """As tuned: the kernel that was the fastest here, its size, calls in a run."""
        return dict(self._asked)

    def run(self, region: RegionFactory) -> Work:
        kernel = self._tuned()
        for _ in range(kernel.times):
            result = kernel.call()
        synchronise(self._device)
        self._result = result
        reads = kernel.name == "read"
        flops, moved = kernel.flops * kernel.times, kernel.bytes * kernel.times
        what = {
            "workload": self.name,
            "version": VERSION,
            "kernel": kernel.name,
        }  # of any size: a byte read, an operation of a product
        return Work(
            amount=moved if reads else flops,
            unit="byte" if reads else "flop",
            fingerprint=fingerprint(what, f"rows of {ROW} float32" if reads else "square product"),
            precision="equal-precision",
            flops=flops,
            bytes=moved,
            arithmetic="fp32" if reads else kernel.name,
        )

    def verify(self) -> Sequence[Verification]:
        if self._result is None:
            raise RuntimeError("limits: verify before run")
        return [self._tuned().check(self._result)]

    def _tuned(self) -> Kernel:
        if self._kernel is None:
            raise RuntimeError("limits: run before setup")
        return self._kernel


def _memory(n: int, element: int, place: torch.device) -> tuple[float, float]:
    """(host, device) bytes of three matrices, the block they are tiled with, and float64 copies of
    one for the check.
    """
    need = (3.5 * element + 8) * n**2 + 16 * MIB
    return (need, need) if place.type == "cpu" else (32.0 * MIB, need)
