"""What every workload needs: settings, devices, threads, reproducible inputs, fingerprints and
honest checks. torch is imported late.
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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import psutil

from energybench.errors import BadInput, DoesNotFit
from energybench.model import Verification

if TYPE_CHECKING:
    import torch

Scalar = str | int | float | bool | None


_SET_PARENT_DEATH_SIGNAL = 1
_HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # read once by torch's allocator


class Settings:
    """Reads the `--set key=value` strings of one workload.

    Raises BadInput that names the key and what is allowed.
    """

    def __init__(self, given: Mapping[str, str], allowed: Sequence[str]) -> None:
        for key in given:
            if key not in allowed:
                raise BadInput(f"--set {key}", "no such setting", f"have: {', '.join(allowed)}")
        self._given = given

    def choice(self, key: str, default: str, options: Sequence[str]) -> str:
        value = self._given.get(key, default)
        if value not in options:
            raise self._bad(key, f"one of {', '.join(options)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        return self.choice(key, str(default).lower(), ("true", "false")) == "true"

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """An integer within [low, high]."""
        text = self._given.get(key)
        try:
            value = default if text is None else int(text)
        except ValueError:
            raise self._bad(key, f"a whole number from {low} to {high}") from None
        if text is not None and not low <= value <= high:
            raise self._bad(key, f"a whole number from {low} to {high}")
        return value

    def threads(self) -> int:
        """`threads`, 0 where it is not set.

        Raises BadInput for more than there are CPUs: they would stand in each other's way.
        """
        asked = self.whole("threads", 0, 1, 4096)
        if asked > len(cpus()):
            raise BadInput(
                f"--set threads={asked}",
                f"this process may run on {len(cpus())} CPU(s)",
                "as many, or leave it out",
            )
        return asked

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A float within [low, high]; NaN is outside of every interval."""
        text = self._given.get(key)
        try:
            value = default if text is None else float(text)
        except ValueError:
            raise self._bad(key, f"a number from {low:g} to {high:g}") from None
        if not low <= value <= high:
            raise self._bad(key, f"a number from {low:g} to {high:g}")
        return value

    def _bad(self, key: str, allowed: str) -> BadInput:
        return BadInput(f"--set {key}={self._given.get(key)}", "not allowed", f"allowed: {allowed}")


def check_size(workload: str, size: str, sizes: Sequence[str]) -> None:
    if size not in sizes:
        raise BadInput(f"{workload} --size {size}", "no such size", f"have: {', '.join(sizes)}")


def require_torch(huge_pages: bool = False) -> None:
    """Raises BadInput where torch is not installed: the workloads are an optional extra. Called
    before anything loads it, so that its threads are pinned.

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
    """The device that `--device` names: cpu, cuda or cuda:N; for a workload that uses `several`
    GPUs also node, all of them: cuda without a number.

    Raises BadInput where it is unknown or absent.
    """
    import torch

    if name == "cpu":
        return torch.device("cpu")
    if name == "node" and several and torch.cuda.is_available():
        return torch.device("cuda")
    if name == "node" and several:
        raise BadInput(
            "--device node", "means every GPU of the node, and torch sees none", "use --device cpu"
        )
    if name == "node":
        raise BadInput(
            "--device node",
            "this workload does not use several GPUs yet",
            "use --device cuda, or cuda:N for one of them",
        )
    kind, colon, number = name.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise BadInput(f"--device {name}", "no such device", "have: cpu, cuda, cuda:N")
    if not torch.cuda.is_available():
        why = "torch was built without CUDA" if torch.version.cuda is None else "torch sees no GPU"
        raise BadInput(
            f"--device {name}",
            why,
            "use --device cpu, or install a CUDA build of torch on a node with a GPU and its driver",
        )
    count, index = torch.cuda.device_count(), int(number or 0)
    if index >= count:
        raise BadInput(
            f"--device {name}",
            f"torch sees {count} GPU(s)",
            f"have: {', '.join(f'cuda:{i}' for i in range(count))}",
        )
    return torch.device("cuda", index)


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished, so that a clock read next tells the truth."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


@functools.cache
def cpus() -> tuple[int, ...]:
    """The CPUs that this process may run on, as they were when first asked for: a pinned thread
    sees only its own.
    """
    return (
        tuple(sorted(os.sched_getaffinity(0)))
        if hasattr(os, "sched_getaffinity")
        else tuple(range(os.cpu_count() or 1))
    )


def pin_threads() -> None:
    """Bind OpenMP's threads to cores, one each, unless the user has said otherwise.

    It takes effect where torch is not loaded yet.
    """
    cpus()
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_PROC_BIND", "close")
        os.environ.setdefault("OMP_PLACES", "cores")


def ask_huge_pages() -> None:
    """torch's larger allocations on the CPU in pages of 2 MiB, where the kernel gives them, unless
    the user has said otherwise: a stream then waits for fewer address translations. It takes effect
    where torch is not loaded yet.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault(_HUGE_PAGES, "1")


