"""The hops in Triton, for GPUs: a thread for each site, and a single load where the plain functions
blend two. `hop` and `hop_from` have the parameters of their namesakes in kernels.py.

The plain functions, compiled by torch.compile, reach 40 % of an H200's read bandwidth in fp32; the
hops in Triton reach 80 % (docs/workloads/milc.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import triton
import triton.language as tl

from energybench_workloads.milc.kernels import BIAS, HALF, MASK, Where

if TYPE_CHECKING:
    import torch

# Sites of a block: some neighbours along x and y are then read from one multiprocessor's cache
SITES = 512


@triton.jit
def _load_once(place, inside):
    """Load a number that is not read again, without driving the vectors out of the caches."""
    return tl.load(place, inside, 0, eviction_policy="evict_first")


@triton.jit
def _row(link, lanes, re0, im0, re1, im1, re2, im2, real, imaginary, inside):
    """(real, imaginary) plus a row of a matrix times a vector."""
    a, b = _load_once(link, inside).to(re0.dtype), _load_once(link + lanes, inside).to(re0.dtype)
    real, imaginary = real + a * re0 - b * im0, imaginary + a * im0 + b * re0
    a, b = (
        _load_once(link + 2 * lanes, inside).to(re0.dtype),
        _load_once(link + 3 * lanes, inside).to(re0.dtype),
    )
    real, imaginary = real + a * re1 - b * im1, imaginary + a * im1 + b * re1
    a, b = (
        _load_once(link + 4 * lanes, inside).to(re0.dtype),
        _load_once(link + 5 * lanes, inside).to(re0.dtype),
    )
    return real + a * re2 - b * im2, imaginary + a * im2 + b * re2


@triton.jit
def _packed_element(word, low_mask, half, re, im, real, imaginary, inside):
    """(real, imaginary) plus a packed element times a number. The caller subtracts the bias of the
    element's real part.
    """
    both = _load_once(word, inside)
    a, b = (both & low_mask).to(re.dtype), both.to(re.dtype) / half
    return real + a * re - b * im, imaginary + a * im + b * re


@triton.jit
def _packed_row(word, lanes, low_mask, half, re0, im0, re1, im1, re2, im2, real, imaginary, inside):
    real, imaginary = _packed_element(word, low_mask, half, re0, im0, real, imaginary, inside)
    real, imaginary = _packed_element(
        word + lanes, low_mask, half, re1, im1, real, imaginary, inside
    )
    return _packed_element(word + 2 * lanes, low_mask, half, re2, im2, real, imaginary, inside)


@triton.jit
def _hop(
    links,
    scales,
    source,
    ahead,
    back,
    kinds,
    masks,
    out,
    diagonal,
    weight,
    sites,
    lanes: tl.constexpr,
    packed: tl.constexpr,
    subtract: tl.constexpr,
    low_mask: tl.constexpr,
    half: tl.constexpr,
    bias: tl.constexpr,
    block: tl.constexpr,
):
    site = tl.program_id(0) * block + tl.arange(0, block)
    inside = site < sites
    row, lane = (site // lanes).to(tl.int64), site % lanes
    real0 = tl.zeros([block], source.dtype.element_ty)
    imag0, real1, imag1, real2, imag2 = real0, real0, real0, real0, real0
    for k in range(16):
        at = row * 16 + k
        here = tl.load(masks + tl.load(kinds + at, inside, 0) * lanes + lane, inside, 0) > 0
        v = (
            source
            + tl.where(here, tl.load(ahead + at, inside, 0), tl.load(back + at, inside, 0))
            + lane
        )
        re0, im0 = tl.load(v, inside, 0), tl.load(v + lanes, inside, 0)
        re1, im1 = tl.load(v + 2 * lanes, inside, 0), tl.load(v + 3 * lanes, inside, 0)
        re2, im2 = tl.load(v + 4 * lanes, inside, 0), tl.load(v + 5 * lanes, inside, 0)
        if packed:
            scale = tl.load(scales + at, inside, 0)
            re0, im0, re1, im1, re2, im2 = (
                re0 * scale,
                im0 * scale,
                re1 * scale,
                im1 * scale,
                re2 * scale,
                im2 * scale,
            )
            off, turned = bias * (re0 + re1 + re2), bias * (im0 + im1 + im2)
            word = links + at * (9 * lanes) + lane
            real0, imag0 = _packed_row(
                word,
                lanes,
                low_mask,
                half,
                re0,
                im0,
                re1,
                im1,
                re2,
                im2,
                real0 - off,
                imag0 - turned,
                inside,
            )
            word += 3 * lanes
            real1, imag1 = _packed_row(
                word,
                lanes,
                low_mask,
                half,
                re0,
                im0,
                re1,
                im1,
                re2,
                im2,
                real1 - off,
                imag1 - turned,
                inside,
            )
            word += 3 * lanes
            real2, imag2 = _packed_row(
                word,
                lanes,
                low_mask,
                half,
                re0,
                im0,
                re1,
                im1,
                re2,
                im2,
                real2 - off,
                imag2 - turned,
                inside,
            )
        else:
            link = links + at * (18 * lanes) + lane
            real0, imag0 = _row(link, lanes, re0, im0, re1, im1, re2, im2, real0, imag0, inside)
            link += 6 * lanes
            real1, imag1 = _row(link, lanes, re0, im0, re1, im1, re2, im2, real1, imag1, inside)
            link += 6 * lanes
            real2, imag2 = _row(link, lanes, re0, im0, re1, im1, re2, im2, real2, imag2, inside)
    at = row * (6 * lanes) + lane
    if subtract:
        factor = tl.load(weight).to(source.dtype.element_ty)
        real0, imag0 = (
            factor * tl.load(diagonal + at, inside, 0) - real0,
            factor * tl.load(diagonal + at + lanes, inside, 0) - imag0,
        )
        real1, imag1 = (
            factor * tl.load(diagonal + at + 2 * lanes, inside, 0) - real1,
            factor * tl.load(diagonal + at + 3 * lanes, inside, 0) - imag1,
        )
        real2, imag2 = (
            factor * tl.load(diagonal + at + 4 * lanes, inside, 0) - real2,
            factor * tl.load(diagonal + at + 5 * lanes, inside, 0) - imag2,
        )
    tl.store(out + at, real0, inside)
    tl.store(out + at + lanes, imag0, inside)
    tl.store(out + at + 2 * lanes, real1, inside)
    tl.store(out + at + 3 * lanes, imag1, inside)
    tl.store(out + at + 4 * lanes, real2, inside)
    tl.store(out + at + 5 * lanes, imag2, inside)


def hop(
    links: torch.Tensor,
    scale: torch.Tensor | None,
    source: torch.Tensor,
    where: Where,
    out: tuple[torch.Tensor, ...],
) -> None:
    _launch(links, scale, source, where, out, out[0], where.masks, False)


def hop_from(
    links: torch.Tensor,
    scale: torch.Tensor | None,
    source: torch.Tensor,
    where: Where,
    out: tuple[torch.Tensor, ...],
    v: tuple[torch.Tensor, ...],
    weight: torch.Tensor,
) -> None:
    _launch(links, scale, source, where, out, v[0], weight, True)


def _launch(
    links: torch.Tensor,
    scale: torch.Tensor | None,
    source: torch.Tensor,
    where: Where,
    out: tuple[torch.Tensor, ...],
    diagonal: torch.Tensor,
    weight: torch.Tensor,
    subtract: bool,
) -> None:
    """`out`: planes that lie one behind the other in memory; `diagonal`: the first of such planes.

    `weight` is read only if `subtract` is set.
    """
    rows, lanes = out[0].shape
    # a site a thread; for links in bf16, with loads of half the width, two sites a thread
    warps = SITES // (64 if links.element_size() == 2 else 32)
    tensors = (
        links,
        links if scale is None else scale,
        source,
        where.ahead,
        where.back,
        where.kinds,
        where.masks,
        out[0],
        diagonal,
        weight,
    )
    constants = (lanes, scale is not None, subtract, MASK, HALF, BIAS, SITES)
    _hop[(triton.cdiv(rows * lanes, SITES),)](*tensors, rows * lanes, *constants, num_warps=warps)
