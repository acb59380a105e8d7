"""The cost of a step: parameters, flops and memory, counted layer by layer, without torch."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class Size(NamedTuple):
    """Extents of the field, and defaults for a run. steps: of a run; samples: of the training set;
    held: samples of the held-out set.
    """

    height: int
    width: int
    steps: int
    samples: int
    held: int

    @property
    def pixels(self) -> int:
        return self.height * self.width


SIZES = {
    "smoke": Size(32, 48, 4, 8, 2),
    "S": Size(192, 288, 10, 64, 8),
    "M": Size(384, 576, 10, 64, 8),
    "L": Size(768, 1152, 20, 64, 8),
}


class Layer(NamedTuple):
    """One convolution. The kernel is applied at every pixel of the output; of a transposed
    convolution, at every pixel of the input. norm: BatchNorm follows.
    """

    name: str
    inputs: int
    outputs: int
    kernel: int
    read: int  # pixels of the input
    written: int  # pixels of the output
    groups: int = 1
    norm: bool = True
    bias: bool = False
    transposed: bool = False

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs * self.kernel**2 // self.groups

    @property
    def parameters(self) -> int:
        return self.weights + self.outputs * (2 * self.norm + self.bias)

    @property
    def flops(self) -> int:
        """Forward, for one sample: 2 for a multiply-add."""
        return 2 * self.weights * (self.read if self.transposed else self.written)


def layers(pixels: int) -> list[Layer]:
    """Every convolution of the network for a field of `pixels` pixels; network.py cites the
    sources.
    """
    half, quarter, eighth, deep = (pixels // 4**k for k in (1, 2, 3, 4))
    convolutions = [
        Layer("stem.0", 16, 32, 3, pixels, half),
        Layer("stem.1", 32, 64, 3, half, half),
    ]

    def separable(name: str, inputs: int, outputs: int, read: int, written: int) -> None:
        convolutions.append(
            Layer(f"{name}.depth", inputs, inputs, 3, read, written, groups=inputs, norm=False)
        )
        convolutions.append(Layer(f"{name}.point", inputs, outputs, 1, written, written))

    def block(name: str, widths: tuple[int, ...], read: int, written: int) -> None:
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            separable(
                f"{name}.{i}", inputs, outputs, read, written if i == len(widths) - 2 else read
            )
        if read != written or widths[0] != widths[-1]:
            convolutions.append(Layer(f"{name}.skip", widths[0], widths[-1], 1, read, written))

    block("low", (64, 128, 128, 128), half, quarter)
    block("entry.1", (128, 256, 256, 256), quarter, eighth)
    block("entry.2", (256, 728, 728, 728), eighth, deep)
    for i in range(16):
        block(f"middle.{i}", (728,) * 4, deep, deep)
    block("exit", (728, 728, 1024, 1024), deep, deep)
    for i, (inputs, outputs) in enumerate(((1024, 1536), (1536, 1536), (1536, 2048))):
        separable(f"exit.{i}", inputs, outputs, deep, deep)
    convolutions.append(Layer("atrous.0", 2048, 256, 1, deep, deep))
    convolutions += [Layer(f"atrous.{rate}", 2048, 256, 3, deep, deep) for rate in (6, 12, 18)]
    convolutions.append(Layer("atrous.mean", 2048, 256, 1, 1, 1, norm=False, bias=True))
    convolutions.append(Layer("atrous.join", 1280, 256, 1, deep, deep))
    convolutions.append(Layer("decoder.low", 128, 48, 1, quarter, quarter))
    convolutions.append(Layer("decoder.up.0", 256, 256, 3, deep, eighth, transposed=True))
    convolutions.append(Layer("decoder.up.1", 256, 256, 3, eighth, quarter, transposed=True))
    convolutions.append(Layer("decoder.mix.0", 304, 256, 3, quarter, quarter))
    convolutions.append(Layer("decoder.mix.1", 256, 256, 3, quarter, quarter))
    convolutions.append(
        Layer("decoder.mix.2", 256, 256, 1, quarter, quarter, norm=False, bias=True)
    )
    convolutions.append(Layer("decoder.half", 256, 256, 3, quarter, half, transposed=True))
    convolutions.append(Layer("decoder.full", 256, 3, 3, half, pixels, norm=False, transposed=True))
    return convolutions


def parameters() -> int:
    return sum(layer.parameters for layer in layers(4**6))


def forward_flops(pixels: int) -> int:
    """Of the forward pass of one sample."""
    return sum(layer.flops for layer in layers(pixels))


def training_flops(pixels: int) -> int:
    """Forward, gradient by the input, gradient by the weights: three products of equal size. The
    optimiser is left out: some 10 flops a parameter.
    """
    return 3 * forward_flops(pixels)


def kept_bytes(pixels: int, element: int, recompute: bool = False) -> float:
    """Bytes of a sample's forward pass that the backward pass needs: inputs of convolutions and of
    BatchNorm, in elements of `element` bytes.

    The output of a rectifier is the input of the next convolution, and counts once. Logits, softmax
    and labels in 64 bits have the full resolution. With recomputation the inputs of the blocks are
    kept, and at one time the complete largest block, the decoder.
    """
    judged = pixels * (2 * 3 * 4 + 8)
    parts: dict[str, float] = {}
    inputs: dict[str, float] = {}
    for layer in layers(pixels):
        # the block of the layer: "middle.3", "entry.1", "exit.0", "decoder"
        numbered = layer.name.startswith(("middle", "entry", "exit."))
        part = ".".join(layer.name.split(".")[: 2 if numbered else 1])
        inputs.setdefault(part, element * layer.inputs * layer.read)
        parts[part] = parts.get(part, 0.0) + element * (
            layer.inputs * layer.read + layer.norm * layer.outputs * layer.written
        )
    if recompute:
        return judged + sum(inputs.values()) + max(parts.values())
    return judged + sum(parts.values())


def memory(
    size: Size, batch: int, training: bool, element: int, recompute: bool, samples: int
) -> tuple[float, float]:
    """(host, device) bytes of one process; on a CPU the host needs both.

    Device: weights, gradients and two moments in fp32; a copy of the weights in the format of the
    arithmetic; activations, with a quarter more for output, gradient and workspace of the largest
    layer; 1 GiB for the device's libraries. Host: the initial weights, and the samples in bf16 with
    labels.
    """
    weights = parameters()
    state = weights * ((16 if training else 4) + element)
    if training:
        activations = batch * kept_bytes(size.pixels, element, recompute)
    else:  # two layers at half resolution
        activations = float(batch * size.pixels * 256 * element)
    host = samples * size.pixels * (2 * 16 + 1) + 12.0 * weights
    return host, state + 1.25 * activations + 2.0**30
