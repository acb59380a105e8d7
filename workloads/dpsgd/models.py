"""The networks: two and six convolutions with GroupNorm, WideResNet-16-4, and a small transformer
made of Linear layers.

Every parameter belongs to a layer that is called once in a forward pass and has a per-example
sampler (`layers.py`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from energybench_workloads.dpsgd.pooling import MaxPool

VOCABULARY, CONTEXT, WIDTH, HEADS, BLOCKS = 64, 48, 64, 4, 2


def norm(kind: str, channels: int, groups: int) -> nn.Module:
    """GroupNorm, or BatchNorm, which is refused under differential privacy."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(min(groups, channels), channels)


class TwoConv(nn.Sequential):
    """The net of the DP-SGD tutorials on 28² pixels (Papernot et al., arXiv:2007.14191, table 1),
    with GroupNorm.

    Input [n, 1, 28, 28] → logits [n, classes].
    """

    def __init__(self, classes: int, kind: str) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 8, stride=2, padding=3), norm(kind, 16, 4), nn.ReLU(), MaxPool(),
            nn.Conv2d(16, 32, 4, stride=2), norm(kind, 32, 4), nn.ReLU(), MaxPool(),
            nn.Flatten(), nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, classes),
        )  # fmt: skip


class SixConv(nn.Sequential):
    """Three pairs of 3x3 convolutions of 32, 64, 128 channels, as Papernot et al. use on CIFAR-10
    (table 2), with GroupNorm. Input [n, 3, 32, 32].
    """

    def __init__(self, classes: int, kind: str) -> None:
        layers: list[nn.Module] = []
        inside = 3
        for channels in (32, 64, 128):
            for _ in range(2):
                layers += [
                    nn.Conv2d(inside, channels, 3, padding=1),
                    norm(kind, channels, 8),
                    nn.ReLU(),
                ]
                inside = channels
            layers.append(nn.MaxPool2d(2))
        super().__init__(
            *layers, nn.Flatten(), nn.Linear(128 * 16, 128), nn.ReLU(), nn.Linear(128, classes)
        )


class WideBlock(nn.Module):
    """Pre-activation block (Zagoruyko & Komodakis, arXiv:1605.07146)."""

    def __init__(self, inside: int, outside: int, stride: int, kind: str) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(kind, inside, 16), norm(kind, outside, 16)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.short = (
            nn.Conv2d(inside, outside, 1, stride, bias=False) if inside != outside else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = F.relu(self.norm1(x))
        residual = self.conv2(F.relu(self.norm2(self.conv1(first))))
        shortcut: torch.Tensor = x if self.short is None else self.short(first)
        total: torch.Tensor = shortcut + residual
        return total


class WideResNet(nn.Sequential):
    """WideResNet-16-4 with GroupNorm of 16 groups, as De et al. train it with DP
    (arXiv:2204.13650). Input [n, 3, 32, 32].
    """

    def __init__(self, classes: int, kind: str) -> None:
        blocks: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False)]
        inside = 16
        for channels, stride in ((64, 1), (128, 2), (256, 2)):
            blocks += [
                WideBlock(inside, channels, stride, kind),
                WideBlock(channels, channels, 1, kind),
            ]
            inside = channels
        super().__init__(
            *blocks,
            norm(kind, 256, 16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(256, classes),
        )


class TextBlock(nn.Module):
    """Causal self-attention and a two-layer perceptron, both behind a LayerNorm, from Linear layers
    alone.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        q, k, v = (
            self.qkv(self.norm1(x))
            .view(n, length, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        attended = (
            F.scaled_dot_product_attention(q, k, v, is_causal=True)
            .transpose(1, 2)
            .reshape(n, length, width)
        )
        x = x + self.out(attended)
        out: torch.Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return out


class TextNet(nn.Module):
    """A decoder of two blocks.

    Tokens [n, CONTEXT] → logits of the next tokens [n, CONTEXT, VOCABULARY].
    """

    def __init__(self, classes: int, kind: str) -> None:
        super().__init__()
        if kind != "group":
            raise ValueError("the transformer has no BatchNorm")
        self.tokens, self.places = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(TextBlock(WIDTH, HEADS) for _ in range(BLOCKS)))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # A row of positions for every example, so that the gradient of the places is per example
        at = torch.arange(x.shape[1], device=x.device).repeat(len(x), 1)
        logits: torch.Tensor = self.head(self.norm(self.blocks(self.tokens(x) + self.places(at))))
        return logits


NETWORKS: dict[str, type[nn.Module]] = {
    "conv2": TwoConv,
    "conv6": SixConv,
    "wrn16-4": WideResNet,
    "text": TextNet,
}


def network(name: str, classes: int, kind: str, seed: int) -> nn.Module:
    """A network with weights drawn from `seed`; the global generator is unchanged afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[name](classes, kind)


def losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the examples [n], in nat; of a text the mean over its tokens."""
    if logits.dim() == 2:
        return F.cross_entropy(logits, targets, reduction="none")
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(1)
