"""Helpers of every workload: devices, threads, reproducible inputs, fingerprints and honest checks.

torch is imported late.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import json
import math
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psutil

from energybench.errors import BadInput, DoesNotFit
from energybench.model import Verification
from energybench.units import whole_number

if TYPE_CHECKING:
    import torch

_SET_PARENT_DEATH_SIGNAL = 1
_WORDS = 4  # Philox 4x64 makes four 64-bit numbers from each value of its counter
_HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # read once by torch's allocator


def require_torch(huge_pages: bool = False) -> None:
    """Raises BadInput if torch is not installed: the workloads are an optional extra. Call this
    function before anything loads torch, so that torch's threads are pinned.

    `huge_pages`: for work that streams through memory.
    """
    pin_threads()
    if huge_pages:
        ask_huge_pages()
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise BadInput(
            "torch", "is not installed", "pip install 'energybench[workloads]'"
        ) from error


def torch_device(name: str, several: bool = False) -> torch.device:
    """The device named by `--device`: cpu, cuda or cuda:N. A workload that uses `several` GPUs also
    accepts node, meaning every GPU: the result is then cuda without a number.

    Raises BadInput if the device is unknown or absent.
    """
    import torch

    if name == "cpu":
        return torch.device("cpu")
    if name == "node":
        return _every_gpu(several)

    # A single GPU, by its number
    kind, colon, number = name.partition(":")
    if kind != "cuda" or (colon and whole_number(number) is None):
        raise BadInput(f"--device {name}", "no such device", "have: cpu, cuda, cuda:N")
    if not torch.cuda.is_available():
        why = "torch was built without CUDA" if torch.version.cuda is None else "torch sees no GPU"
        raise BadInput(
            f"--device {name}",
            why,
            "use --device cpu, or install a CUDA build of torch on a node with a GPU and its "
            "driver",
        )
    count, index = torch.cuda.device_count(), int(number or 0)
    if index >= count:
        raise BadInput(
            f"--device {name}",
            f"torch sees {count} GPU(s)",
            f"have: {', '.join(f'cuda:{i}' for i in range(count))}",
        )
    return torch.device("cuda", index)


def _every_gpu(several: bool) -> torch.device:
    """cuda without a number, for `--device node`. Raises BadInput if the workload uses one GPU
    only (`several` is False), or if torch sees no GPU.
    """
    import torch

    if not several:
        raise BadInput(
            "--device node",
            "this workload does not use several GPUs yet",
            "use --device cuda, or cuda:N for one of them",
        )
    if not torch.cuda.is_available():
        raise BadInput(
            "--device node", "means every GPU of the node, and torch sees none", "use --device cpu"
        )
    return torch.device("cuda")


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished, so that a clock reading includes all work submitted."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


@functools.cache
def cpus() -> tuple[int, ...]:
    """The CPUs that this process may run on, as of the first call: later a pinned thread sees only
    the CPU that the thread is bound to.
    """
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def pin_threads() -> None:
    """Bind OpenMP's threads to cores, one thread a core, unless the user has set another binding.

    Works only before torch is loaded.
    """
    cpus()
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_PROC_BIND", "close")
        os.environ.setdefault("OMP_PLACES", "cores")


def ask_huge_pages() -> None:
    """Ask for pages of 2 MiB in torch's larger allocations on the CPU, unless the user has set
    otherwise. The kernel may refuse. With huge pages a stream waits for fewer address translations.
    Works only before torch is loaded.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault(_HUGE_PAGES, "1")


def has_huge_pages(root: Path = Path("/")) -> bool:
    """Whether torch asks for huge pages and the kernel grants the request
    (Documentation/admin-guide/mm/transhuge.rst).
    """
    try:
        mode = (root / "sys/kernel/mm/transparent_hugepage/enabled").read_text("ascii")
    except OSError:
        return False
    return "[always]" in mode or ("[madvise]" in mode and os.environ.get(_HUGE_PAGES) == "1")


