"""The mean of a few windows: what their scatter does not show."""

from __future__ import annotations

import math

import pytest

from energybench.analysis.energy.boundary_parts import Row
from energybench.analysis.energy.mean_energy import mean, single
from energybench.analysis.energy.window_energy import WindowEnergy
from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import normal
from energybench.model import Part

PLACE = Place("gpu.board", "GPU-0")


def row(n: int, u: float) -> Row:
    """n windows of a part-time sensor, each with u joules of power between its samples."""
    effects = (normal("unseen", u, PLACE), normal("in-step", 10 * u, PLACE))
    part = Part(component="gpu.board", device="GPU-0", state="measured")
    return Row(part, tuple(WindowEnergy(100.0, effects) for _ in range(n)), None)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_windows_that_agree_by_chance_are_no_better_known_than_their_samples(n: int) -> None:
    """The interval reaches as far as the power that the sensor did not see in n windows."""
    modelled = single([row(n, 2.0)], range(n))
    values = [100.0 + 1e-3 * i for i in range(n)]
    estimate = mean(values, (), modelled)
    assert estimate.half_width == pytest.approx(Z95 * 2.0 / math.sqrt(n), rel=0.03)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_windows_that_scatter_widely_are_known_by_their_scatter(n: int) -> None:
    """Nothing is added to a scatter that reaches further than the model."""
    values = [100.0 + 8.0 * (-1) ** i + i for i in range(n)]
    modelled = single([row(n, 2.0)], range(n))
    assert mean(values, (), modelled) == mean(values, (), ())


def test_eight_windows_are_known_by_their_scatter_alone() -> None:
    assert single([row(8, 2.0)], range(8)) == ()
