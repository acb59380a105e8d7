"""Max pooling over 2 x 2 at stride 1 by two maxima: torch's own for contiguous images on a CPU is
not vectorised, and took half of a plain step.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class _Larger(torch.autograd.Function):
    """The larger of neighbours along one dimension.

    For equal neighbours the gradient goes to the first, as in torch's pooling.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, dim: int) -> torch.Tensor:
        first, second = x.narrow(dim, 0, x.shape[dim] - 1), x.narrow(dim, 1, x.shape[dim] - 1)
        ctx.save_for_backward(second > first)
        ctx.dim = dim
        return torch.maximum(first, second)

    @staticmethod
    def backward(ctx: Any, back: torch.Tensor) -> tuple[torch.Tensor, None]:
        (later,) = ctx.saved_tensors
        to_second = back * later
        shape = list(back.shape)
        shape[ctx.dim] += 1
        gradient = back.new_zeros(shape)
        torch.sub(back, to_second, out=gradient.narrow(ctx.dim, 0, back.shape[ctx.dim]))
        gradient.narrow(ctx.dim, 1, back.shape[ctx.dim]).add_(to_second)
        return gradient, None


class MaxPool(nn.Module):
    """As nn.MaxPool2d(2, 1) on [n, C, H, W]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.is_cuda:
            return F.max_pool2d(x, 2, 1)
        rows: torch.Tensor = _Larger.apply(x, 2)  # type: ignore[no-untyped-call]
        maxima: torch.Tensor = _Larger.apply(rows, 3)  # type: ignore[no-untyped-call]
        return maxima
