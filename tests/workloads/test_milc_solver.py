"""Conjugate gradient against a dense solve, against itself in other precisions, and when it cannot succeed."""

from __future__ import annotations

import pytest
import torch

from energybench_workloads.milc import checks, gauge
from energybench_workloads.milc.lattice import Lattice, sites
from energybench_workloads.milc.operator import NormalOperator
from energybench_workloads.milc.solver import conjugate_gradient
from energybench_workloads.milc.source import random_source

LATTICE, MASS = Lattice(4, 4, 4, 8), 0.05
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def problem() -> tuple[gauge.Links, NormalOperator, torch.Tensor]:
    links = gauge.smear(gauge.random_links(LATTICE, 2, 0.65))
    return links, NormalOperator.on(LATTICE, links, MASS, torch.complex128), random_source(LATTICE, links, MASS, 2)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))


def test_equals_a_dense_solve() -> None:
    lattice = Lattice(4, 4, 4, 4)
    links = gauge.smear(gauge.random_links(lattice, 2, 0.65))
    operator, b = NormalOperator.on(lattice, links, MASS, torch.complex128), random_source(lattice, links, MASS, 2)
    columns = []
    for k in range(3 * lattice.half):
        unit = torch.zeros(3 * lattice.half, dtype=torch.complex128)
        unit[k] = 1
        unit = unit.reshape(-1, 3)
        columns.append(operator.apply(unit, torch.empty_like(unit)).reshape(-1).clone())
    dense = torch.stack(columns, dim=1)
    eigenvalues = torch.linalg.eigvalsh(dense)
    assert float(eigenvalues.min()) >= 4 * MASS**2
    exact = torch.linalg.solve(dense, b.reshape(-1)).reshape(-1, 3)
    found = conjugate_gradient(operator, operator, b, 1e-12, 2000)
    assert found.residual <= 1e-12
    assert relative(found.x, exact) < 1e-12 * float(eigenvalues.max() / eigenvalues.min())


def test_solution_solves_the_dirac_equation(problem: tuple[gauge.Links, NormalOperator, torch.Tensor]) -> None:
    """With the odd half rebuilt as x_o = (eta_o - D x_e) / 2m, the solution satisfies (2m + D) x = eta: the source is M† eta indeed."""
    from energybench_workloads.common import uniforms
    from energybench_workloads.milc import reference, source

    links, operator, b = problem
    eta = torch.view_as_complex(torch.from_numpy(2 * uniforms(2, source.SOURCE_STREAM, 6 * LATTICE.volume) - 1).reshape(*LATTICE.shape, 3, 2))
    x = reference.from_even(LATTICE, conjugate_gradient(operator, operator, b, 1e-12, 2000).x)
    odd = torch.from_numpy(sites(LATTICE, 1))
    x.view(-1, 3)[odd] = ((eta - reference.dslash(links, x)) / (2 * MASS)).reshape(-1, 3)[odd]
    assert relative(2 * MASS * x + reference.dslash(links, x), eta) < 1e-10


def test_mixed_equals_fp64(problem: tuple[gauge.Links, NormalOperator, torch.Tensor]) -> None:
    """Iterations in fp32, residual to 1e-10 in fp64, at nearly the same number of iterations; fp32 alone cannot get there."""
    links, operator, b = problem
    single = operator.to(CPU, torch.complex64)
    plain = conjugate_gradient(operator, operator, b, 1e-10, 2000)
    mixed = conjugate_gradient(operator, single, b, 1e-10, 2000)
    assert mixed.x.dtype == torch.complex128
    assert checks.true_residual(LATTICE, links, MASS, b, mixed.x) <= 1e-10
    assert relative(mixed.x, plain.x) < 1e-7
    assert mixed.iterations <= 1.1 * plain.iterations
    alone = conjugate_gradient(single, single, b.to(torch.complex64), 1e-10, 2000)
    assert alone.residual > 1e-10
    assert alone.iterations < 2000  # it noticed that it stood still


def test_gauge_transformation_transforms_the_solution() -> None:
    """x[U^g, g b] = g x[U, b]."""
    thin = gauge.random_links(LATTICE, 4, 0.65)
    g = gauge.exponential(torch.linspace(-1, 1, 8 * LATTICE.volume, dtype=torch.float64).reshape(-1, 8)).reshape(*LATTICE.shape, 3, 3)
    g_even = g.reshape(-1, 3, 3)[torch.from_numpy(sites(LATTICE, 0))]
    links = gauge.smear(thin)
    b = random_source(LATTICE, links, MASS, 4)
    here = NormalOperator.on(LATTICE, links, MASS, torch.complex128)
    there = NormalOperator.on(LATTICE, gauge.smear(gauge.gauge_transform(thin, g)), MASS, torch.complex128)
    x = conjugate_gradient(here, here, b, 1e-12, 2000).x
    x_g = conjugate_gradient(there, there, (g_even @ b[..., None])[..., 0].contiguous(), 1e-12, 2000).x
    assert relative(x_g, (g_even @ x[..., None])[..., 0]) < 1e-9


def test_stops_at_the_limit_with_the_residual_it_has(problem: tuple[gauge.Links, NormalOperator, torch.Tensor]) -> None:
    links, operator, b = problem
    found = conjugate_gradient(operator, operator, b, 1e-10, 7)
    assert found.iterations == 7
    assert found.residual > 1e-10
    assert found.residual == pytest.approx(checks.true_residual(LATTICE, links, MASS, b, found.x), rel=1e-10)


def test_a_nan_ends_the_solve_at_once(problem: tuple[gauge.Links, NormalOperator, torch.Tensor]) -> None:
    _, operator, b = problem
    broken = operator.to(CPU, torch.complex64)
    broken.even.links[5, 1, 7] = torch.nan
    found = conjugate_gradient(operator, broken, b, 1e-10, 2000)
    assert found.iterations == 1
    assert found.residual != found.residual
