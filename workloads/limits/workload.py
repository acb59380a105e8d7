"""limits: this machine's memory bandwidth and matrix rates, reached by real kernels.

`energybench calibrate` stores the rates; `run` measures their energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from energybench.errors import BadInput
from energybench.model import Verification, Work
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
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
from energybench_workloads.settings import Scalar, Settings, check_size

if TYPE_CHECKING:
    import torch

VERSION = 1  # of the kernels: raise it when the meaning of a unit of work has changed
SETTINGS = ("kernel", "mib", "n", "threads")
_SMOKE_N = 256
FORMAT_BYTES = {"fp64": 8, "fp32": 4, "bf16": 2}


class Limits:
    """The highest rates of this machine: reading memory, and matrix products by format
    (docs/limits.md).
    """

    name = "limits"
    sizes: Sequence[str] = ("smoke", "read", *FORMATS)  # smoke: one small fp32 product

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._result: torch.Tensor | None = None
        self._settings: dict[str, Scalar] = {}

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        """Put the operands on the device and tune. The operands stay on the device, because the
        limits are the limits of the device and not of the bus.
        """
        # Settings
        check_size(self.name, size, self.sizes)
        s = Settings(settings, SETTINGS)
        kind = s.choice("kernel", "auto", ("auto", "compiled", "torch"))
        mib, n, threads = s.whole("mib", 0, 1, 2**20), s.whole("n", 0, 16, 2**16), s.threads()
        _check_settings(size, kind, mib, n)

        # The kernel, tuned on the device
        require_torch(huge_pages=True)
        place = torch_device(device)
        threads = use_threads(threads)
        self._kernel = self._result = None
        if size == "read":
            kernel = self._tune_read(mib, kind, place, region)
        else:
            kernel = self._tune_product(size, n, place)
        self._kernel, self._device = kernel, place

        # The record
        self._settings = {
            **kernel.how,
            "times": kernel.times,
            "threads": threads,
            "huge_pages": has_huge_pages() if place.type == "cpu" else None,
            "tf32": False if size in ("smoke", "fp32") else None,
        }

    def _tune_read(self, mib: int, kind: str, place: torch.device, region: RegionFactory) -> Kernel:
        """`mib` 0: as large as the machine's caches demand."""
        size = mib * MIB if mib else array_bytes(place)
        host = 1.1 * size if place.type == "cpu" else 64.0 * MIB
        require_memory(self.name, "read", place, host, 1.1 * size)
        return read(size, place, kind, region, once=False)

    def _tune_product(self, size: str, n: int, place: torch.device) -> Kernel:
        """`n` 0: every size that fits is tried."""
        smoke = size == "smoke"
        form = "fp32" if smoke else size
        element = FORMAT_BYTES[form]
        sizes: Sequence[int]
        if smoke:
            sizes = (_SMOKE_N,)
        elif n:
            sizes = (n,)
        else:
            sizes = self._fitting(place, element)
        require_memory(self.name, size, place, *_memory(sizes[-1], element, place))
        return product(form, sizes, place, once=smoke)

    def _fitting(self, place: torch.device, element: int) -> Sequence[int]:
        """The sizes to try: every size that fits the memory, and the smallest in any case."""
        sizes = []
        for n in SIZES[place.type]:
            try:
                require_memory(self.name, "", place, *_memory(n, element, place))
            except BadInput:
                break
            sizes.append(n)
        return sizes or SIZES[place.type][:1]

    def settings(self) -> Mapping[str, Scalar]:
        """The tuned settings: the fastest kernel on this device, its size, and its calls in
        a run.
        """
        return dict(self._settings)

    def run(self, region: RegionFactory) -> Work:
        kernel = self._tuned()
        for _ in range(kernel.times):
            result = kernel.call()
        synchronise(self._device)
        self._result = result
        reads = kernel.name == "read"
        flops, moved = kernel.flops * kernel.times, kernel.bytes * kernel.times
        # The size stays out of the fingerprint: the unit of work is a byte read, or an operation
        problem = {"workload": self.name, "version": VERSION, "kernel": kernel.name}
        inputs = f"rows of {ROW} float32" if reads else "square product"
        return Work(
            amount=moved if reads else flops,
            unit="byte" if reads else "flop",
            fingerprint=fingerprint(problem, inputs),
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


def _check_settings(size: str, kind: str, mib: int, n: int) -> None:
    """Raises BadInput for a setting of another size."""
    if (kind != "auto" or mib) and size != "read":
        raise BadInput(
            "--set kernel, mib",
            f"are settings of size read, not of {size}",
            "--size read, or --set n=2048",
        )
    if n and size in ("read", "smoke"):
        raise BadInput(
            "--set n", f"is not a setting of size {size}", f"--size {' or '.join(FORMATS)}"
        )


def _memory(n: int, element: int, place: torch.device) -> tuple[float, float]:
    """(host, device) bytes of three matrices, of the block that tiles the matrices, and of float64
    copies of a matrix for the check.
    """
    need = (3.5 * element + 8) * n**2 + 16 * MIB
    return (need, need) if place.type == "cpu" else (32.0 * MIB, need)
