"""The ways to compute attention: eager as a model without fused kernels writes it, and torch's scaled_dot_product_attention held to one backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from energybench.errors import BadInput

if TYPE_CHECKING:
    import torch

Attention = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor"], "torch.Tensor"]

BACKENDS = ("eager", "math", "flash", "efficient", "cudnn", "fused")
ON_CPU = ("eager", "math", "flash", "fused")  # torch has one fused CPU kernel, which it calls flash
WRITTEN_OUT = ("eager", "math")  # these write the N x N scores to memory


@contextmanager
def allowed(backend: str, device: torch.device) -> Iterator[None]:
    """Inside, scaled_dot_product_attention may use this backend only; "fused" is torch's choice among the fused ones, never a silent fall-back to math."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    math, flash, efficient, cudnn = SDPBackend.MATH, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION
    fused = [flash] if device.type == "cpu" else [flash, efficient, cudnn]
    with sdpa_kernel({"flash": [flash], "efficient": [efficient], "cudnn": [cudnn], "fused": fused}.get(backend, [math])):
        yield


def causal_mask(seq: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[seq, seq], to be added to the scores: 0 where key j <= query i, -inf above the diagonal."""
    import torch

    return torch.full((seq, seq), -torch.inf, dtype=dtype, device=device).triu(1)


def attention(backend: str, causal: bool, seq: int, dtype: torch.dtype, device: torch.device) -> Attention:
    """f(Q, K, V) = softmax(Q Kᵀ / √d + mask) V, no dropout; call it inside `allowed`. Eager builds its mask here, once, as a model does."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    if backend != "eager":
        return lambda q, k, v: scaled_dot_product_attention(q, k, v, is_causal=causal)
    mask = causal_mask(seq, dtype, device) if causal else None

    def eager(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = scores + mask
        return torch.softmax(scores, dim=-1) @ v

    return eager


def require_backend(backend: str, causal: bool, training: bool, head_dim: int, dtype: torch.dtype, device: torch.device) -> None:
    """Raises BadInput where torch has no such kernel for this device, dtype and head dim; found out by trying it on a few tokens."""
    import torch

    if device.type == "cpu" and backend not in ON_CPU:
        raise BadInput(f"--set backend={backend}", "torch has no such kernel on a CPU", f"allowed there: {', '.join(ON_CPU)}")
    q, k, v = (torch.zeros((1, 1, 64, head_dim), dtype=dtype, device=device, requires_grad=training) for _ in range(3))
    try:
        with allowed(backend, device):
            out = attention(backend, causal, 64, dtype, device)(q, k, v)
            if training:
                out.sum().backward()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        what = f"torch has no such kernel for {str(dtype).removeprefix('torch.')} and head dim {head_dim} on {device}"
        raise BadInput(f"--set backend={backend}", what, "use backend=math or fused, or another dtype or head_dim") from error
