"""Per-unit gradients of GroupNorm and LayerNorm: sums over an example's positions, small enough to
be stored.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from energybench_workloads.dpsgd.layers import Book


class GroupNormBook(Book):
    """GroupNorm on [n, C, …].

    With x̂ = (x - mean)·rstd: ∂γ = Σ back·x̂ = rstd·(Σ back·x - mean·Σ back), so x̂ is never
    computed.
    """

    layer: nn.GroupNorm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        n, channels = x.shape[:2]
        out: torch.Tensor
        out, self.mean, self.rstd = torch.ops.aten.native_group_norm(
            x, layer.weight, layer.bias, n, channels, x[0, 0].numel(), layer.num_groups, layer.eps
        )
        return out

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        n, channels = x.shape[:2]
        gradient: torch.Tensor = torch.ops.aten.native_group_norm_backward(
            back,
            x,
            self.mean,
            self.rstd,
            self.layer.weight,
            n,
            channels,
            x[0, 0].numel(),
            self.layer.num_groups,
            (True, False, False),
        )[0]
        return gradient

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        n, channels = x.shape[:2]
        b = back.reshape(n * channels, -1)
        products = torch.linalg.vecdot(b, x.reshape(n * channels, -1)).view(n, channels)
        sums = b.sum(1).view(n, channels)
        per = channels // self.layer.num_groups
        mean, rstd = self.mean.repeat_interleave(per, 1), self.rstd.repeat_interleave(per, 1)
        self.keep(weight=rstd * (products - mean * sums), bias=sums)


class LayerNormBook(Book):
    """LayerNorm over the last dimension of [n, T, d]."""

    layer: nn.LayerNorm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(
            x, self.layer.normalized_shape, self.layer.weight, self.layer.bias, self.layer.eps
        )

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        layer = self.layer
        _, mean, rstd = torch.ops.aten.native_layer_norm(
            x, layer.normalized_shape, layer.weight, layer.bias, layer.eps
        )
        gradient: torch.Tensor = torch.ops.aten.native_layer_norm_backward(
            back,
            x,
            layer.normalized_shape,
            mean,
            rstd,
            layer.weight,
            layer.bias,
            (True, False, False),
        )[0]
        return gradient

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        hat = F.layer_norm(x, self.layer.normalized_shape, eps=self.layer.eps)
        self.keep(weight=(back * hat).flatten(1, -2).sum(1), bias=back.flatten(1, -2).sum(1))
