"""Meters in turn under a load that moves, beside the run's own sensors; and single meters of loads
that keep step with the rows, or nearly.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.meters import levels_in_turn
from energybench.meters.clock_offset import RunPower

_T = np.arange(-5.0, 155.0, 0.01)


def _square(period_s: float, late_s: float, low_w: float = 100.0, high_w: float = 350.0) -> Floats:
    """Rest before 10 s and after 140 s, and a square load between."""
    busy = (_T > 10) & (_T < 140)
    return np.where(busy & ((_T + late_s) % period_s < period_s / 2), high_w, low_w)


def _joules(watts: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(watts[:-1]) * 0.01))


def _meters(own_w: Floats, spacing_s: float, others_w: list[Floats], averages: bool) -> int | None:
    """The number of meters in turn by the rows of the own node's meter and others."""
    times = np.arange(0.5, 150.0, spacing_s)
    run = RunPower(_T[::5], _joules(own_w)[::5], 0.001, 0.05)
    width_s = spacing_s if averages else 0.01
    columns = [
        (np.interp(times, _T, joules) - np.interp(times - width_s, _T, joules)) / width_s
        for joules in (_joules(1.1 * own_w + 45.0), *map(_joules, others_w))
    ]
    turn = np.arange(times.size) % len(columns)
    noise = np.random.default_rng(3).standard_normal(times.size)
    values = np.choose(turn, columns) * (1 + 0.002 * noise)
    rows = levels_in_turn.beside(np.asarray(values), times, run)
    assert rows is not None
    return next((n for n in (2, 3, 4) if levels_in_turn.in_turn(rows, n, 0.1)), None)


@pytest.mark.parametrize("spacing_s", [0.5, 1.0])
@pytest.mark.parametrize("averages", [True, False])
@pytest.mark.parametrize("factors", [(1.6,), (0.7,), (1, 1.6), (1.3, 0.8), (1.2, 1.5, 0.6)])
@pytest.mark.parametrize("period_s", [5.7, 7.3, 9.1])
def test_meters_in_turn_under_a_load_that_moves(
    spacing_s: float, averages: bool, factors: tuple[float, ...], period_s: float
) -> None:
    own_w = _square(period_s, 0.7)
    others_w = [factor * (1.1 * own_w + 45.0) for factor in factors]
    assert _meters(own_w, spacing_s, others_w, averages) == len(factors) + 1


@pytest.mark.parametrize("spacing_s", [0.5, 1.0])
@pytest.mark.parametrize("averages", [True, False])
def test_a_neighbour_with_a_load_of_its_own(spacing_s: float, averages: bool) -> None:
    own_w, other_w = _square(5.7, 0.7), _square(7.0, 2.0, 800.0, 880.0)
    assert _meters(own_w, spacing_s, [other_w], averages) is not None


@pytest.mark.parametrize("spacing_s", [0.5, 1.0])
@pytest.mark.parametrize("averages", [True, False])
def test_one_meter_of_a_square_load_is_not_several(spacing_s: float, averages: bool) -> None:
    """Periods of 1 to 12 rows, exactly and nearly 2, 3 and 4 among them, at many phases."""
    random = np.random.default_rng(5)
    near = [rows * off for rows in (1.0, 4 / 3, 1.5, 2.0, 3.0, 4.0) for off in (0.98, 1.0, 1.02)]
    periods = spacing_s * np.array([*near, *random.uniform(1.0, 12.0, 30)])
    alarms = [
        period_s
        for period_s in periods.tolist()
        for late_s in random.uniform(0.0, period_s, 3).tolist()
        if _meters(_square(period_s, late_s), spacing_s, [], averages) is not None
    ]
    assert len(alarms) <= 0.02 * 3 * periods.size


def test_sensors_that_do_not_resolve_the_rows_decide_nothing() -> None:
    run = RunPower(_T[::100], _joules(_square(5.0, 0.0))[::100], 0.001, 1.0)
    times = np.arange(0.5, 70.0, 0.5)
    assert levels_in_turn.beside(np.full(times.size, 300.0), times, run) is None
    assert levels_in_turn.beside(np.full(times.size, 300.0), times, None) is None
