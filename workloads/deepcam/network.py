"""DeepLabv3+ over a modified aligned Xception, output stride 16, with a decoder of transposed
convolutions up to full resolution.

Xception: Chollet, arXiv:1610.02357 (separable convolutions, each followed by batch normalisation,
residual blocks); its modification for segmentation: Chen et al., arXiv:1802.02611, section 3.2
(strided separable convolutions for pooling, 16 middle blocks, atrous exit flow). ASPP and the
48-channel projection of low-level features: same paper. Decoder and input channels: as MLPerf HPC's
DeepCAM has them (arXiv:2110.11466), after Kurth et al., arXiv:1810.01993.

    image [B, 16, H, W] → logits [B, 3, H, W]; H and W are multiples of 16
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

CHANNELS, CLASSES, STRIDE = 16, 3, 16
MIDDLE_BLOCKS = 16
# Of the atrous branches at output stride 16: Chen et al., arXiv:1706.05587, section 4
RATES = (6, 12, 18)
ASPP, LOW = 256, 48


def normalised(*layers: nn.Module, channels: int) -> list[nn.Module]:
    return [*layers, nn.BatchNorm2d(channels)]


def separable(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    """A 3 x 3 filter for each channel, a 1 x 1 product over channels, batch normalisation."""
    depthwise = nn.Conv2d(
        inputs, inputs, 3, stride, padding=dilation, dilation=dilation, groups=inputs, bias=False
    )
    return normalised(depthwise, nn.Conv2d(inputs, outputs, 1, bias=False), channels=outputs)


def up(outputs: int) -> nn.ConvTranspose2d:
    """Doubles both extents."""
    return nn.ConvTranspose2d(ASPP, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)


class Block(nn.Module):
    """Separable convolutions with a rectifier before each, beside an identity or a 1 x 1
    projection.
    """

    def __init__(
        self, widths: tuple[int, ...], stride: int = 1, dilation: int = 1, first_relu: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        last = len(widths) - 2
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            strided = stride > 1 and i == last
            if not strided and (i > 0 or first_relu):
                layers.append(nn.ReLU())
            layers += separable(inputs, outputs, stride if strided else 1, dilation)
        self.body = nn.Sequential(*layers)
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or widths[0] != widths[-1]:
            self.skip = nn.Sequential(
                *normalised(
                    nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False), channels=widths[-1]
                )
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.skip(x)  # type: ignore[no-any-return]


class Atrous(nn.Module):
    """Atrous spatial pyramid pooling: 1 x 1, three atrous rates, and the mean of the image.

    The mean has one value for each channel and is not batch-normalised.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        kinds = [
            nn.Conv2d(inputs, ASPP, 1, bias=False),
            *(nn.Conv2d(inputs, ASPP, 3, padding=r, dilation=r, bias=False) for r in RATES),
        ]
        self.branches = nn.ModuleList(
            nn.Sequential(*normalised(kind, channels=ASPP), nn.ReLU()) for kind in kinds
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inputs, ASPP, 1), nn.ReLU())
        self.join = nn.Sequential(
            *normalised(nn.Conv2d(5 * ASPP, ASPP, 1, bias=False), channels=ASPP), nn.ReLU()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scales = [branch(x) for branch in self.branches]
        mean = self.pool(x).expand(-1, -1, *x.shape[2:])
        return self.join(torch.cat([*scales, mean], dim=1))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """From stride 16 to 4, joined with low-level features, and to full resolution."""

    def __init__(self, low: int) -> None:
        super().__init__()
        relu = nn.ReLU()
        self.low = nn.Sequential(
            *normalised(nn.Conv2d(low, LOW, 1, bias=False), channels=LOW), relu
        )
        self.rise = nn.Sequential(
            *normalised(up(ASPP), channels=ASPP), relu, *normalised(up(ASPP), channels=ASPP), relu
        )
        mixed = [
            normalised(nn.Conv2d(width, ASPP, 3, padding=1, bias=False), channels=ASPP)
            for width in (ASPP + LOW, ASPP)
        ]
        self.mix = nn.Sequential(*mixed[0], relu, *mixed[1], relu, nn.Conv2d(ASPP, ASPP, 1))
        self.to_half = nn.Sequential(*normalised(up(ASPP), channels=ASPP), relu)
        self.to_full = up(CLASSES)

    def forward(self, x: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        joined = torch.cat([self.rise(x), self.low(low)], dim=1)
        return self.to_full(self.to_half(self.mix(joined)))  # type: ignore[no-any-return]


class DeepLab(nn.Module):
    """56.46 M parameters.

    `recompute`: keep only inputs and outputs of blocks, and compute the inside of a block again in
    the backward pass.
    """

    def __init__(self, recompute: bool = False) -> None:
        super().__init__()
        self.recompute = recompute
        first = normalised(nn.Conv2d(CHANNELS, 32, 3, 2, padding=1, bias=False), channels=32)
        second = normalised(nn.Conv2d(32, 64, 3, padding=1, bias=False), channels=64)
        self.stem = nn.Sequential(*first, nn.ReLU(), *second, nn.ReLU())
        self.low = Block((64, 128, 128, 128), stride=2, first_relu=False)
        deep: list[nn.Module] = [
            Block((128, 256, 256, 256), stride=2),
            Block((256, 728, 728, 728), stride=2),
        ]
        deep += [Block((728, 728, 728, 728)) for _ in range(MIDDLE_BLOCKS)]
        deep.append(Block((728, 728, 1024, 1024)))
        wide = [
            separable(inputs, outputs, dilation=2)
            for inputs, outputs in ((1024, 1536), (1536, 1536), (1536, 2048))
        ]
        deep += [nn.Sequential(*layers, nn.ReLU()) for layers in wide]
        self.deep = nn.ModuleList(deep)
        self.atrous = Atrous(2048)
        self.decoder = Decoder(128)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        low = x = self._part(self.low, self._part(self.stem, image))
        for block in self.deep:
            x = self._part(block, x)
        return self._part(self.decoder, self._part(self.atrous, x), low)

    def _part(self, part: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
        if not (self.recompute and self.training and torch.is_grad_enabled()):
            return part(*inputs)  # type: ignore[no-any-return]
        contexts = lambda: (contextlib.nullcontext(), still(part))  # noqa: E731
        output: torch.Tensor = checkpoint(
            part, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
        )
        return output


@contextlib.contextmanager
def still(part: nn.Module) -> Iterator[None]:
    """A context for a second forward pass, in which the running statistics of batch normalisation
    do not change.
    """
    norms = [module for module in part.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta: list[Any] = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def initialise(network: nn.Module, seed: int) -> None:
    """He's normal initialisation (arXiv:1502.01852) by a generator on the CPU, in the order of the
    modules; BatchNorm at 1 and 0.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            fan = module.weight[0].numel()
            if isinstance(module, nn.ConvTranspose2d):
                fan = module.weight.shape[0] * 9 // 4  # a stride of 2 uses a quarter of the taps
            with torch.no_grad():
                module.weight.normal_(0.0, (2.0 / fan) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()


def weights_norm(network: nn.Module) -> float:
    """Norm of all parameters. Not finite after a gradient that was not finite."""
    return float(
        torch.stack(
            torch._foreach_norm([parameter.detach() for parameter in network.parameters()])
        ).norm()
    )


def class_weights(frequencies: tuple[float, ...]) -> tuple[float, ...]:
    """Frequency^-0.125: the weighting of the reference (Kurth et al., arXiv:1810.01993, section
    V.B.1, with MLPerf HPC's exponent).
    """
    return tuple(float(f) ** -0.125 for f in frequencies)


def loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted cross entropy, its mean over pixels. logits [B, 3, H, W], labels [B, H, W] in uint8;
    in fp32.
    """
    return functional.cross_entropy(logits.float(), labels.long(), weights, reduction="none").mean()
