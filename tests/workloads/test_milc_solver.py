"""Conjugate gradient against a dense solve, in several precisions, and without success."""

from __future__ import annotations

import pytest
import torch

from energybench_workloads.milc import checks, gauge
from energybench_workloads.milc.lattice import Lattice, sites
from energybench_workloads.milc.operator import Format, NormalOperator
from energybench_workloads.milc.solver import Problem, Solution, conjugate_gradient, multi_shift
from energybench_workloads.milc.source import random_source

LATTICE, MASS = Lattice(4, 4, 4, 8), 0.05
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def problem() -> tuple[gauge.Links, NormalOperator, torch.Tensor]:
    links = gauge.smear(gauge.random_links(LATTICE, 2, 0.65))
    return links, checks.small(LATTICE, links, MASS), random_source(LATTICE, links, MASS, 2)


def solved(
    high: NormalOperator, low: NormalOperator, b: torch.Tensor, tolerance: float, most: int = 2000
) -> tuple[Solution, torch.Tensor]:
    """A solve, and the solution x in natural order."""
    solution = conjugate_gradient(Problem(high, low, high.gather(b)), tolerance, most)
    return solution, high.scatter(solution.x, torch.empty_like(b))


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))


def test_equals_a_dense_solve() -> None:
    lattice = Lattice(4, 4, 4, 4)
    links = gauge.smear(gauge.random_links(lattice, 2, 0.65))
    operator, b = checks.small(lattice, links, MASS), random_source(lattice, links, MASS, 2)
    columns = []
    for k in range(3 * lattice.half):
        unit = torch.zeros(3 * lattice.half, dtype=torch.complex128)
        unit[k] = 1
        unit = unit.reshape(-1, 3)
        columns.append(checks.applied(operator, unit).reshape(-1))
    dense = torch.stack(columns, dim=1)
    eigenvalues = torch.linalg.eigvalsh(dense)
    assert float(eigenvalues.min()) >= 4 * MASS**2
    exact = torch.linalg.solve(dense, b.reshape(-1)).reshape(-1, 3)
    solution, x = solved(operator, operator, b, 1e-12)
    assert solution.residual <= 1e-12
    assert relative(x, exact) < 1e-12 * float(eigenvalues.max() / eigenvalues.min())


def test_solution_solves_the_dirac_equation(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor],
) -> None:
    """With the odd half rebuilt as x_o = (eta_o - D x_e) / 2m, the solution satisfies (2m + D) x =
    eta: the source is M† eta indeed.
    """
    from energybench_workloads.common import uniforms
    from energybench_workloads.milc import reference, source

    links, operator, b = problem
    eta = torch.view_as_complex(
        torch.from_numpy(2 * uniforms(2, source.SOURCE_STREAM, 6 * LATTICE.volume) - 1).reshape(
            *LATTICE.shape, 3, 2
        )
    )
    x = reference.from_even(LATTICE, solved(operator, operator, b, 1e-12)[1])
    odd = torch.from_numpy(sites(LATTICE, 1))
    x.view(-1, 3)[odd] = ((eta - reference.dslash(links, x)) / (2 * MASS)).reshape(-1, 3)[odd]
    assert relative(2 * MASS * x + reference.dslash(links, x), eta) < 1e-10


@pytest.mark.parametrize(("form", "more"), [("fp32", 1.1), ("int16", 1.15), ("bf16", 2.0)])
def test_mixed_equals_fp64(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor], form: Format, more: float
) -> None:
    """Iterations in fp32 or with 16-bit links reach a residual of 1e-10 in fp64, with not many more
    iterations.
    """
    links, operator, b = problem
    plain, x = solved(operator, operator, b, 1e-10)
    mixed, x_mixed = solved(operator, operator.to(CPU, form), b, 1e-10)
    assert mixed.x.dtype == torch.float64
    assert checks.true_residual(LATTICE, links, MASS, b, x_mixed) <= 1e-10
    assert relative(x_mixed, x) < 1e-7
    assert mixed.iterations <= more * plain.iterations


def test_fp32_alone_ends_when_the_residual_stalls(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor],
) -> None:
    _, operator, b = problem
    single = operator.to(CPU, "fp32")
    alone, _ = solved(single, single, b, 1e-10)
    assert alone.residual > 1e-10
    assert alone.iterations < 2000


def test_a_start_near_the_solution_saves_iterations(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor],
) -> None:
    _, operator, b = problem
    rows = operator.gather(b)
    cold = conjugate_gradient(Problem(operator, operator, rows), 1e-10, 2000)
    rough = conjugate_gradient(Problem(operator, operator, rows), 1e-5, 2000)
    warm = conjugate_gradient(Problem(operator, operator, rows), 1e-10, 2000, rough.x)
    assert warm.residual <= 1e-10
    assert warm.iterations < cold.iterations


def test_multi_shift_equals_one_solve_each(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor],
) -> None:
    """The iterations of the hardest system solve every shifted system as well as a solve alone."""
    links, operator, b = problem
    shifts = (0.0, 0.01, 0.1, 1.0, 10.0)
    family = multi_shift(operator, operator.gather(b), shifts, 1e-11, 2000)
    single, _ = solved(operator, operator, b, 1e-11)
    assert family.iterations <= 1.1 * single.iterations
    for shift, x in zip(shifts, family.x, strict=True):
        natural = operator.scatter(x, torch.empty_like(b))
        assert (
            checks.true_residual(LATTICE, links, (MASS**2 + shift / 4) ** 0.5, b, natural) < 1e-10
        )


def test_gauge_transformation_transforms_the_solution() -> None:
    """x[U^g, g b] = g x[U, b]."""
    thin = gauge.random_links(LATTICE, 4, 0.65)
    g = gauge.exponential(
        torch.linspace(-1, 1, 8 * LATTICE.volume, dtype=torch.float64).reshape(-1, 8)
    ).reshape(*LATTICE.shape, 3, 3)
    g_even = g.reshape(-1, 3, 3)[torch.from_numpy(sites(LATTICE, 0))]
    links = gauge.smear(thin)
    b = random_source(LATTICE, links, MASS, 4)
    here, there = (
        checks.small(LATTICE, links, MASS),
        checks.small(LATTICE, gauge.smear(gauge.gauge_transform(thin, g)), MASS),
    )
    _, x = solved(here, here, b, 1e-12)
    _, x_g = solved(there, there, (g_even @ b[..., None])[..., 0].contiguous(), 1e-12)
    assert relative(x_g, (g_even @ x[..., None])[..., 0]) < 1e-9


def test_a_solve_that_stops_at_the_limit_states_its_residual(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor],
) -> None:
    links, operator, b = problem
    solution, x = solved(operator, operator, b, 1e-10, 7)
    assert solution.iterations == 7
    assert solution.residual > 1e-10
    assert solution.residual == pytest.approx(
        checks.true_residual(LATTICE, links, MASS, b, x), rel=1e-10
    )


@pytest.mark.parametrize("parity", ["even", "odd"])
def test_a_nan_ends_the_solve_soon(
    problem: tuple[gauge.Links, NormalOperator, torch.Tensor], parity: str
) -> None:
    """Without thousands of useless iterations."""
    _, operator, b = problem
    broken = operator.to(CPU, "fp32")
    getattr(broken, parity).links[1, 7, 1] = torch.nan
    solution, _ = solved(operator, broken, b, 1e-10)
    assert solution.iterations < 10
    assert not solution.residual <= 1e-10