@contextlib.contextmanager
def on_cpus(wanted: tuple[int, ...]) -> Iterator[None]:
    """Let processes started inside this context inherit the `wanted` CPUs, before OpenMP reads the
    affinity: the calling thread may be bound to a single CPU.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def end_with_parent() -> None:
    """Have the kernel kill this process when the parent process ends, even in the middle of work
    (prctl(2), PR_SET_PDEATHSIG).
    """
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def shares(count: int) -> tuple[tuple[int, ...], ...]:
    """The CPUs dealt out to `count` processes in equal blocks. Empty for a single process, which
    uses every CPU, and if there are fewer CPUs than processes.
    """
    mine = cpus()
    if count == 1 or len(mine) < count:
        return ()
    size = len(mine) // count
    return tuple(mine[i * size : (i + 1) * size] for i in range(count))


def affinity() -> str:
    """The CPUs that the threads may run on, for the record: '2 CPUs 0-1, OMP_PROC_BIND=close'."""
    numbers = cpus()

    # Consecutive numbers as ranges
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    listed = ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)

    binding = os.environ.get("OMP_PROC_BIND")
    bound = f"OMP_PROC_BIND={binding}" if binding else "not bound"
    return f"{len(numbers)} CPU{'s' * (len(numbers) > 1)} {listed}, {bound}"


def use_threads(count: int) -> int:
    """Let torch use `count` CPU threads; with 0, one thread for every CPU of this process, because
    a CPU baseline with idle cores would be unfair.
    """
    import torch

    torch.set_num_threads(count or len(cpus()))
    return torch.get_num_threads()


def native_bf16(device: torch.device) -> bool:
    """Whether torch has native bf16 kernels for the device. On a CPU without AVX-512 torch loops
    over single elements, several times as slow as fp32.
    """
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)())


def require_memory(
    workload: str,
    size: str,
    device: torch.device,
    host_bytes: float,
    device_bytes: float,
    remedy: str = "use a smaller size",
) -> None:
    """Raises DoesNotFit for a problem larger than the free memory, before the kernel's
    out-of-memory killer ends the run half-way.
    """
    import torch

    free: list[tuple[str, float, float]] = [
        ("host", host_bytes, float(psutil.virtual_memory().available))
    ]
    if device.type == "cuda":
        free.append((str(device), device_bytes, float(torch.cuda.mem_get_info(device)[0])))
    for where, need, have in free:
        if need > have:
            raise DoesNotFit(
                f"{workload} --size {size}",
                f"needs {need / 2**30:.1f} GiB on {where}, {have / 2**30:.1f} GiB are free",
                remedy,
            )


def uniforms(
    seed: int, stream: int, count: int, digest: hashlib._Hash | None = None, first: int = 0
) -> npt.NDArray[np.float64]:
    """`count` uniforms in [0, 1) of Philox 4x64 (Salmon et al., SC 2011) under the key (seed,
    stream), the same on every machine; from number `first` of the stream, a multiple of 4.

    Made from the top 53 bits of the raw 64-bit words: NumPy guarantees the stream of words across
    versions (NEP 19), but not the distributions. `digest` is updated with the bytes of the returned
    array: values computed from the uniforms later may differ in the last bit between two CPU
    models, the uniforms never do.
    """
    if first % _WORDS:
        raise ValueError(f"{first} is not a multiple of {_WORDS}")
    source = np.random.Philox(key=seed + (stream << 64))
    source.advance(first // _WORDS)
    out = np.empty(count, dtype=np.float64)
    block = 1 << 20
    for start in range(0, count, block):
        part = out[start : start + block]
        np.multiply(source.random_raw(len(part)) >> np.uint64(11), 2.0**-53, out=part)
        if digest is not None:
            digest.update(part.astype("<f8", copy=False).tobytes())
    return out


def hash_uniforms(seed: int, stream: int, count: int, digest: hashlib._Hash) -> None:
    """Update the digest as `uniforms` does, without keeping the numbers."""
    block = 1 << 20
    for first in range(0, count, block):
        uniforms(seed, stream, min(block, count - first), digest, first)


def normals(
    seed: int, stream: int, count: int, digest: hashlib._Hash | None = None
) -> npt.NDArray[np.float64]:
    """`count` standard normals by Box and Muller's transform of `uniforms` (1 - u keeps the
    logarithm finite).
    """
    pairs = (count + 1) // 2
    u = uniforms(seed, stream, 2 * pairs, digest).reshape(2, pairs)
    radius, angle = np.sqrt(-2.0 * np.log1p(-u[0])), 2.0 * math.pi * u[1]
    return np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))[:count]


def fingerprint(problem: Mapping[str, Any], inputs: str) -> str:
    """sha256 of the problem's definition and of the inputs' digest.

    Leave out settings that only say *how* the problem is solved.
    """
    text = json.dumps({**problem, "inputs": inputs}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def checked(quantity: str, value: float, tolerance: float) -> Verification:
    """A check that passes if |value| is finite and within the tolerance. An infinite value or NaN
    fails and is recorded as None.
    """
    finite = math.isfinite(value)
    return Verification(
        quantity=quantity,
        value=value if finite else None,
        tolerance=tolerance,
        passed=finite and abs(value) <= tolerance,
    )


def short(value: float) -> str:
    """1e-10 as "1e-10" and 1e-6 as "1e-6": exponents without padding, for units and labels."""
    mantissa, e, exponent = f"{value:g}".partition("e")
    return mantissa + (f"e{int(exponent)}" if e else "")
