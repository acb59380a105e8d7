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
    affinity,
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
from energybench_workloads.settings import Scalar, Settings, check_size

if TYPE_CHECKING:
    import torch

# Of the problem: raise the version when the same settings no longer give the same inputs
VERSION = 1
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
    """Q, K, V (and the output's gradient) on the CPU, and the digest of the random numbers. Cached,
    because the variants of a cell share the same inputs: never write to the tensors.
    """
    import torch

    digest = hashlib.sha256()
    extents = (shape.batch, shape.heads, shape.seq, shape.head_dim)
    drawn = (torch.from_numpy(normals(seed, 1 + k, shape.vector, digest)) for k in range(count))
    tensors = tuple(values.to(getattr(torch, dtype)).reshape(extents) for values in drawn)
    return tensors, digest.hexdigest()


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
        # Q, K, V, and in training the output's gradient; on the CPU, unless inputs are resident
        self._inputs: tuple[torch.Tensor, ...] = ()
        # "output", and in training "dQ", "dK", "dV"
        self._results: dict[str, torch.Tensor] = {}
        # Made in set-up for FlexAttention and for resident inputs, otherwise by every run
        self._attend: Attention | None = None
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

        # The device: whether it has the backend, and enough memory
        self._device = torch_device(device)
        self._threads = use_threads(self._threads)
        dtype_name, element = DTYPES[self._dtype]
        dtype, training = getattr(torch, dtype_name), self._mode == "training"
        require_backend(
            self._backend, self._causal, training, self._shape.head_dim, dtype, self._device
        )
        needed = memory(self._shape, training, self._backend, element)
        host = needed
        if self._device.type != "cpu":
            host = memory(self._shape, training, "flash", element)  # inputs and results alone
        require_memory(self.name, size, self._device, host, needed)

        # The inputs
        tensors, digest = problem_inputs(self._shape, 4 if training else 3, self._seed, dtype_name)
        self._inputs, self._results, self._attend = tensors, {}, None
        with fits(f"{self.name} --size {size}"):
            if self._resident:
                self._inputs = tuple(tensor.to(self._device) for tensor in tensors)
            if self._resident or self._backend == "flex":
                self._prepare(region, dtype)

        # The identity of the problem
        problem = {
            "workload": self.name,
            "version": VERSION,
            "shape": self._shape,
            "iterations": self._iterations,
            "resident": self._resident,
            "seed": self._seed,
            "causal": self._causal,
            "mode": self._mode,
            "dtype": self._dtype,
        }
        self._fingerprint = fingerprint(problem, digest)

    def _prepare(self, region: RegionFactory, dtype: torch.dtype) -> None:
        """Make eager's mask, or compile FlexAttention. Raises NotHere if FlexAttention does not
        compile for this shape.
        """
        self._attend = attention(self._backend, self._causal, self._shape.seq, dtype, self._device)
        if self._backend != "flex":
            return
        try:
            with region("compile"):
                self._iterate(self._attend, [tensor.to(self._device) for tensor in self._inputs], 1)
        except (NotImplementedError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [""])[0][:200]
            what = f"FlexAttention does not compile for this shape: {reason}"
            raise NotHere("--set backend=flex", what, "another backend") from error

    def plan(self, study: str, device: str, settings: Mapping[str, str]) -> StudyPlan:
        return {"kernel": kernel_plan, "model": model_plan}[study](device, settings)

    def memory(self) -> Memory:
        """Memory of one iteration beside its inputs, with eager's mask made before."""
        inputs = tuple(tensor.to(self._device) for tensor in self._inputs)
        attend = self._attend or attention(
            self._backend, self._causal, self._shape.seq, inputs[0].dtype, self._device
        )
        input_bytes = sum(tensor.nbytes for tensor in inputs)
        with allowed(self._backend, self._device), fits(self.name):
            return counted(lambda: self._iterate(attend, inputs, 1), input_bytes, self._device)

    def settings(self) -> Mapping[str, Scalar]:
        return {
            "backend": self._backend,
            "causal": self._causal,
            "mode": self._mode,
            "dtype": self._dtype,
            **self._shape._asdict(),
            "iterations": self._iterations,
            "resident": self._resident,
            "seed": self._seed,
            # The distribution belongs to the record: power depends on the values of the inputs too
            # (an A100's by tens of percent)
            "inputs": "standard normal",
            "threads": self._threads,
            "affinity": affinity(),
        }

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

        Every iteration returns new gradients: gradients never add up over iterations.
        """
        import torch

        if self._mode == "forward":
            with torch.no_grad():
                for _ in range(iterations):
                    output = attend(*inputs)
            return {"output": output}
        *qkv, back = inputs
        leaves = [tensor.detach().requires_grad_() for tensor in qkv]
        for _ in range(iterations):
            output = attend(*leaves)
            gradients = torch.autograd.grad(output, leaves, back)
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
