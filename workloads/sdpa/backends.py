"""Ways to compute attention: eager, as written in a model without fused kernels, and torch's
scaled_dot_product_attention restricted to one backend.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from energybench.errors import NotHere

if TYPE_CHECKING:
    import torch

Attention = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor"], "torch.Tensor"]

BACKENDS = ("eager", "math", "flash", "efficient", "cudnn", "flex", "fused")
# torch has one fused CPU kernel, named flash
ON_CPU = ("eager", "math", "flash", "flex", "fused")


@contextmanager
def allowed(backend: str, device: torch.device) -> Iterator[None]:
    """Restrict scaled_dot_product_attention to this backend inside the context. "fused" means
    torch's choice among the fused backends, never a silent fall-back to math.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    math, flash, efficient, cudnn = (
        SDPBackend.MATH,
        SDPBackend.FLASH_ATTENTION,
        SDPBackend.EFFICIENT_ATTENTION,
        SDPBackend.CUDNN_ATTENTION,
    )
    fused = [flash] if device.type == "cpu" else [flash, efficient, cudnn]
    with sdpa_kernel(
        {"flash": [flash], "efficient": [efficient], "cudnn": [cudnn], "fused": fused}.get(
            backend, [math]
        )
    ):
        yield


def causal_mask(seq: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[seq, seq], to be added to the scores: 0 for key j <= query i, -inf above the diagonal."""
    import torch

    return torch.full((seq, seq), -torch.inf, dtype=dtype, device=device).triu(1)


def attention(
    backend: str, causal: bool, seq: int, dtype: torch.dtype, device: torch.device
) -> Attention:
    """f(Q, K, V) = softmax(Q Kᵀ / √d + mask) V, no dropout; call f inside `allowed`. Eager
    attention builds its mask here, once, as a model does.

    The first call of f compiles FlexAttention.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if backend == "flex":
        return _flex(causal, seq, device)
    if backend != "eager":
        return lambda q, k, v: scaled_dot_product_attention(q, k, v, is_causal=causal)
    mask = causal_mask(seq, dtype, device) if causal else None

    def eager(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores + mask
        return torch.softmax(scores, dim=-1) @ v

    return eager


def _flex(causal: bool, seq: int, device: torch.device) -> Attention:
    import torch
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    compiled = torch.compile(flex_attention, dynamic=False)
    mask = None
    if causal:
        mask = create_block_mask(
            lambda b, h, i, j: i >= j, None, None, seq, seq, device=str(device)
        )
    return lambda q, k, v: compiled(q, k, v, block_mask=mask)


def require_backend(
    backend: str,
    causal: bool,
    training: bool,
    head_dim: int,
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Raises NotHere if torch lacks the backend's kernel for this device, dtype and head dim, as a
    trial on a few tokens shows.
    """
    import torch

    where = f"--set backend={backend}"
    if device.type == "cpu" and backend not in ON_CPU:
        raise NotHere(
            where, "torch has no such kernel on a CPU", f"allowed there: {', '.join(ON_CPU)}"
        )
    if backend == "flex":
        # No trial: set-up compiles FlexAttention for the real shape, and a trial would cost as much
        require_flex(training, device)
        return
    q, k, v = (
        torch.zeros((1, 1, 64, head_dim), dtype=dtype, device=device, requires_grad=training)
        for _ in range(3)
    )
    try:
        with allowed(backend, device):
            out = attention(backend, causal, 64, dtype, device)(q, k, v)
            if training:
                out.sum().backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        what = (
            f"torch has no such kernel for {str(dtype).removeprefix('torch.')} and head dim "
            f"{head_dim} on {device}"
        )
        raise NotHere(
            where, what, "use backend=math or fused, or another dtype or head_dim"
        ) from error


def require_flex(training: bool, device: torch.device) -> None:
    """Raises NotHere if FlexAttention cannot be compiled for this device, or has no gradients on
    the device.
    """
    import importlib.util
    import shutil

    where = "--set backend=flex"
    if device.type == "cpu" and training:
        raise NotHere(
            where, "FlexAttention has no backward pass on a CPU", "mode=forward, or another backend"
        )
    compilers = [name for name in (os.environ.get("CXX", ""), "g++", "clang++") if name]
    if device.type == "cpu" and not any(shutil.which(name) for name in compilers):
        raise NotHere(
            where,
            "FlexAttention is compiled for a CPU, and there is no C++ compiler",
            "install g++ or clang++, or set CXX",
        )
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise NotHere(
            where,
            "FlexAttention is compiled by triton, which is not installed",
            "pip install triton",
        )
