"""What a step costs by the network's own layers: parameters, flops, memory.

Counted layer by layer, without torch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple


class Size(NamedTuple):
    """Extents of the field and what a run of this size does. samples: of the training set; held: of
    the held-out set.
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
    """One convolution. places: positions where the kernel is applied (of the output; of the input
    if transposed); norm: BatchNorm follows.
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
        """Forward, of one sample: 2 a multiply-add."""
        return 2 * self.weights * (self.read if self.transposed else self.written)


def layers(pixels: int) -> list[Layer]:
    """Every convolution of the network for one field of so many pixels (network.py says where each
    is from).
    """
    half, quarter, eighth, deep = (pixels // 4**k for k in (1, 2, 3, 4))
    found = [Layer("stem.0", 16, 32, 3, pixels, half), Layer("stem.1", 32, 64, 3, half, half)]

    def separable(name: str, inputs: int, outputs: int, read: int, written: int) -> None:
        found.append(
            Layer(f"{name}.depth", inputs, inputs, 3, read, written, groups=inputs, norm=False)
        )
        found.append(Layer(f"{name}.point", inputs, outputs, 1, written, written))

    def block(name: str, widths: tuple[int, ...], read: int, written: int) -> None:
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            separable(
                f"{name}.{i}", inputs, outputs, read, written if i == len(widths) - 2 else read
            )
        if read != written or widths[0] != widths[-1]:
            found.append(Layer(f"{name}.skip", widths[0], widths[-1], 1, read, written))

    block("low", (64, 128, 128, 128), half, quarter)
    block("entry.1", (128, 256, 256, 256), quarter, eighth)
    block("entry.2", (256, 728, 728, 728), eighth, deep)
    for i in range(16):
        block(f"middle.{i}", (728,) * 4, deep, deep)
    block("exit", (728, 728, 1024, 1024), deep, deep)
    for i, (inputs, outputs) in enumerate(((1024, 1536), (1536, 1536), (1536, 2048))):
        separable(f"exit.{i}", inputs, outputs, deep, deep)
    found.append(Layer("atrous.0", 2048, 256, 1, deep, deep))
    found += [Layer(f"atrous.{rate}", 2048, 256, 3, deep, deep) for rate in (6, 12, 18)]
    found.append(Layer("atrous.mean", 2048, 256, 1, 1, 1, norm=False, bias=True))
    found.append(Layer("atrous.join", 1280, 256, 1, deep, deep))
    found.append(Layer("decoder.low", 128, 48, 1, quarter, quarter))
    found.append(Layer("decoder.up.0", 256, 256, 3, deep, eighth, transposed=True))
    found.append(Layer("decoder.up.1", 256, 256, 3, eighth, quarter, transposed=True))
    found.append(Layer("decoder.mix.0", 304, 256, 3, quarter, quarter))
    found.append(Layer("decoder.mix.1", 256, 256, 3, quarter, quarter))
    found.append(Layer("decoder.mix.2", 256, 256, 1, quarter, quarter, norm=False, bias=True))
    found.append(Layer("decoder.half", 256, 256, 3, quarter, half, transposed=True))
    found.append(Layer("decoder.full", 256, 3, 3, half, pixels, norm=False, transposed=True))
    return found


def parameters() -> int:
    return sum(layer.parameters for layer in layers(4**6))


def forward_flops(pixels: int) -> int:
    """Of one sample."""
    return sum(layer.flops for layer in layers(pixels))


def training_flops(pixels: int) -> int:
    """Forward, gradient by the input, gradient by the weights: three products of the same size (the
    optimiser is left out: some 10 flops a parameter).
    """
    return 3 * forward_flops(pixels)


def kept_bytes(pixels: int, element: int, recompute: bool = False) -> float:
    """What one sample's backward pass needs of its forward pass: each convolution's input and each
    BatchNorm's input, elements of so many bytes.

    A rectifier's output is its convolution's input and is kept once; logits, their softmax and the
    labels in 64 bits are kept in full resolution. With recomputation a block's input stays, and the
    largest block (the decoder) is held whole in its turn.
    """
    judged = pixels * (2 * 3 * 4 + 8)
    parts: dict[str, float] = {}
    inputs: dict[str, float] = {}
    for layer in layers(pixels):
        part = (
            ".".join(layer.name.split(".")[:2])
            if layer.name.startswith(("middle", "entry", "exit."))
            else layer.name.split(".")[0]
        )
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
    """(host, device) bytes of one process; on a CPU they are one and the same, and both are needed.

    Weights, gradients and two moments in fp32, a copy of the weights in the format of the
    arithmetic, the initial weights on the host; activations kept, and for the largest layer its
    output, gradient and workspace as a quarter more; 1 GiB for the device's libraries. Host: the
    samples in bf16 with labels.
    """
    weights = parameters()
    state = weights * ((16 if training else 4) + element)
    kept = (
        batch * kept_bytes(size.pixels, element, recompute)
        if training
        else batch * size.pixels * 256 * element
    )  # inference: two layers at half resolution
    host = samples * size.pixels * (2 * 16 + 1) + 12.0 * weights
    return host, state + 1.25 * kept + 2.0**30
