"""When a series has come to rest."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.uncertainty.settling import judge, settled


def first_settled(series: np.ndarray) -> int:
    """How many values it takes."""
    return next((n for n in range(1, series.size + 1) if settled(series[:n].tolist())), series.size)


def test_three_equal_values_are_settled_and_two_are_not() -> None:
    """Two may agree on a turning point; where each stands for a long run, two are enough."""
    assert judge([100.0, 100.0]).settled is None
    assert judge([100.0, 100.0], enough=2).settled is True
    assert judge([100.0, 101.0, 100.5]).settled is True
    assert judge([]).settled is judge([1.0]).settled is None
    assert judge([1.0]).drift_rel is None


@pytest.mark.parametrize("tau", [2.0, 5.0, 10.0, 30.0])
def test_an_exponential_approach_is_waited_for(tau: float) -> None:
    """Power that falls by 60 % is settled when less than 2 % is left of the fall, however slow it
    is, and within some six time constants.
    """
    series = 200 + 300 * np.exp(-np.arange(300) / tau)
    n = first_settled(series)
    assert series[n - 1] < 1.02 * 200
    assert n <= 6 * tau + 3


def test_a_straight_ramp_never_settles() -> None:
    """A ramp of 2 % a value, with or without scatter on it; its drift has the ramp's sign."""
    ramp = 100 * (1 + 0.02 * np.arange(40))
    assert first_settled(ramp) == 40
    assert (judge(ramp.tolist()).drift_rel or 0) > 0
    assert (judge(ramp[::-1].tolist()).drift_rel or 0) < 0


def test_scatter_without_a_trend_settles() -> None:
    """Work whose runs scatter by 5 % is settled after a dozen values in nearly every case; a step
    that has just been is not.
    """
    rng = np.random.default_rng(1)
    assert (
        np.mean(
            [first_settled(100 * (1 + 0.05 * rng.standard_normal(30))) <= 12 for _ in range(200)]
        )
        > 0.9
    )
    step = np.concatenate((100 + rng.standard_normal(6) * 4, 60 + rng.standard_normal(3) * 4))
    assert not settled(step.tolist())


def test_nothing_at_all_is_settled() -> None:
    """A sensor that shows 0 W throughout does not divide by it."""
    assert judge([0.0, 0.0, 0.0]).settled is True
