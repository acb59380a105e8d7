"""The kernels, one source for CPUs and GPUs: plain torch functions that torch.compile turns into
C++ (OpenMP, vectorised over the lanes) or Triton.

Without a compiler the functions run eagerly, in blocks of rows. The functions write into existing
buffers. Shapes: the interior rows of a vector [rows, 3, 2, lanes], surrounded by guard and halo
rows in a buffer (layout.py); links [rows, 16, 3, 3, 2, lanes], or packed [rows, 16, 3, 3, lanes].
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from energybench.errors import BadInput
from energybench_workloads.milc.reproducible_sums import parts, settle, settle_here

if TYPE_CHECKING:
    import torch

# Two 16-bit integers in a word: the largest value, the bias and the mask of the low half, and the
# factor between the halves
LARGEST, BIAS, MASK, HALF = 32767.0, 32768, 0xFFFF, 65536.0
# Rows of a block without a compiler: the gathered neighbours of a larger block would not stay in
# the cache
EAGER_ROWS = 512
# By default a gather that is used three times is first written out (realize_*); here a gather is
# two loads and a blend. Indices need no checks: our tables contain them.
OPTIONS = {
    "realize_reads_threshold": 10**6,
    "realize_opcount_threshold": 10**6,
    "realize_acc_reads_threshold": 10**6,
    "assert_indirect_indexing": False,
}
CPU_OPTIONS = {"cpp.enable_floating_point_contract_flag": "fast"}


class Where(NamedTuple):
    """A stencil as tensors on a device: ahead, back, kinds [rows, 16]; masks [kinds, lanes] of the
    vectors' dtype.
    """

    ahead: torch.Tensor
    back: torch.Tensor
    kinds: torch.Tensor
    masks: torch.Tensor


def _neighbours(source: torch.Tensor, where: Where) -> torch.Tensor:
    """[rows, 16, 3, 2, lanes] out of a flat buffer: two shifted loads, blended lane by lane."""
    import torch

    ahead, back, kinds, masks = where
    lanes = masks.shape[1]
    view = source.as_strided(
        (source.numel() - 6 * lanes + 1, 3, 2, lanes), (1, 2 * lanes, lanes, 1)
    )
    return torch.where(masks[kinds][:, :, None, None, :] > 0, view[ahead], view[back])


def _multiply(links: torch.Tensor, v: torch.Tensor) -> list[torch.Tensor]:
    """The sum over neighbours of matrices times vectors: real and imaginary part of the three
    colours, six tensors [rows, lanes].

    The nine products of a matrix are written out as chains of multiply-adds, so that one pass over
    the neighbours computes the six sums and blends every neighbour once.
    """
    re, im = v[:, :, :, 0].unbind(2), v[:, :, :, 1].unbind(2)
    planes = []
    for row in range(3):
        a, b = (links[:, :, row, :, part].to(v.dtype).unbind(2) for part in (0, 1))
        real, imaginary = a[0] * re[0] - b[0] * im[0], a[0] * im[0] + b[0] * re[0]
        for column in (1, 2):
            real = real + a[column] * re[column] - b[column] * im[column]
            imaginary = imaginary + a[column] * im[column] + b[column] * re[column]
        planes += [real.sum(1), imaginary.sum(1)]
    return planes


def _multiply_packed(
    words: torch.Tensor, scale: torch.Tensor, v: torch.Tensor
) -> list[torch.Tensor]:
    """`_multiply` for links from `pack`.

    Real parts are read with their bias. The bias is subtracted once for a vector and not once for a
    matrix element.
    """
    low = v * scale[:, :, None, None, None]
    high, bias = low / HALF, BIAS * low.sum(2)
    planes = []
    for row in range(3):
        real, imaginary = -bias[:, :, 0], -bias[:, :, 1]
        for column in range(3):
            word = words[:, :, row, column]
            a, b = (word & MASK).to(v.dtype), word.to(v.dtype)
            real = real + a * low[:, :, column, 0] - b * high[:, :, column, 1]
            imaginary = imaginary + a * low[:, :, column, 1] + b * high[:, :, column, 0]
        planes += [real.sum(1), imaginary.sum(1)]
    return planes


def planes(rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Views [rows, lanes] of real and imaginary part of the three colours, in a vector's interior
    rows.

    A hop writes its sums straight into the views. Into a single tensor the sums would go by two
    copies.
    """
    return rows.flatten(1, 2).unbind(1)


def _hop(
    links: torch.Tensor, scale: torch.Tensor | None, source: torch.Tensor, where: Where
) -> list[torch.Tensor]:
    """The planes of D source.

    With `scale` [rows, 16], links are packed in 16-bit integers that have to be multiplied by
    `scale`.
    """
    v = _neighbours(source, where)
    return _multiply(links, v) if scale is None else _multiply_packed(links, scale, v)


def hop(
    links: torch.Tensor,
    scale: torch.Tensor | None,
    source: torch.Tensor,
    where: Where,
    out: tuple[torch.Tensor, ...],
) -> None:
    """out = D source; out: planes."""
    for plane, hopped in zip(out, _hop(links, scale, source, where), strict=True):
        plane.copy_(hopped)