def has_huge_pages(root: Path = Path("/")) -> bool:
    """Whether torch asks for them and the kernel gives them
    (Documentation/admin-guide/mm/transhuge.rst).
    """
    try:
        mode = (root / "sys/kernel/mm/transparent_hugepage/enabled").read_text("ascii")
    except OSError:
        return False
    return "[always]" in mode or ("[madvise]" in mode and os.environ.get(_HUGE_PAGES) == "1")


@contextlib.contextmanager
def on_cpus(wanted: tuple[int, ...]) -> Iterator[None]:
    """Processes begun here inherit these CPUs, before OpenMP looks which ones it has: our own
    thread may be bound to a single one.
    """
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def end_with_parent() -> None:
    """This process is ended when the one that began it is gone, in the middle of its work too
    (prctl(2), PR_SET_PDEATHSIG).
    """
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def shares(count: int) -> tuple[tuple[int, ...], ...]:
    """The CPUs dealt out in equal blocks where there are enough; nothing where one process has all
    or there are fewer CPUs than processes.
    """
    mine = cpus()
    if count == 1 or len(mine) < count:
        return ()
    size = len(mine) // count
    return tuple(mine[i * size : (i + 1) * size] for i in range(count))


def affinity() -> str:
    """'2 CPUs 0-1, OMP_PROC_BIND=close': where the threads may run, for the record."""
    numbers = cpus()
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    listed = ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs)
    bound = os.environ.get("OMP_PROC_BIND")
    return f"{len(numbers)} CPU{'s' * (len(numbers) > 1)} {listed}, " + (
        f"OMP_PROC_BIND={bound}" if bound else "not bound"
    )


def use_threads(asked: int) -> int:
    """Let torch use `asked` CPU threads, or (0) every one that this process may run on: a CPU side
    with idle cores is no fair baseline.
    """
    import torch

    torch.set_num_threads(asked or len(cpus()))
    return torch.get_num_threads()


def native_bf16(device: torch.device) -> bool:
    """Whether torch has kernels of its own for bf16 there; on a CPU without AVX-512 it loops over
    single elements, several times as slow as fp32.
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
    """Refuse in one line a problem that the machine cannot hold, before the kernel kills it in the
    middle.
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
    seed: int, stream: int, count: int, digest: hashlib._Hash | None = None
) -> npt.NDArray[np.float64]:
    """`count` uniforms in [0, 1) of Philox 4x64 (Salmon et al., SC 2011) under the key (seed,
    stream), the same on every machine.

    Made of the raw 64-bit words (top 53 bits), whose stream NumPy guarantees across versions (NEP
    19); its distributions it does not. `digest` is fed these very bytes: what is computed from them
    later may differ in the last bit between two CPU models, the problem does not.
    """
    source = np.random.Philox(key=seed + (stream << 64))
    out = np.empty(count, dtype=np.float64)
    block = 1 << 20
    for start in range(0, count, block):
        part = out[start : start + block]
        np.multiply(source.random_raw(len(part)) >> np.uint64(11), 2.0**-53, out=part)
        if digest is not None:
            digest.update(part.astype("<f8", copy=False).tobytes())
    return out


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
    """sha256 of the problem's definition and of its inputs' digest.

    Whatever only says *how* it is solved stays out.
    """
    text = json.dumps({**problem, "inputs": inputs}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def checked(quantity: str, value: float, tolerance: float) -> Verification:
    """A check that passes where |value| is finite and within the tolerance; what is not finite has
    no value and fails.
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
