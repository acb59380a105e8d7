"""sdpa: scaled-dot-product attention, eager against fused kernels, forward or with its gradients,
on one device.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from energybench.errors import NotHere
from energybench.model import Memory, StudyPlan, Verification, Work
from energybench.plugins import RegionFactory
from energybench_workloads.common import (
    Scalar,
    Settings,
    affinity,
    check_size,
    fingerprint,
    normals,
    require_memory,
    require_torch,
    synchronise,
    torch_device,
    use_threads,
)
from energybench_workloads.memory import counted, fits
from energybench_workloads.sdpa import checks
from energybench_workloads.sdpa.backends import (
    BACKENDS,
    Attention,
    allowed,
    attention,
    require_backend,
)
from energybench_workloads.sdpa.kernel_study import kernel_plan
from energybench_workloads.sdpa.model_study import model_plan
from energybench_workloads.sdpa.shape import SIZES, Shape, flops, memory, moved_bytes

if TYPE_CHECKING:
    import torch

VERSION = 1  # of the problem: raise it when the same settings no longer give the same inputs
DTYPES = {"fp32": ("float32", 4), "bf16": ("bfloat16", 2), "fp16": ("float16", 2)}
SETTINGS = (
    "backend",
    "causal",
    "mode",
    "dtype",
    "batch",
    "seq",
    "heads",
    "head_dim",
    "iterations",
    "resident",
    "seed",
    "threads",
)


@functools.lru_cache(maxsize=1)
def problem_inputs(
    shape: Shape, count: int, seed: int, dtype: str
) -> tuple[tuple[torch.Tensor, ...], str]:
    """Q, K, V (and the output's gradient) on the CPU, and the digest of the random numbers; kept,
    for variants of one cell share them. Not to be written to.
    """
    import torch

    digest = hashlib.sha256()
    extents = (shape.batch, shape.heads, shape.seq, shape.head_dim)
    made = (torch.from_numpy(normals(seed, 1 + k, shape.vector, digest)) for k in range(count))
    return tuple(
        values.to(getattr(torch, dtype)).reshape(extents) for values in made
    ), digest.hexdigest()


class Sdpa:
    """Scaled-dot-product attention, eager against fused kernels (docs/workloads/sdpa.md)."""

    name = "sdpa"
    sizes: Sequence[str] = tuple(SIZES)
    studies: Mapping[str, str] = {
        "kernel": (
            "attention alone: eager against every fused backend, over batch, sequence length, head "
            "dim and heads"
        ),
        "model": (
            "whole decoders: eager attention against sdpa, generating and training, over models "
            "and padding"
        ),
    }

    def __init__(self) -> None:
        self._read("smoke", {})
        self._inputs: tuple[
            torch.Tensor, ...
        ] = ()  # Q, K, V, and in training the output's gradient; on the CPU
        self._results: dict[
            str, torch.Tensor
        ] = {}  # "output", and in training "dQ", "dK", "dV"; on the CPU
        self._attend: Attention | None = (
            None  # where it is made in set-up: FlexAttention, and where inputs are resident
        )
        self._fingerprint = ""

    def _read(self, size: str, settings: Mapping[str, str]) -> None:
        s = Settings(settings, SETTINGS)
        preset, iterations = SIZES[size]
        self._backend = s.choice("backend", "fused", BACKENDS)
        self._causal = s.flag("causal", True)
        self._mode = s.choice("mode", "forward", ("forward", "training"))
        self._dtype = s.choice("dtype", "fp32", tuple(DTYPES))
        self._shape = Shape(
            *(s.whole(key, default, 1, 2**20) for key, default in preset._asdict().items())
        )
        self._iterations = s.whole("iterations", iterations, 1, 10**9)
        self._resident = s.flag("resident", False)
        self._seed = s.whole("seed", 1, 0, 2**63 - 1)
        self._threads = s.threads()

    def setup(
        self, size: str, device: str, region: RegionFactory, settings: Mapping[str, str]
    ) -> None:
        check_size(self.name, size, self.sizes)
        self._read(size, settings)
        require_torch()
        import torch

        self._device = torch_device(device)
        self._threads = use_threads(self._threads)
        dtype_name, element = DTYPES[self._dtype]
        dtype, training = getattr(torch, dtype_name), self._mode == "training"
        require_backend(
            self._backend, self._causal, training, self._shape.head_dim, dtype, self._device
        )
        needed = memory(self._shape, training, self._backend, element)
        host = (
            needed
            if self._device.type == "cpu"
            else memory(self._shape, training, "flash", element)
        )
        require_memory(self.name, size, self._device, host, needed)
        tensors, digest = problem_inputs(self._shape, 4 if training else 3, self._seed, dtype_name)
        self._inputs, self._results, self._attend = tensors, {}, None
        with fits(f"{self.name} --size {size}"):
            if self._resident:
                self._inputs = tuple(tensor.to(self._device) for tensor in tensors)
            if self._resident or self._backend == "flex":
                self._prepare(region, dtype)
        problem = {
            "workload": self.name,
            "version": VERSION,
            "shape": self._shape,
            "iterations": self._iterations,
            "resident": self._resident,
            "seed": self._seed,
        }
        self._fingerprint = fingerprint(
            {**problem, "causal": self._causal, "mode": self._mode, "dtype": self._dtype}, digest
        )

    def _prepare(self, region: RegionFactory, dtype: torch.dtype) -> None:
        """Eager's mask, or FlexAttention compiled. Raises NotHere where that cannot be."""
        self._attend = attention(self._backend, self._causal, self._shape.seq, dtype, self._device)
        if self._backend != "flex":
            return
        try:
            with region("compile"):
                self._iterate(self._attend, [tensor.to(self._device) for tensor in self._inputs], 1)
        except (NotImplementedError, RuntimeError) as error:
            what = (
                "FlexAttention does not compile for this shape: "
                f"{(str(error).strip().splitlines() or [''])[0][:200]}"
            )
            raise NotHere("--set backend=flex", what, "another backend") from error

    def plan(self, study: str, device: str, settings: Mapping[str, str]) -> StudyPlan:
        return {"kernel": kernel_plan, "model": model_plan}[study](device, settings)

    def memory(self) -> Memory:
        """Of one iteration beside its inputs, with eager's mask made before."""
        inputs = tuple(tensor.to(self._device) for tensor in self._inputs)
        attend = self._attend or attention(
            self._backend, self._causal, self._shape.seq, inputs[0].dtype, self._device
        )
        held = sum(tensor.nbytes for tensor in inputs)
        with allowed(self._backend, self._device), fits(self.name):
            return counted(lambda: self._iterate(attend, inputs, 1), held, self._device)

    def settings(self) -> Mapping[str, Scalar]:
        choices = {
            "backend": self._backend,
            "causal": self._causal,
            "mode": self._mode,
            "dtype": self._dtype,
        }
        return {
            **choices,
            **self._shape._asdict(),
            "iterations": self._iterations,
            "resident": self._resident,
            "seed": self._seed,
            **self._placed(),
        }

    def _placed(self) -> dict[str, Scalar]:
        """Power depends on the values of the inputs too (an A100's by tens of percent): what they
        are belongs to the record.
        """
        return {"inputs": "standard normal", "threads": self._threads, "affinity": affinity()}

    def run(self, region: RegionFactory) -> Work:
        if not self._inputs:
            raise RuntimeError("sdpa: run before setup")
        self._results = {}
        device, inputs = self._device, self._inputs
        moved = device.type != "cpu" and not self._resident
        if moved:
            with region("transfer"):
                inputs = tuple(tensor.to(device) for tensor in inputs)
                synchronise(device)
        with allowed(self._backend, device), fits(self.name):
            attend = self._attend or attention(
                self._backend, self._causal, self._shape.seq, inputs[0].dtype, device
            )
            results = self._iterate(attend, inputs, self._iterations)
            synchronise(device)
        if moved:
            with region("transfer"):
                results = {name: tensor.cpu() for name, tensor in results.items()}
        self._results = results
        training = self._mode == "training"
        return Work(
            amount=float(self._shape.batch * self._shape.seq * self._iterations),
            unit="token",
            fingerprint=self._fingerprint,
            precision="equal-precision",
            flops=flops(self._shape, self._causal, training) * self._iterations,
            bytes=moved_bytes(self._shape, training, DTYPES[self._dtype][1]) * self._iterations,
        )

    def _iterate(
        self, attend: Attention, inputs: Sequence[torch.Tensor], iterations: int
    ) -> dict[str, torch.Tensor]:
        """The last iteration's results.

        Gradients are returned afresh by every iteration, so none adds to the one before.
        """
        import torch

        if self._mode == "forward":
            with torch.no_grad():
                for _ in range(iterations):
                    output = attend(*inputs)
            return {"output": output}
        *qkv, given = inputs
        leaves = [tensor.detach().requires_grad_() for tensor in qkv]
        for _ in range(iterations):
            output = attend(*leaves)
            gradients = torch.autograd.grad(output, leaves, given)
        return {"output": output.detach(), **dict(zip(("dQ", "dK", "dV"), gradients, strict=True))}

    def verify(self) -> Sequence[Verification]:
        if not self._results:
            raise RuntimeError("sdpa: verify before run")
        import torch

        tolerance = checks.ROUNDINGS[self._dtype] * torch.finfo(self._inputs[0].dtype).eps
        inputs = tuple(tensor.cpu() for tensor in self._inputs)
        results = {name: tensor.cpu() for name, tensor in self._results.items()}
        compared = checks.against_reference(inputs, results, self._causal, tolerance)
        return [*compared, *checks.everywhere(inputs[2], results, tolerance)]
