"""Per-unit gradients of Conv2d without groups and dilation, computed for a few examples at a time
so that intermediate results stay in the cache.

On a CPU the examples' gradients come from one convolution with as many groups as examples, for
which oneDNN has kernels (2.7 times as fast as unfolding and multiplying for 32 → 32 channels on
32²). Gram matrices of patches are sums of shifted Gram matrices of pixels: no patch is stored.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from energybench_workloads.dpsgd.layers import KEEP, Book, add, ghost

# At once: values of Gram matrices of pixels (a megabyte); examples by patches or as groups
SHIFTED, UNFOLDED = 2**18, 64
UNFOLDED_CUDA = 256


class ConvBook(Book):
    """x [n, C, H, W] → back [n, p, H', W'], T = H'W' positions, D = C·k·k."""

    layer: nn.Conv2d

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(
            x, self.layer.weight, self.layer.bias, self.layer.stride, self.layer.padding
        )

    def input_gradient(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        return self._backward(x, back, self.layer.weight, 1, (True, False, False))[0]

    def take(self, x: torch.Tensor, back: torch.Tensor) -> None:
        p, d = back.shape[1], self.layer.weight[0].numel()
        if self.layer.bias is not None:
            self.keep(bias=back.flatten(2).sum(2))
        if ghost(back[0, 0].numel() * self.records, p, d):
            pixels = self._pixels(x, back)
            size = UNFOLDED if pixels is None else min(max(SHIFTED // pixels**2, 8), 128)
            self.count(torch.cat([self._gram(*part) for part in self._parts(x, back, size)]))
            self.x, self.back = x, back
            return
        size = UNFOLDED_CUDA if x.is_cuda else UNFOLDED
        fits = p * d <= KEEP * (x[0].numel() + back[0].numel()) * self.records
        gradients, squares = [], []
        for part in self._parts(x, back, size):
            grads = self._direct(*part).flatten(1)
            squares.append(torch.linalg.vecdot(grads, grads))
            if fits:
                gradients.append(grads)
        self.count(torch.cat(squares))
        if fits:
            self.unit_gradients["weight"] = torch.cat(gradients)
        else:
            self.x, self.back = x, back

    def weigh(self, x: torch.Tensor, back: torch.Tensor, factors: torch.Tensor) -> None:
        weight = self.layer.weight
        weighted = back * factors.view(-1, 1, 1, 1)
        add(weight, self._backward(x, weighted, weight, 1, (False, True, False))[1])

    def _parts(
        self, x: torch.Tensor, back: torch.Tensor, size: int
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Parts of about `size` examples; a unit is never divided."""
        step = max(size // self.records, 1) * self.records
        return [(x[i : i + step], back[i : i + step]) for i in range(0, len(x), step)]

    def _backward(
        self,
        x: torch.Tensor,
        back: torch.Tensor,
        weight: torch.Tensor,
        groups: int,
        mask: tuple[bool, bool, bool],
    ) -> tuple[torch.Tensor, ...]:
        layer = self.layer
        gradients: tuple[torch.Tensor, ...] = torch.ops.aten.convolution_backward(
            back,
            x,
            weight,
            None,
            layer.stride,
            layer.padding,
            layer.dilation,
            False,
            (0, 0),
            groups,
            mask,
        )
        return gradients

    def _patches(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Patches [n, T, D], the columns D divided into pieces: with the kernel's rows numbered
        I · sh + a, sh the vertical stride, the I-th piece has the rows of every a.

        The input is unfolded along the width, and along the height within a stride only. Shifting
        the unfolded input by I rows of positions gives the I-th piece: a view, without a copy. A
        kernel whose height is not a multiple of its stride is unfolded as a whole.
        """
        layer = self.layer
        (kh, kw), (sh, sw), (ph, pw) = layer.kernel_size, layer.stride, _pair(layer)
        padded = F.pad(x, (pw, pw, ph, ph)) if ph or pw else x
        deep = sh if kh % sh == 0 else kh
        rows = padded.unfold(2, deep, sh).unfold(3, kw, sw).permute(0, 2, 3, 1, 4, 5)
        height, width = rows.shape[1] - kh // deep + 1, rows.shape[2]
        unfolded = rows.reshape(len(x), -1, x.shape[1] * deep * kw)
        return [unfolded[:, i * width : (i + height) * width] for i in range(kh // deep)]

    def _direct(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """gᵤ [units, p, D] of a few examples."""
        n, channels, p = len(x), x.shape[1], back.shape[1]
        if x.is_cuda or channels == 1:
            b = back.flatten(2)
            grads = self._in_order([torch.bmm(b, piece) for piece in self._patches(x)])
        else:
            # Only the weight's shape is used, never its values
            weight = x.new_empty(1).expand(n * p, channels, *self.layer.kernel_size)
            grads = self._backward(
                x.reshape(1, -1, *x.shape[2:]),
                back.reshape(1, -1, *back.shape[2:]),
                weight,
                n,
                (False, True, False),
            )[1].view(n, p, -1)
        return grads if self.records == 1 else grads.view(-1, self.records, *grads.shape[1:]).sum(1)

    def _in_order(self, pieces: list[torch.Tensor]) -> torch.Tensor:
        """Gradients by the pieces of `_patches`, columns rearranged as in the weight: [n, p, D]."""
        channels, kw = self.layer.weight.shape[1], self.layer.kernel_size[1]
        # [n, p, c, I, a, kw]
        stacked = torch.stack(
            [piece.view(*piece.shape[:2], channels, -1, kw) for piece in pieces], 3
        )
        return stacked.flatten(2)

    def _pixels(self, x: torch.Tensor, back: torch.Tensor) -> int | None:
        """Number of pixels (with a stride: of blocks) if summing Gram matrices of pixels is the
        best way to Gram matrices of patches, otherwise None.
        """
        (kh, kw), (sh, sw), (ph, pw) = self.layer.kernel_size, self.layer.stride, _pair(self.layer)
        if kh % sh or kw % sw or self.records > 1:
            return None
        if (sh, sw) == (1, 1):
            pixels = x[0, 0].numel()
        else:
            pixels = (x.shape[2] + 2 * ph) // sh * ((x.shape[3] + 2 * pw) // sw)
        return pixels if pixels**2 <= kh // sh * (kw // sw) * back[0, 0].numel() ** 2 else None

    def _gram(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """‖gᵤ‖² [units] of a few examples, from Gram matrices of a unit's positions."""
        b = self.together(back.flatten(2).transpose(1, 2))
        ours = torch.bmm(b, b.transpose(1, 2))
        if self._pixels(x, back) is not None:
            patches = self._shifted(x, back)
        else:
            first, *rest = (self.together(piece) for piece in self._patches(x))
            patches = torch.bmm(first, first.transpose(1, 2))
            for piece in rest:
                patches.baddbmm_(piece, piece.transpose(1, 2))
        squares: torch.Tensor = torch.linalg.vecdot(patches.flatten(1), ours.flatten(1))
        return squares

    def _shifted(self, x: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """Gram matrices of patches [n, H', W', H', W']: the sum, over the places of the kernel, of
        the Gram matrices of pixels, shifted to the place in both pairs of dimensions.
        """
        (kh, kw), (sh, sw), (ph, pw) = self.layer.kernel_size, self.layer.stride, _pair(self.layer)
        height, width = back.shape[2:]
        if (sh, sw) != (1, 1):
            x = _blocks(F.pad(x, (pw, pw, ph, ph)), sh, sw)
            kh, kw, ph, pw = kh // sh, kw // sw, 0, 0
        pixels = x.flatten(2)
        gram = torch.bmm(pixels.transpose(1, 2), pixels).view(len(x), *x.shape[2:], *x.shape[2:])
        gram = F.pad(gram, (pw, pw, ph, ph, pw, pw, ph, ph)) if ph or pw else gram
        rows = (
            sum(gram[:, i : i + height, :, i : i + height] for i in range(1, kh))
            + gram[:, :height, :, :height]
        )
        return (
            sum(rows[:, :, j : j + width, :, j : j + width] for j in range(1, kw))
            + rows[:, :, :width, :, :width]
        )


def _blocks(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The pixels of a block as channels: [n, C, H, W] → [n, height · width · C, H // height,
    W // width]; pixels left over at the end belong to no patch.
    """
    n, channels = x.shape[:2]
    rows, columns = x.shape[2] // height, x.shape[3] // width
    # Channels last, so that the values of a block are neighbours in memory
    last = x[:, :, : rows * height, : columns * width].permute(0, 2, 3, 1).contiguous()
    blocks = (
        last.view(n, rows, height, columns, width, channels)
        .permute(0, 1, 3, 2, 4, 5)
        .reshape(n, rows, columns, -1)
    )
    return blocks.permute(0, 3, 1, 2)


def _pair(layer: nn.Conv2d) -> tuple[int, int]:
    if isinstance(layer.padding, str):
        raise ValueError("a convolution with named padding has no sampler of per-example gradients")
    return layer.padding[0], layer.padding[1]
