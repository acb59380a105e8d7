"""The heat bath against known results of pure SU(3) gauge theory."""

from __future__ import annotations

import pytest
import torch

from energybench_workloads.milc import gauge, heatbath
from energybench_workloads.milc.lattice import Lattice

LATTICE = Lattice(4, 4, 4, 4)


def cold() -> torch.Tensor:
    return gauge.random_links(LATTICE, 1, 0.0)


@pytest.mark.parametrize(
    ("beta", "expected", "within"),
    [(1.0, 0.0602, 0.006), (2.0, 0.1288, 0.006), (6.0, 0.5937, 0.02)],
)
def test_plaquette(beta: float, expected: float, within: float) -> None:
    """Strong coupling: beta/18 + beta²/216 - 5 beta⁴/93312 (Creutz, Quarks, gluons and lattices,
    1983, ch. 10); at 6.0 the continuum of published values is 0.5937 in infinite volume, a little
    more on 4⁴.
    """
    thin, plaquettes = cold(), []
    for sweep in range(50):
        heatbath.thermalise(thin, LATTICE, beta, 1, 100 + sweep)
        plaquettes.append(gauge.plaquette(thin))
    assert abs(sum(plaquettes[15:]) / len(plaquettes[15:]) - expected) < within


def test_links_stay_special_unitary() -> None:
    thin = heatbath.thermalise(cold(), LATTICE, 6.0, 5, 1)
    assert float((thin @ thin.mH - torch.eye(3)).abs().max()) < 1e-13
    assert float((torch.linalg.det(thin) - 1).abs().max()) < 1e-13


def test_staples_are_the_derivative_of_the_action() -> None:
    """The sum of Re tr(U V) over all links counts each plaquette four times."""
    thin = heatbath.thermalise(cold(), LATTICE, 6.0, 2, 1)
    total = sum(
        float((thin[mu] @ heatbath.staples(thin, mu)).diagonal(dim1=-2, dim2=-1).sum(-1).real.sum())
        for mu in range(4)
    )
    assert total / (4 * 6 * LATTICE.volume * 3) == pytest.approx(gauge.plaquette(thin), rel=1e-12)


def test_the_same_seed_gives_the_same_field() -> None:
    one, two, other = (heatbath.thermalise(cold(), LATTICE, 6.0, 2, seed) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
