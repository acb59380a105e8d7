"""The gauge field: random SU(3) thin links and, from them, one-hop fat links and three-hop Naik
links.

A proxy for a HISQ ensemble: links are independent, not drawn from an action, and smeared once. The
proxy keeps the properties that matter to the solver: fat links that are not unitary, Naik links
that are products of three thin links, and the tree-level coefficients of both. Tensors are
complex128 on the CPU; a link field has the shape [4, t, z, y, x, 3, 3], directions x, y, z, t.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from energybench_workloads.common import uniforms
from energybench_workloads.milc.lattice import Lattice, axis

if TYPE_CHECKING:
    import torch

# Tree-level weights of one and three hops: c1 sin p + c3 sin 3p = p + O(p^5) (Naik, Nucl. Phys.
# B316 (1989) 238; HISQ: Follana et al., hep-lat/0610092)
C1, C3 = 9 / 8, -1 / 24
# weight of the staples' mean in a fat link (APE: Albanese et al., Phys. Lett. B192 (1987) 163), not
# projected back to SU(3)
STAPLES = 0.5
# At a spread of 1 the exponent's eigenvalues stay below 2.83: 2.83^31 / 31! < 2e-20
TAYLOR_ORDER = 30


class Links(NamedTuple):
    """The links of the Dirac operator: with the coefficients, without staggered phases and
    boundary.
    """

    fat: torch.Tensor
    long: torch.Tensor


def random_links(
    lattice: Lattice,
    seed: int,
    spread: float,
    digest: hashlib._Hash | None = None,
    slices: Sequence[int] = (),
) -> torch.Tensor:
    """Thin links exp(i sum_a w_a T_a), w_a uniform with mean 0 and standard deviation `spread`, T_a
    = (Gell-Mann matrix a) / 2.

    Up to a spread of about 0.65 the spectrum of -D² stays away from 0; at 0.8 the spectrum reaches
    down to 0, and the iterations grow as 1 / mass.

    slices: the time slices of the lattice that are wanted, in this order; empty: all
    """
    import torch

    area = lattice.x * lattice.y * lattice.z
    count = area * (len(slices) or lattice.t)
    links = torch.empty((4, count, 3, 3), dtype=torch.complex128)
    for mu in range(4):
        if slices:
            parts = [uniforms(seed, 1 + mu, 8 * area, first=8 * area * t) for t in slices]
            numbers = np.concatenate(parts)
        else:
            numbers = uniforms(seed, 1 + mu, 8 * count, digest)
        u = torch.from_numpy(numbers).reshape(count, 8)
        links[mu] = exponential(u.sub_(0.5).mul_(12**0.5 * spread))
    return links.reshape(4, -1, *lattice.shape[1:], 3, 3)


def exponential(w: torch.Tensor) -> torch.Tensor:
    """exp(i Q), Q = sum_a w_a T_a; w: [n, 8] real, result: [n, 3, 3].

    Taylor's series, with every power reduced to a + b Q + d Q² by Q³ = det(Q) + tr(Q²)/2 Q
    (Cayley-Hamilton, Q traceless): the terms need no 3x3 products.
    """
    import torch

    diagonal = (
        torch.stack(
            (w[:, 2] + w[:, 7] / 3**0.5, -w[:, 2] + w[:, 7] / 3**0.5, -2 / 3**0.5 * w[:, 7]), dim=1
        )
        / 2
    )
    q = torch.diag_embed(diagonal.to(torch.complex128))
    for row, column, re, im in ((0, 1, 0, 1), (0, 2, 3, 4), (1, 2, 5, 6)):
        q[:, row, column] = torch.complex(w[:, re], -w[:, im]) / 2
        q[:, column, row] = torch.complex(w[:, re], w[:, im]) / 2
    square = q @ q
    half_trace = torch.diagonal(square, dim1=1, dim2=2).sum(1).real / 2
    determinant = (square * q.transpose(1, 2)).sum((1, 2)).real / 3  # tr(Q³)/3 where tr(Q) = 0
    a, b, d = (
        torch.ones_like(half_trace),
        torch.zeros_like(half_trace),
        torch.zeros_like(half_trace),
    )
    real = [torch.zeros_like(a) for _ in range(3)]
    imaginary = [torch.zeros_like(a) for _ in range(3)]
    weight = 1.0
    for n in range(TAYLOR_ORDER + 1):
        sign = -1.0 if n % 4 >= 2 else 1.0
        for total, part in zip(imaginary if n % 2 else real, (a, b, d), strict=True):
            total.add_(part, alpha=sign * weight)
        a, b, d = d * determinant, a + d * half_trace, b
        weight /= n + 1
    f0, f1, f2 = (
        torch.complex(re, im)[:, None, None] for re, im in zip(real, imaginary, strict=True)
    )
    return f0 * torch.eye(3, dtype=torch.complex128) + f1 * q + f2 * square


def smear(thin: torch.Tensor) -> Links:
    """Fat links C1 [(1 - STAPLES) U + STAPLES · mean of the six three-link staples] and Naik links
    C3 U U U, gauge covariant.
    """
    import torch

    def ahead(field: torch.Tensor, nu: int, hop: int = 1) -> torch.Tensor:
        return torch.roll(field, -hop, dims=axis(nu))

    fat, long = torch.empty_like(thin), torch.empty_like(thin)
    for mu in range(4):
        u = thin[mu]
        staples = torch.zeros_like(u)
        for nu in range(4):
            if nu != mu:
                v, v_ahead = thin[nu], ahead(thin[nu], mu)
                staples += v @ ahead(u, nu) @ v_ahead.mH
                staples += ahead(v.mH @ u @ v_ahead, nu, -1)
        fat[mu] = C1 * ((1 - STAPLES) * u + STAPLES / 6 * staples)
        long[mu] = C3 * (u @ ahead(u, mu) @ ahead(u, mu, 2))
    return Links(fat, long)


def plaquette(thin: torch.Tensor, first: int = 0, count: int | None = None) -> float:
    """Mean of Re tr(U_mu U_nu U_mu† U_nu†) / 3 over the plaquettes of `count` time slices from
    slice `first`, or of all; 1 for unit links.
    """
    import torch

    own = slice(first, None if count is None else first + count)
    total = 0.0
    for mu in range(4):
        for nu in range(mu):
            there = thin[mu] @ torch.roll(thin[nu], -1, dims=axis(mu))
            back = thin[nu] @ torch.roll(thin[mu], -1, dims=axis(nu))
            total += float((there * back.conj())[own].sum().real)
    return total / (3 * 6 * thin[0, own].numel() / 9)


def gauge_transform(thin: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """U_mu(x) → g(x) U_mu(x) g(x + mu)†; g: [t, z, y, x, 3, 3]."""
    import torch

    return torch.stack([g @ thin[mu] @ torch.roll(g, -1, dims=axis(mu)).mH for mu in range(4)])
