"""Judging a solve: the true residual by the second implementation, hermiticity of the operator that was used, and identities with known answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from energybench.model import Verification
from energybench_workloads.common import checked, uniforms
from energybench_workloads.milc import gauge, reference
from energybench_workloads.milc.gauge import C1, C3, Links
from energybench_workloads.milc.lattice import Lattice, sites
from energybench_workloads.milc.operator import NormalOperator

if TYPE_CHECKING:
    import torch

CHECK_STREAM = 1000  # Philox streams of the checks' vectors, away from the problem's own
EXACT = 1e-12  # identities in fp64: rounding over a few hundred operations leaves about 1e-15


def vector(count: int, seed: int, stream: int) -> torch.Tensor:
    """A random vector [count, 3] complex128 on the CPU, components uniform in [-1, 1] + i [-1, 1]."""
    import torch

    return torch.view_as_complex(torch.from_numpy(2 * uniforms(seed, stream, 6 * count) - 1).reshape(count, 3, 2))


def true_residual(lattice: Lattice, links: Links, mass: float, b: torch.Tensor, x: torch.Tensor) -> float:
    """|b - A x| / |b| in fp64 on the CPU, whatever precision and device x was found in."""
    import torch

    x64 = x.to(torch.complex128)
    return float(torch.linalg.vector_norm(b - reference.normal(lattice, links, mass, x64)) / torch.linalg.vector_norm(b))


def hermiticity(operator: NormalOperator, seed: int) -> float:
    """|<u, A v> - <A u, v>| / (|u| |A v|) for random u and v, with the operator on its device and in its precision."""
    import torch

    u, v = (vector(operator.half, seed, CHECK_STREAM + k).to(operator.device, operator.dtype) for k in (0, 1))
    au, av = operator.apply(u, torch.empty_like(u)), operator.apply(v, torch.empty_like(v))
    difference = torch.vdot(u.view(-1), av.view(-1)) - torch.vdot(au.view(-1), v.view(-1))
    return float(difference.abs() / (torch.linalg.vector_norm(u) * torch.linalg.vector_norm(av)))


def hermiticity_tolerance(operator: NormalOperator) -> float:
    """Ten roundings of the operator's precision: those of different sites average out in the products."""
    import torch

    return 10 * torch.finfo(operator.dtype).eps


def free_field(lattice: Lattice, mass: float, momenta: Sequence[tuple[int, int, int, int]]) -> float:
    """Worst relative error of A e^{ipx} = (4m² + 4 sum_mu (C1 sin p_mu + C3 sin 3p_mu)²) e^{ipx} on unit links, p = 2π n / L, in time 2π (n + ½) / T."""
    import torch

    unit = torch.eye(3, dtype=torch.complex128).expand(4, *lattice.shape, 3, 3)
    operator = NormalOperator.on(lattice, gauge.smear(unit), mass, torch.complex128)
    worst = 0.0
    for n in momenta:
        p = [2 * math.pi * (k + (0.5 if mu == 3 else 0)) / lattice[mu] for mu, k in enumerate(n)]
        phase = torch.zeros((), dtype=torch.float64)
        for mu, extent in enumerate(lattice):
            phase = phase + p[mu] * torch.arange(extent, dtype=torch.float64).reshape([-1 if k == 3 - mu else 1 for k in range(4)])
        colour = torch.tensor([1.0, -0.5j, 0.25], dtype=torch.complex128)
        wave = reference.on_even(lattice, torch.exp(1j * phase)[..., None] * colour)
        value = 4 * mass**2 + 4 * sum((C1 * math.sin(q) + C3 * math.sin(3 * q)) ** 2 for q in p)
        error = torch.linalg.vector_norm(operator.apply(wave, torch.empty_like(wave)) - value * wave)
        worst = max(worst, float(error / (value * torch.linalg.vector_norm(wave))))
    return worst


def gauge_covariance(lattice: Lattice, thin: torch.Tensor, mass: float, seed: int) -> float:
    """|A[U^g] g v - g A[U] v| / |A[U] v| for a random gauge transformation g: smearing, folding and operator together."""
    import torch

    coefficients = torch.from_numpy(uniforms(seed, CHECK_STREAM + 2, 8 * lattice.volume) - 0.5).reshape(-1, 8)
    g = gauge.exponential(coefficients)
    g_even = g[torch.from_numpy(sites(lattice, 0))]
    v = vector(lattice.half, seed, CHECK_STREAM)
    transformed = gauge.gauge_transform(thin, g.reshape(*lattice.shape, 3, 3))
    here = NormalOperator.on(lattice, gauge.smear(thin), mass, v.dtype)
    there = NormalOperator.on(lattice, gauge.smear(transformed), mass, v.dtype)
    gv = torch.matmul(g_even, v[..., None])[..., 0]
    av = here.apply(v, torch.empty_like(v))
    difference = there.apply(gv, torch.empty_like(gv)) - torch.matmul(g_even, av[..., None])[..., 0]
    return float(torch.linalg.vector_norm(difference) / torch.linalg.vector_norm(av))


def unit_plaquette(lattice: Lattice) -> float:
    """|plaquette - 1| of a pure gauge field: unit links, gauge transformed."""
    import torch

    unit = torch.eye(3, dtype=torch.complex128).expand(4, *lattice.shape, 3, 3)
    g = gauge.exponential(torch.from_numpy(uniforms(0, CHECK_STREAM + 3, 8 * lattice.volume) - 0.5).reshape(-1, 8))
    return abs(gauge.plaquette(gauge.gauge_transform(unit, g.reshape(*lattice.shape, 3, 3))) - 1)


def identities(mass: float, spread: float, seed: int) -> list[Verification]:
    """The code against physics with known answers, on a small field of its own whose four extents differ; costs the same at every size."""
    lattice = Lattice(4, 6, 8, 10)
    thin = gauge.random_links(lattice, seed, spread)
    return [
        checked("free-field eigenvalue", free_field(lattice, mass, ((0, 0, 0, 0), (1, 2, 3, 1))), EXACT),
        checked("gauge covariance", gauge_covariance(lattice, thin, mass, seed), EXACT),
        checked("unit plaquette", unit_plaquette(lattice), EXACT),
    ]
