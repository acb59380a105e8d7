"""The checks of a solve: the true residual by the reference operator, hermiticity of the solver's
operator, and identities with known answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from energybench.model import Verification
from energybench_workloads.common import checked, uniforms
from energybench_workloads.milc import gauge, reference
from energybench_workloads.milc.gauge import C1, C3, Links
from energybench_workloads.milc.kernels import kernels
from energybench_workloads.milc.lattice import Lattice, sites
from energybench_workloads.milc.layout import choose
from energybench_workloads.milc.operator import Format, NormalOperator, Slab

if TYPE_CHECKING:
    import torch

CHECK_STREAM = (
    1000  # the first Philox stream of the checks' vectors, far from the problem's streams
)
# Tolerance of identities in fp64: rounding over a few hundred operations leaves about 1e-15
EXACT = 1e-12


def vector(count: int, seed: int, stream: int) -> torch.Tensor:
    """A random vector [count, 3] complex128 on the CPU, uniform in [-1, 1] + i [-1, 1]."""
    import torch

    return torch.view_as_complex(
        torch.from_numpy(2 * uniforms(seed, stream, 6 * count) - 1).reshape(count, 3, 2)
    )


def squares(
    lattice: Lattice,
    links: Links,
    mass: float,
    b: torch.Tensor,
    x: torch.Tensor,
    own: Callable[[torch.Tensor], torch.Tensor] = lambda v: v,
) -> torch.Tensor:
    """|b - A x|² and |b|² in fp64 on the CPU, for an x of any precision and device, over the sites
    of a vector that `own` picks.
    """
    import torch

    missed = b - reference.normal(lattice, links, mass, x.to(torch.complex128))
    norms = [torch.linalg.vector_norm(own(v)) ** 2 for v in (missed, b)]
    return torch.stack(norms)


def true_residual(
    lattice: Lattice, links: Links, mass: float, b: torch.Tensor, x: torch.Tensor
) -> float:
    """|b - A x| / |b|, as `squares`."""
    missed, size = squares(lattice, links, mass, b, x).tolist()
    return math.sqrt(missed / size)


def small(
    lattice: Lattice, links: Links, mass: float, form: Format = "fp64", lanes: int = 16
) -> NormalOperator:
    """The operator on the CPU for the small lattice of a check, without compilation."""
    operator = NormalOperator.on(
        Slab(lattice, choose(lattice, lanes)), links, mass, kernels("cpu", "eager")
    )
    return operator.to(operator.device, form)


def applied(operator: NormalOperator, v: torch.Tensor) -> torch.Tensor:
    """A v, computed by the operator; v: [half, 3] complex128 on the CPU, in natural order."""
    import torch

    flat, interior = operator.buffer()
    interior.copy_(operator.gather(v))
    return operator.scatter(operator.apply(flat, interior, operator.rows()), torch.empty_like(v))


def hermiticity(operator: NormalOperator, seed: int) -> float:
    """|<u, A v> - <A u, v>| / (|u| |A v|) for random u and v, on the device of the operator, in the
    operator's precision, over all processes.
    """
    import torch

    half, total = operator.slab.lattice.half, operator.halo.total
    pairs = []
    for k in (0, 1):
        flat, interior = operator.buffer()
        interior.copy_(operator.gather(vector(half, seed, CHECK_STREAM + k)))
        pairs.append((interior, operator.apply(flat, interior, operator.rows())))
    (u, au), (v, av) = pairs

    def inner(a: torch.Tensor, b: torch.Tensor) -> complex:
        turned = torch.stack((-a[:, :, 1], a[:, :, 0]), 2)  # i a: Re <i a, b> = Im <a, b>
        return complex(
            float(total((a.double() * b.double()).sum())),
            float(total((turned.double() * b.double()).sum())),
        )

    scale = math.sqrt(inner(u, u).real * inner(av, av).real)
    return abs(inner(u, av) - inner(au, v)) / scale


def hermiticity_tolerance(operator: NormalOperator) -> float:
    """Ten roundings in the precision of the vectors: roundings of different sites average out in
    the products. Links in 16 bits define a different operator, but a Hermitian one.
    """
    import torch

    return 10 * torch.finfo(operator.dtype).eps


def free_field(
    lattice: Lattice,
    mass: float,
    momenta: Sequence[tuple[int, int, int, int]],
    form: Format = "fp64",
) -> float:
    """Worst relative error of A e^{ipx} = (4m² + 4 sum_mu (C1 sin p_mu + C3 sin 3p_mu)²) e^{ipx} on
    unit links, p = 2π n / L, in time 2π (n + ½) / T.
    """
    import torch

    unit = torch.eye(3, dtype=torch.complex128).expand(4, *lattice.shape, 3, 3)
    operator = small(lattice, gauge.smear(unit), mass, form)
    worst = 0.0
    for n in momenta:
        p = [2 * math.pi * (k + (0.5 if mu == 3 else 0)) / lattice[mu] for mu, k in enumerate(n)]
        phase = torch.zeros((), dtype=torch.float64)
        for mu, extent in enumerate(lattice):
            phase = phase + p[mu] * torch.arange(extent, dtype=torch.float64).reshape(
                [-1 if k == 3 - mu else 1 for k in range(4)]
            )
        colour = torch.tensor([1.0, -0.5j, 0.25], dtype=torch.complex128)
        wave = reference.on_even(lattice, torch.exp(1j * phase)[..., None] * colour)
        value = 4 * mass**2 + 4 * sum((C1 * math.sin(q) + C3 * math.sin(3 * q)) ** 2 for q in p)
        error = torch.linalg.vector_norm(applied(operator, wave) - value * wave)
        worst = max(worst, float(error / (value * torch.linalg.vector_norm(wave))))
    return worst


def gauge_covariance(
    lattice: Lattice, thin: torch.Tensor, mass: float, seed: int, form: Format = "fp64"
) -> float:
    """|A[U^g] g v - g A[U] v| / |A[U] v| for a random gauge transformation g: smearing, folding and
    operator together.
    """
    import torch

    coefficients = torch.from_numpy(
        uniforms(seed, CHECK_STREAM + 2, 8 * lattice.volume) - 0.5
    ).reshape(-1, 8)
    g = gauge.exponential(coefficients)
    g_even = g[torch.from_numpy(sites(lattice, 0))]
    v = vector(lattice.half, seed, CHECK_STREAM)
    transformed = gauge.gauge_transform(thin, g.reshape(*lattice.shape, 3, 3))
    here, there = (small(lattice, gauge.smear(field), mass, form) for field in (thin, transformed))
    gv = torch.matmul(g_even, v[..., None])[..., 0]
    av = applied(here, v)
    difference = applied(there, gv) - torch.matmul(g_even, av[..., None])[..., 0]
    return float(torch.linalg.vector_norm(difference) / torch.linalg.vector_norm(av))


def unit_plaquette(lattice: Lattice) -> float:
    """|plaquette - 1| of a pure gauge field: unit links, gauge transformed."""
    import torch

    unit = torch.eye(3, dtype=torch.complex128).expand(4, *lattice.shape, 3, 3)
    g = gauge.exponential(
        torch.from_numpy(uniforms(0, CHECK_STREAM + 3, 8 * lattice.volume) - 0.5).reshape(-1, 8)
    )
    return abs(gauge.plaquette(gauge.gauge_transform(unit, g.reshape(*lattice.shape, 3, 3))) - 1)


def identities(mass: float, spread: float, seed: int) -> list[Verification]:
    """The code against physics with known answers, on a small field with four different extents.
    The cost does not depend on the size of the problem.
    """
    lattice = Lattice(4, 6, 8, 10)
    thin = gauge.random_links(lattice, seed, spread)
    return [
        checked(
            "free-field eigenvalue", free_field(lattice, mass, ((0, 0, 0, 0), (1, 2, 3, 1))), EXACT
        ),
        checked("gauge covariance", gauge_covariance(lattice, thin, mass, seed), EXACT),
        checked("unit plaquette", unit_plaquette(lattice), EXACT),
    ]
