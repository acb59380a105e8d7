"""Per-unit gradients of Conv2d without groups and dilation, a few examples at a time: what is made of them stays in the cache.

On a CPU the gradient of each example is that of a convolution with as many groups as examples, for which oneDNN has kernels (2.7 times as fast
as unfolding and multiplying for 32 → 32 channels on 32²). Gram matrices of patches are sums of shifted Gram matrices of pixels: no patch is made.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from energybench_workloads.dpsgd.layers import KEEP, Book, add, ghost

CHUNK, GROUPED = 16, 64  # examples at once: unfolded or as Gram matrices; as groups
UNFOLDED_CUDA = 256


class ConvBook(Book):
    """x [n, C, H, W] → back [n, p, H', W'], T = H'W' positions, D = C·k·k."""

    layer: nn.Conv2d

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.layer.weight, self.layer.bias, self.layer.stride, self.layer.padding)

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        return self._backward(x, back, self.layer.weight, 1, (True, False, False))[0]

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        p, d = back.shape[1], self.layer.weight[0].numel()
        if self.layer.bias is not None:
            self.keep(bias=back.flatten(2).sum(2))
        if ghost(back[0, 0].numel() * self.records, p, d):
            self.count(torch.cat([self._gram(*part) for part in self._parts(x, back, CHUNK)]))
            self.x, self.back = x, back
            return
        size = UNFOLDED_CUDA if x.is_cuda else GROUPED if x.shape[1] > 1 else CHUNK
        fits = p * d <= KEEP * (x[0].numel() + back[0].numel()) * self.records
        made, squares = [], []
        for part in self._parts(x, back, size):
            grads = self._direct(*part).flatten(1)
            squares.append(torch.linalg.vecdot(grads, grads))
            made += [grads] if fits else []
        self.count(torch.cat(squares))
        if fits:
            self.kept["weight"] = torch.cat(made)
        else:
            self.x, self.back = x, back

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        add(self.layer.weight, self._backward(x, back * factors.view(-1, 1, 1, 1), self.layer.weight, 1, (False, True, False))[1])

    def _parts(self, x: torch.Tensor, back: torch.Tensor, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Whole units, some `size` examples at a time."""
        step = max(size // self.records, 1) * self.records
        return [(x[i : i + step], back[i : i + step]) for i in range(0, len(x), step)]

    def _backward(self, x: torch.Tensor, back: torch.Tensor, weight: torch.Tensor, groups: int, mask: tuple[bool, bool, bool]) -> tuple[torch.Tensor, ...]:
        layer = self.layer
        made: tuple[torch.Tensor, ...] = torch.ops.aten.convolution_backward(
            back, x, weight, None, layer.stride, layer.padding, layer.dilation, False, (0, 0), groups, mask
        )
        return made

    def _unfolded(self, x: torch.Tensor) -> torch.Tensor:
        """Patches [n, T, D]: a copy of overlapping views, which for one channel is faster than F.unfold."""
        layer = self.layer
        (kh, kw), (sh, sw), (ph, pw) = layer.kernel_size, layer.stride, _pair(layer)
        views = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
        return views.permute(0, 2, 3, 1, 4, 5).reshape(len(x), -1, x.shape[1] * kh * kw)

    def _direct(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """gᵤ [units, p, D] of a few examples."""
        n, channels, p = len(x), x.shape[1], back.shape[1]
        if x.is_cuda or channels == 1:
            grads = torch.bmm(back.flatten(2), self._unfolded(x))
        else:
            weight = x.new_empty(1).expand(n * p, channels, *self.layer.kernel_size)  # its values are not looked at
            grads = self._backward(x.reshape(1, -1, *x.shape[2:]), back.reshape(1, -1, *back.shape[2:]), weight, n, (False, True, False))[1].view(n, p, -1)
        return grads if self.records == 1 else grads.view(-1, self.records, *grads.shape[1:]).sum(1)

    def _gram(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """‖gᵤ‖² [units] of a few examples, from Gram matrices of all positions of the unit."""
        kernel, positions, pixels = self.layer.weight[0, 0].numel(), back[0, 0].numel(), x[0, 0].numel()
        b = self.together(back.flatten(2).transpose(1, 2))
        ours = torch.bmm(b, b.transpose(1, 2))
        if self.records > 1 or pixels**2 > kernel * positions**2:
            a = self.together(self._unfolded(x))
            patches = torch.bmm(a, a.transpose(1, 2))
        else:
            patches = self._shifted(x, back)
        found: torch.Tensor = torch.linalg.vecdot(patches.flatten(1), ours.flatten(1))
        return found

    def _shifted(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """Gram matrices of patches [n, H', W', H', W']: Σ over the kernel's places of those of pixels, moved there at both ends."""
        (kh, kw), (sh, sw), (ph, pw) = self.layer.kernel_size, self.layer.stride, _pair(self.layer)
        height, width = back.shape[2:]
        pixels = x.flatten(2)
        gram = torch.bmm(pixels.transpose(1, 2), pixels).view(len(x), *x.shape[2:], *x.shape[2:])
        gram = F.pad(gram, (pw, pw, ph, ph, pw, pw, ph, ph)) if ph or pw else gram
        total = gram.new_zeros(len(x), height, width, height, width)
        for i in range(kh):
            for j in range(kw):
                rows, columns = slice(i, i + sh * (height - 1) + 1, sh), slice(j, j + sw * (width - 1) + 1, sw)
                total += gram[:, rows, columns, rows, columns]
        return total


def _pair(layer: nn.Conv2d) -> tuple[int, int]:
    if isinstance(layer.padding, str):
        raise ValueError("a convolution whose padding has a name has no sampler here")
    return layer.padding[0], layer.padding[1]
