"""The staggered operator against definitions, identities and known eigenvalues."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from energybench_workloads.milc import checks, gauge, reference
from energybench_workloads.milc.gauge import C1, C3
from energybench_workloads.milc.lattice import HOPS, Lattice, neighbour, parities, sites
from energybench_workloads.milc.operator import NormalOperator, fold

UNEVEN = Lattice(4, 6, 8, 10)  # four different extents, so that no two axes can be mistaken for each other
MASS = 0.05


@pytest.fixture(scope="module")
def thin() -> torch.Tensor:
    return gauge.random_links(UNEVEN, 11, 0.65)


@pytest.fixture(scope="module")
def links(thin: torch.Tensor) -> gauge.Links:
    return gauge.smear(thin)


def site_loop(links: gauge.Links, v: np.ndarray) -> np.ndarray:
    """D v from its definition, one site and one hop at a time; v: [t, z, y, x, 3]."""
    fat, long = links.fat.numpy(), links.long.numpy()
    out = np.zeros_like(v)
    extents = v.shape[:4]
    for site in np.ndindex(extents):
        t, _, y, x = site
        etas = {0: (-1) ** t, 1: (-1) ** (t + x), 2: (-1) ** (t + x + y), 3: 1}
        for mu, field, hops in [(mu, *kind) for mu in range(4) for kind in ((fat, 1), (long, 3))]:
            axis = 3 - mu
            for direction in (1, -1):
                there, sign = list(site), direction * etas[mu]
                there[axis] += direction * hops
                if mu == 3 and not 0 <= there[axis] < extents[axis]:
                    sign = -sign
                there[axis] %= extents[axis]
                matrix = field[(mu, *site)] if direction > 0 else field[(mu, *there)].conj().T
                out[site] += sign * (matrix @ v[tuple(there)])
    return out


def test_both_implementations_equal_the_site_loop() -> None:
    """On 4x4x4x6, the smallest kind of lattice on which three hops still lead to a site of their own and wrap once at most."""
    lattice = Lattice(4, 4, 4, 6)
    links = gauge.smear(gauge.random_links(lattice, 5, 0.65))
    v = checks.vector(lattice.volume, 5, 1).reshape(*lattice.shape, 3)
    expected = torch.from_numpy(site_loop(links, v.numpy()))
    assert float((reference.dslash(links, v) - expected).abs().max()) < 1e-14
    for parity in (0, 1):
        hopping = fold(lattice, links, parity, torch.complex128)
        source = v.reshape(-1, 3)[torch.from_numpy(sites(lattice, 1 - parity))]
        result = (hopping.links @ source[hopping.neighbours].reshape(lattice.half, 48, 1))[:, :, 0]
        assert float((result - expected.reshape(-1, 3)[torch.from_numpy(sites(lattice, parity))]).abs().max()) < 1e-14


def test_normal_operator_equals_the_reference(links: gauge.Links) -> None:
    v = checks.vector(UNEVEN.half, 3, 1)
    operator = NormalOperator.on(UNEVEN, links, MASS, torch.complex128)
    assert float((operator.apply(v, torch.empty_like(v)) - reference.normal(UNEVEN, links, MASS, v)).abs().max()) < 1e-13


def test_every_neighbour_has_the_other_parity_and_its_number() -> None:
    parity = parities(UNEVEN)
    for mu, hop in HOPS:
        assert np.all(parity[neighbour(UNEVEN, mu, hop)] != parity)
    for p in (0, 1):
        assert np.array_equal(sites(UNEVEN, p) // 2, np.arange(UNEVEN.half))


def test_dirac_operator_is_anti_hermitian(links: gauge.Links) -> None:
    u, v = (checks.vector(UNEVEN.volume, 3, k).reshape(*UNEVEN.shape, 3) for k in (1, 2))
    left = torch.vdot(u.reshape(-1), reference.dslash(links, v).reshape(-1))
    right = torch.vdot(reference.dslash(links, u).reshape(-1), v.reshape(-1))
    assert abs(complex(left + right)) < 1e-12 * abs(complex(left))


@pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64])
def test_hermiticity(links: gauge.Links, dtype: torch.dtype) -> None:
    operator = NormalOperator.on(UNEVEN, links, MASS, dtype)
    assert checks.hermiticity(operator, 1) < checks.hermiticity_tolerance(operator)


def test_free_field_eigenvalues() -> None:
    """4 sum (c1 sin p + c3 sin 3p)² on plane waves, the lowest momenta and some from the middle and the end of the zone."""
    momenta = ((0, 0, 0, 0), (1, 0, 0, 0), (0, 2, 0, 4), (1, 2, 3, 1), (3, 5, 7, 9), (2, 3, 4, 5))
    assert checks.free_field(UNEVEN, MASS, momenta) < 1e-12


def test_naik_improvement() -> None:
    """c1 sin p + c3 sin 3p = p + O(p^5): the lattice artefact of order p³ is gone, which a wrong coefficient would bring back."""
    p = 0.01
    assert abs(C1 * math.sin(p) + C3 * math.sin(3 * p) - p) < 2 * p**5


def test_gauge_covariance(thin: torch.Tensor) -> None:
    assert checks.gauge_covariance(UNEVEN, thin, MASS, 3) < 1e-12


def test_plaquette_of_unit_links_is_one_and_of_random_links_is_not(thin: torch.Tensor) -> None:
    assert checks.unit_plaquette(UNEVEN) < 1e-12
    assert 0.2 < gauge.plaquette(thin) < 0.4


def test_links_are_special_unitary(thin: torch.Tensor) -> None:
    assert float((thin @ thin.mH - torch.eye(3)).abs().max()) < 1e-14
    assert float((torch.linalg.det(thin) - 1).abs().max()) < 1e-14


def test_exponential_equals_matrix_exp() -> None:
    """The largest coefficients that the largest spread allows, built from the Gell-Mann matrices one by one."""
    w = torch.tensor([[0.3, -1.0, 0.5, 0.2, -0.7, 1.1, 0.4, -0.9], [3**0.5] * 8], dtype=torch.float64)
    generators = torch.zeros((8, 3, 3), dtype=torch.complex128)
    for a, row, column, value in ((0, 0, 1, 1), (1, 0, 1, -1j), (3, 0, 2, 1), (4, 0, 2, -1j), (5, 1, 2, 1), (6, 1, 2, -1j)):
        generators[a, row, column], generators[a, column, row] = value, complex(value).conjugate()
    generators[2] = torch.diag(torch.tensor([1.0, -1, 0]))
    generators[7] = torch.diag(torch.tensor([1, 1, -2], dtype=torch.complex128)) / 3**0.5
    exponent = torch.einsum("na,aij->nij", w.to(torch.complex128), generators / 2)
    assert float((gauge.exponential(w) - torch.linalg.matrix_exp(1j * exponent)).abs().max()) < 1e-13


def test_fat_and_naik_links_of_one_site(thin: torch.Tensor, links: gauge.Links) -> None:
    """One link of each kind from its definition: six staples, and the product of three thin links."""
    u = thin.numpy()

    def at(mu: int, *site: int) -> np.ndarray:
        x, y, z, t = (coordinate % extent for coordinate, extent in zip(site, UNEVEN, strict=True))
        return np.asarray(u[mu, t, z, y, x])

    x, mu = np.array([3, 5, 2, 9]), 1
    step = np.eye(4, dtype=int)
    staples = np.zeros((3, 3), dtype=complex)
    for nu in (0, 2, 3):
        staples += at(nu, *x) @ at(mu, *(x + step[nu])) @ at(nu, *(x + step[mu])).conj().T
        below = x - step[nu]
        staples += at(nu, *below).conj().T @ at(mu, *below) @ at(nu, *(below + step[mu]))
    fat = C1 * ((1 - gauge.STAPLES) * at(mu, *x) + gauge.STAPLES / 6 * staples)
    long = C3 * at(mu, *x) @ at(mu, *(x + step[mu])) @ at(mu, *(x + 2 * step[mu]))
    assert np.abs(links.fat[mu, 9, 2, 5, 3].numpy() - fat).max() < 1e-14
    assert np.abs(links.long[mu, 9, 2, 5, 3].numpy() - long).max() < 1e-14


def test_antiperiodic_in_time() -> None:
    """On unit links, D on a constant vector is 0 inside, where forward and backward cancel; at the time boundary both add up: ∓2 (c1 + c3), ∓2 c3."""
    unit = torch.eye(3, dtype=torch.complex128).expand(4, *UNEVEN.shape, 3, 3)
    links = gauge.smear(unit)
    even = fold(UNEVEN, links, 0, torch.complex128)
    rows = even.links.sum(2).real
    time = torch.from_numpy(sites(UNEVEN, 0)) // (UNEVEN.volume // UNEVEN.t)
    expected = torch.zeros(UNEVEN.t, dtype=torch.float64)
    expected[:3] = 2 * C3
    expected[-3:] = -2 * C3
    expected[0] += 2 * C1
    expected[-1] -= 2 * C1
    assert float((rows - expected[time][:, None]).abs().max()) < 1e-14