def hop_from(
    links: torch.Tensor,
    scale: torch.Tensor | None,
    source: torch.Tensor,
    where: Where,
    out: tuple[torch.Tensor, ...],
    v: tuple[torch.Tensor, ...],
    weight: torch.Tensor,
) -> None:
    """out = weight · v - D source; v, out: planes; weight: a scalar tensor, so that a different
    mass does not need a different kernel.
    """
    for plane, diagonal, hopped in zip(out, v, _hop(links, scale, source, where), strict=True):
        plane.copy_(weight * diagonal - hopped)


def _parts(product: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    return parts(product.sum((1, 2)), unit)


def norm2(v: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """|v|², as `parts` of reproducible_sums.py."""
    return _parts(v * v, unit)


def dot(u: torch.Tensor, v: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """Re <u, v>: the imaginary parts of CG's products vanish."""
    return _parts(u * v, unit)


def advance(
    x: torch.Tensor,
    r: torch.Tensor,
    p: torch.Tensor,
    q: torch.Tensor,
    alpha: torch.Tensor,
    unit: torch.Tensor,
) -> torch.Tensor:
    """x += alpha p; r -= alpha q; |r|²."""
    x.add_(alpha * p)
    r.sub_(alpha * q)
    return _parts(r * r, unit)


def turn(p: torch.Tensor, r: torch.Tensor, beta: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """p = r + beta p; |p|²."""
    p.copy_(r + beta * p)
    return _parts(p * p, unit)


def shifted(
    x: torch.Tensor,
    p: torch.Tensor,
    r: torch.Tensor,
    alpha: torch.Tensor,
    zeta: torch.Tensor,
    beta: torch.Tensor,
) -> None:
    """x += alpha p; p = zeta r + beta p."""
    x.add_(alpha * p)
    p.copy_(zeta * r + beta * p)


def pack(links: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Block-scaled 16-bit integers: the 9 x lanes matrices of a row and direction share a scale.
    int32 [rows, 16, 3, 3, lanes]; scale [rows, 16] fp32.

    The low half of a word is the real part plus a bias, and so never negative. The word as a whole
    is the imaginary part times 2^16: the low half is less than a unit of the high half, and the
    high half is rounded to make the word nearest to the imaginary part. Reading costs a mask and
    two conversions.
    """
    import torch

    scale = (links.abs().amax((2, 3, 4, 5)) / LARGEST).clamp_min(torch.finfo(torch.float32).tiny)
    per = (1 / scale)[:, :, None, None, None]
    low = torch.round(links[..., 0, :] * per).to(torch.int32) + BIAS
    high = torch.round(links[..., 1, :] * per - low / HALF).to(torch.int32)
    return (high << 16) | low, scale.to(torch.float32)


Kernel = Callable[..., Any]


class Kernels(NamedTuple):
    """The functions above, compiled or not. how: 'compiled', 'compiled, hops in Triton' or
    'eager'.
    """

    how: str
    hop: Kernel
    hop_from: Kernel
    norm2: Kernel
    dot: Kernel
    advance: Kernel
    turn: Kernel
    shifted: Kernel
    pack: Kernel
    settle: Kernel


def compiler() -> str | None:
    """The C++ compiler that torch.compile would call; None if no compiler is installed."""
    return shutil.which(os.environ.get("CXX") or "g++") or shutil.which("clang++")


@functools.cache
def kernels(device_type: str, choice: str = "auto") -> Kernels:
    """`choice`: compiled, eager, or auto: compiled if there is a compiler.

    Raises BadInput if there is no compiler for the choice `compiled`.
    """
    import torch

    missing = device_type == "cpu" and compiler() is None
    if choice == "compiled" and missing:
        raise BadInput(
            "--set kernels=compiled",
            "torch.compile needs a C++ compiler, and none is installed",
            "install g++, or --set kernels=eager",
        )
    if choice == "eager" or missing:
        return Kernels(
            "eager",
            _in_blocks(hop, 1),
            _in_blocks(hop_from, 2),
            norm2,
            dot,
            advance,
            turn,
            shifted,
            pack,
            settle_here,
        )
    options: dict[str, Any] = {**OPTIONS, **(CPU_OPTIONS if device_type == "cpu" else {})}
    # every new shape is a new kernel: lattices, precisions, ranks
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
    functions = (hop, hop_from, norm2, dot, advance, turn, shifted, pack, settle)
    compiled = Kernels(
        "compiled",
        *(
            torch.compile(function, fullgraph=True, dynamic=False, options=options)
            for function in functions
        ),
    )
    if device_type == "cpu":
        return compiled._replace(settle=settle_here)
    if importlib.util.find_spec("triton") is None:
        return compiled
    from energybench_workloads.milc import triton_hop

    return compiled._replace(
        how="compiled, hops in Triton", hop=triton_hop.hop, hop_from=triton_hop.hop_from
    )


def _in_blocks(function: Kernel, vectors: int) -> Kernel:
    """`function` on blocks of rows, one after the other. The first `vectors` arguments after the
    stencil are cut into blocks too.
    """

    def run(
        links: torch.Tensor,
        scale: torch.Tensor | None,
        source: torch.Tensor,
        where: Where,
        *rest: Any,
    ) -> None:
        for start in range(0, links.shape[0], EAGER_ROWS):
            part = slice(start, start + EAGER_ROWS)
            here = Where(where.ahead[part], where.back[part], where.kinds[part], where.masks)
            cut = [
                tuple(plane[part] for plane in value) if i < vectors else value
                for i, value in enumerate(rest)
            ]
            function(links[part], None if scale is None else scale[part], source, here, *cut)

    return run
