"""The staggered operator against definitions, identities and known eigenvalues."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from energybench_workloads.milc import checks, gauge, reference
from energybench_workloads.milc.gauge import C1, C3
from energybench_workloads.milc.kernels import kernels, planes
from energybench_workloads.milc.lattice import HOPS, Lattice, neighbour, parities, sites
from energybench_workloads.milc.layout import Lanes, choose
from energybench_workloads.milc.operator import Format, NormalOperator, Slab, fold

UNEVEN = Lattice(4, 6, 8, 10)  # four different extents: an exchange of two axes shows
MASS = 0.05
FORMS: tuple[Format, ...] = ("fp64", "fp32", "bf16", "int16")
# Tolerances of identities: rounding over a few hundred operations; 16-bit links have relative
# errors of 2^-9 (bf16), or errors of 2^-16 of the largest link in the block (int16)
IDENTITY = {"fp64": 1e-12, "fp32": 3e-6, "bf16": 1e-2, "int16": 3e-4}


@pytest.fixture(scope="module")
def thin() -> torch.Tensor:
    return gauge.random_links(UNEVEN, 11, 0.65)


@pytest.fixture(scope="module")
def links(thin: torch.Tensor) -> gauge.Links:
    return gauge.smear(thin)


def site_loop(links: gauge.Links, v: np.ndarray) -> np.ndarray:
    """D v from the definition, one site and one hop at a time; v: [t, z, y, x, 3]."""
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
    """On 4x4x4x6: with a smaller extent three hops would wrap twice, or end on the site of a
    different hop.
    """
    lattice = Lattice(4, 4, 4, 6)
    links = gauge.smear(gauge.random_links(lattice, 5, 0.65))
    v = checks.vector(lattice.volume, 5, 1).reshape(*lattice.shape, 3)
    expected = torch.from_numpy(site_loop(links, v.numpy()))
    assert float((reference.dslash(links, v) - expected).abs().max()) < 1e-14
    slab = Slab(lattice, choose(lattice, 8))
    for parity in (0, 1):
        hopping = fold(slab, links, parity)
        flat = torch.zeros(slab.lanes.buffer_rows * slab.lanes.row_reals, dtype=torch.float64)
        interior = flat.view(-1, 3, 2, slab.lanes.width)[1:-1]
        out = torch.empty((slab.lanes.rows, 3, 2, slab.lanes.width), dtype=torch.float64)
        source = torch.view_as_real(v.reshape(-1, 3)[torch.from_numpy(sites(lattice, 1 - parity))])
        interior.copy_(source[slab.natural(1 - parity)].permute(0, 2, 3, 1))
        kernels("cpu", "eager").hop(hopping.links, None, flat, hopping.where, planes(out))
        here = expected.reshape(-1, 3)[torch.from_numpy(sites(lattice, parity))][
            slab.natural(parity)
        ]
        assert float((out - torch.view_as_real(here).permute(0, 2, 3, 1)).abs().max()) < 1e-14


LATTICES = (UNEVEN, Lattice(4, 6, 10, 12), Lattice(6, 6, 6, 12), Lattice(4, 4, 8, 8))


@pytest.mark.parametrize("lattice", LATTICES, ids=lambda lattice: lattice.name)
@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16, 32])
def test_every_cut_is_the_same_operator(lattice: Lattice, lanes: int) -> None:
    """Sub-lattices of even and odd extents, hops across one or more sub-lattices, x cut or not: the
    operator equals the reference.
    """
    thin = gauge.random_links(lattice, 7, 0.65)
    links, v = gauge.smear(thin), checks.vector(lattice.half, 3, 1)
    operator = checks.small(lattice, links, MASS, lanes=lanes)
    assert (
        float((checks.applied(operator, v) - reference.normal(lattice, links, MASS, v)).abs().max())
        < 1e-13
    )


@pytest.mark.parametrize("form", ["bf16", "int16"])
def test_compiled_kernels_equal_eager_ones(links: gauge.Links, form: Format) -> None:
    """Compiled and eager kernels give equal results up to the order of a sum, where links have to
    be widened or unpacked. In fp64 the smallest size of milc is solved by compiled kernels
    (tests/test_contract_workloads.py), and fp32 differs from fp64 in no line of a kernel.
    """
    v = checks.vector(UNEVEN.half, 3, 1)
    eager = checks.small(UNEVEN, links, MASS, form)
    compiled = NormalOperator(
        eager.slab, eager.even, eager.odd, form, MASS, kernels("cpu", "compiled")
    )
    expected = checks.applied(eager, v)
    assert float((checks.applied(compiled, v) - expected).abs().max() / expected.abs().max()) < 2e-6


def test_lanes_of_the_named_sizes() -> None:
    """Every named lattice has sixteen lanes; an extent of 18 is cut into odd halves."""
    assert choose(Lattice(18, 18, 18, 36), 16) == Lanes(Lattice(18, 18, 18, 36), (1, 2, 2, 4))
    for extents in (
        (16,) * 4,
        (24,) * 4,
        (32,) * 4,
        (36, 36, 36, 72),
        (48, 48, 48, 64),
        (72, 72, 72, 144),
        (144, 144, 144, 288),
    ):
        assert choose(Lattice(*extents), 16).width == 16
    assert choose(Lattice(6, 10, 14, 22), 16).width == 8


def test_vectors_survive_the_way_into_lanes_and_back(links: gauge.Links) -> None:
    operator, v = checks.small(UNEVEN, links, MASS), checks.vector(UNEVEN.half, 3, 1)
    assert torch.equal(operator.scatter(operator.gather(v), torch.empty_like(v)), v)


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


@pytest.mark.parametrize("form", FORMS)
def test_hermiticity(links: gauge.Links, form: Format) -> None:
    """In 16 bits too: a backward link is the mirrored forward link, in bf16 with equal numbers."""
    operator = checks.small(UNEVEN, links, MASS, form)
    tolerance = checks.hermiticity_tolerance(operator)
    if form == "int16":
        # The scales of two blocks differ, so a link and the mirrored link differ by a rounding of
        # 2^-16
        tolerance = 1e-5
    assert checks.hermiticity(operator, 1) < tolerance


@pytest.mark.parametrize("form", FORMS)
def test_free_field_eigenvalues(form: Format) -> None:
    """4 sum (c1 sin p + c3 sin 3p)² on plane waves, with momenta from the beginning, the middle and
    the end of the zone.
    """
    momenta = ((0, 0, 0, 0), (1, 0, 0, 0), (0, 2, 0, 4), (1, 2, 3, 1), (3, 5, 7, 9), (2, 3, 4, 5))
    assert checks.free_field(UNEVEN, MASS, momenta, form) < 10 * IDENTITY[form]


def test_naik_improvement() -> None:
    """c1 sin p + c3 sin 3p = p + O(p^5): a wrong coefficient would leave a lattice artefact of
    order p³.
    """
    p = 0.01
    assert abs(C1 * math.sin(p) + C3 * math.sin(3 * p) - p) < 2 * p**5


@pytest.mark.parametrize("form", FORMS)
def test_gauge_covariance(thin: torch.Tensor, form: Format) -> None:
    assert checks.gauge_covariance(UNEVEN, thin, MASS, 3, form) < IDENTITY[form]


def test_plaquette_of_unit_links_is_one_and_of_random_links_is_not(thin: torch.Tensor) -> None:
    assert checks.unit_plaquette(UNEVEN) < 1e-12
    assert 0.2 < gauge.plaquette(thin) < 0.4


def test_links_are_special_unitary(thin: torch.Tensor) -> None:
    assert float((thin @ thin.mH - torch.eye(3)).abs().max()) < 1e-14
    assert float((torch.linalg.det(thin) - 1).abs().max()) < 1e-14


def test_exponential_equals_matrix_exp() -> None:
    """With the largest coefficients of the largest spread, built from the Gell-Mann matrices one by
    one.
    """
    w = torch.tensor(
        [[0.3, -1.0, 0.5, 0.2, -0.7, 1.1, 0.4, -0.9], [3**0.5] * 8], dtype=torch.float64
    )
    generators = torch.zeros((8, 3, 3), dtype=torch.complex128)
    for a, row, column, value in (
        (0, 0, 1, 1),
        (1, 0, 1, -1j),
        (3, 0, 2, 1),
        (4, 0, 2, -1j),
        (5, 1, 2, 1),
        (6, 1, 2, -1j),
    ):
        generators[a, row, column], generators[a, column, row] = value, complex(value).conjugate()
    generators[2] = torch.diag(torch.tensor([1.0, -1, 0]))
    generators[7] = torch.diag(torch.tensor([1, 1, -2], dtype=torch.complex128)) / 3**0.5
    exponent = torch.einsum("na,aij->nij", w.to(torch.complex128), generators / 2)
    assert (
        float((gauge.exponential(w) - torch.linalg.matrix_exp(1j * exponent)).abs().max()) < 1e-13
    )


def test_fat_and_naik_links_of_one_site(thin: torch.Tensor, links: gauge.Links) -> None:
    """A fat link from six staples, and a Naik link as the product of three thin links."""
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
    """On unit links, D on a constant vector is 0 inside, where forward and backward hops cancel; at
    the time boundary the hops add up: ∓2 (c1 + c3), ∓2 c3.
    """
    unit = torch.eye(3, dtype=torch.complex128).expand(4, *UNEVEN.shape, 3, 3)
    links = gauge.smear(unit)
    slab = Slab(UNEVEN, choose(UNEVEN, 4))
    rows = torch.empty((UNEVEN.half, 3), dtype=torch.float64)
    rows[slab.natural(0)] = fold(slab, links, 0).links[:, :, :, :, 0].sum((1, 3)).permute(0, 2, 1)
    time = torch.from_numpy(sites(UNEVEN, 0)) // (UNEVEN.volume // UNEVEN.t)
    expected = torch.zeros(UNEVEN.t, dtype=torch.float64)
    expected[:3] = 2 * C3
    expected[-3:] = -2 * C3
    expected[0] += 2 * C1
    expected[-1] -= 2 * C1
    assert float((rows - expected[time][:, None]).abs().max()) < 1e-14
