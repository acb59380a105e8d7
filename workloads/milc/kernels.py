"""The kernels, one source for CPUs and GPUs: plain torch functions that torch.compile turns into
C++ (OpenMP, vectorised over the lanes) or Triton.

Without a compiler the same functions run eagerly, in blocks of rows. Every function writes into
buffers that exist. Shapes: a vector's own rows [rows, 3, 2, lanes]; a buffer has guard and halo
rows around them (layout.py); links [rows, 16, 3, 3, 2, lanes], or packed [rows, 16, 3, 3, lanes].
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

LARGEST, BIAS, MASK, HALF = (
    32767.0,
    32768,
    0xFFFF,
    65536.0,
)  # of 16-bit integers packed two to a word
# of a block without a compiler: the gathered neighbours of more would not stay in the cache
EAGER_ROWS = 512
# A gather that is used three times would be written out first (realize_*): here it is two loads and
# a blend. Every index comes from our own tables.
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
    """The sum over neighbours of matrices times vectors, real and imaginary part of each colour in
    turn, each [rows, lanes].

    The nine products of a matrix are written out as chains of multiply-adds, so that one pass over
    the neighbours makes all six sums and blends each neighbour once.
    """
    re, im = v[:, :, :, 0].unbind(2), v[:, :, :, 1].unbind(2)
    made = []
    for row in range(3):
        a, b = (links[:, :, row, :, part].to(v.dtype).unbind(2) for part in (0, 1))
        real, imaginary = a[0] * re[0] - b[0] * im[0], a[0] * im[0] + b[0] * re[0]
        for column in (1, 2):
            real = real + a[column] * re[column] - b[column] * im[column]
            imaginary = imaginary + a[column] * im[column] + b[column] * re[column]
        made += [real.sum(1), imaginary.sum(1)]
    return made


def _multiply_packed(
    words: torch.Tensor, scale: torch.Tensor, v: torch.Tensor
) -> list[torch.Tensor]:
    """The same with links that `pack` made.

    Real parts are read with their bias, which is taken off once a vector and not once a matrix
    element.
    """
    low = v * scale[:, :, None, None, None]
    high, bias = low / HALF, BIAS * low.sum(2)
    made = []
    for row in range(3):
        real, imaginary = -bias[:, :, 0], -bias[:, :, 1]
        for column in range(3):
            word = words[:, :, row, column]
            a, b = (word & MASK).to(v.dtype), word.to(v.dtype)
            real = real + a * low[:, :, column, 0] - b * high[:, :, column, 1]
            imaginary = imaginary + a * low[:, :, column, 1] + b * high[:, :, column, 0]
        made += [real.sum(1), imaginary.sum(1)]
    return made


def planes(rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The six parts of a vector's own rows, each a view [rows, lanes]: a hop writes its sums
    straight there. Into one tensor they would go by two copies.
    """
    return rows.flatten(1, 2).unbind(1)


def _hop(
    links: torch.Tensor, scale: torch.Tensor | None, source: torch.Tensor, where: Where
) -> list[torch.Tensor]:
    """The planes of D source.

    `scale` [rows, 16]: links are packed in 16-bit integers, to be multiplied by it.
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
    for plane, made in zip(out, _hop(links, scale, source, where), strict=True):
        plane.copy_(made)


def hop_from(
    links: torch.Tensor,
    scale: torch.Tensor | None,
    source: torch.Tensor,
    where: Where,
    out: tuple[torch.Tensor, ...],
    v: tuple[torch.Tensor, ...],
    weight: torch.Tensor,
) -> None:
    """out = weight · v - D source; v, out: planes; weight: a scalar tensor, so that another mass is
    no other kernel.
    """
    for plane, own, made in zip(out, v, _hop(links, scale, source, where), strict=True):
        plane.copy_(weight * own - made)


def _parts(product: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    return parts(product.sum((1, 2)), unit)


def norm2(v: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """|v|², as sums.py adds up."""
    return _parts(v * v, unit)


def dot(u: torch.Tensor, v: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """Re <u, v>; the imaginary part vanishes wherever CG needs it."""
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
    """Block-scaled 16-bit integers: the 9 x lanes matrices of a row and direction share one scale.
    int32 [rows, 16, 3, 3, lanes]; scale [rows, 16] fp32.

    The low half of a word is the real part plus a bias, so that it is never negative. The whole
    word is the imaginary part times 2^16, the low half being less than one of its units: the high
    half is rounded so that the two together are nearest. Reading costs one mask and two
    conversions.
    """
    import torch

    scale = (links.abs().amax((2, 3, 4, 5)) / LARGEST).clamp_min(torch.finfo(torch.float32).tiny)
    per = (1 / scale)[:, :, None, None, None]
    low = torch.round(links[..., 0, :] * per).to(torch.int32) + BIAS
    high = torch.round(links[..., 1, :] * per - low / HALF).to(torch.int32)
    return (high << 16) | low, scale.to(torch.float32)


Kernel = Callable[..., Any]


class Kernels(NamedTuple):
    """The functions above as they are called. how: 'compiled', 'compiled, hops in Triton' or
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
    """The C++ compiler that torch.compile would call; None where there is none."""
    return shutil.which(os.environ.get("CXX") or "g++") or shutil.which("clang++")


@functools.cache
def kernels(device_type: str, asked: str = "auto") -> Kernels:
    """compiled where `asked` is auto and there is a compiler.

    Raises BadInput where it is asked for and there is none.
    """
    import torch

    missing = device_type == "cpu" and compiler() is None
    if asked == "compiled" and missing:
        raise BadInput(
            "--set kernels=compiled",
            "torch.compile needs a C++ compiler, and there is none",
            "install g++, or --set kernels=eager",
        )
    if asked == "eager" or missing:
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
    torch._dynamo.config.recompile_limit = max(
        torch._dynamo.config.recompile_limit, 64
    )  # a new shape is a new kernel: lattices, precisions, ranks
    functions = (hop, hop_from, norm2, dot, advance, turn, shifted, pack, settle)
    made = [
        torch.compile(function, fullgraph=True, dynamic=False, options=options)
        for function in functions
    ]
    found = Kernels("compiled", *made)
    if device_type == "cpu":
        return found._replace(settle=settle_here)
    if importlib.util.find_spec("triton") is None:
        return found
    from energybench_workloads.milc import triton_hop

    return found._replace(
        how="compiled, hops in Triton", hop=triton_hop.hop, hop_from=triton_hop.hop_from
    )


def _in_blocks(function: Kernel, own: int) -> Kernel:
    """The same on blocks of rows, one after the other; the `own` vectors after the stencil are cut
    too.
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
                tuple(plane[part] for plane in value) if i < own else value
                for i, value in enumerate(rest)
            ]
            function(links[part], None if scale is None else scale[part], source, here, *cut)

    return run
