"""Power readings in coarse steps: a steady load gives the same error in every reading."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import WindowEnergy, energy
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.effects import combine
from energybench.model import Window
from tests.analysis.truth import channel, trace

SECONDS = 60


def measured(
    watts: np.ndarray,
    resolution: float,
    shown: Callable[[np.ndarray], np.ndarray],
    **changes: object,
) -> WindowEnergy:
    """A reading a second of a power that is given second by second."""
    made = channel(
        kind="power",
        resolution=resolution,
        stamped=True,
        window_s=1.0,
        update_period_s=1.0,
        **changes,
    )
    points = curve(trace(made, np.arange(watts.size), shown(watts / resolution).astype(np.int64)))
    assert points is not None
    return energy(points, Window(label="repeat", start_s=10.0, end_s=10.0 + SECONDS))


@pytest.mark.parametrize("step_w", [10.0, 50.0, 100.0])
@pytest.mark.parametrize("shown", [np.round, np.floor])
@pytest.mark.parametrize("load_w", [174.0, 636.6, 647.0])
def test_the_interval_holds_a_steady_load_between_two_steps(
    step_w: float, shown: Callable[[np.ndarray], np.ndarray], load_w: float
) -> None:
    """Whether the sensor rounds its readings or cuts them off, and wherever the load lies."""
    cell = measured(np.full(80, load_w), step_w, shown)
    assert cell.energy_j is not None
    interval = combine(cell.energy_j, cell.effects)
    assert interval.low <= load_w * SECONDS <= interval.high
    assert interval.high - interval.low < 2.1 * step_w * SECONDS


def _rounding(cell: WindowEnergy) -> list[float]:
    return [e.u for e in cell.common if e.kind == "rounding" and e.distribution != "bound"]


def test_a_load_that_crosses_many_steps_averages_its_rounding() -> None:
    """Against a steady load; cutting off stays a bound of half a step."""
    ramp = measured(np.linspace(200.0, 800.0, 80), 10.0, np.round)
    steady = measured(np.full(80, 503.0), 10.0, np.round)
    assert 0 < _rounding(ramp)[0] < 0.3 * _rounding(steady)[0]
    assert all(
        e.key is None for e in ramp.common if e.kind == "rounding" and e.distribution != "bound"
    )


@pytest.mark.parametrize(("load_w", "resolution"), [(500.0, 1e-3), (500.0, 0.01), (900.0, 0.1)])
def test_fine_steps_have_no_effect(load_w: float, resolution: float) -> None:
    cell = measured(np.full(80, load_w), resolution, np.round)
    assert not [effect for effect in cell.effects if effect.kind == "rounding"]


def test_a_step_that_the_channel_states_counts_before_its_resolution() -> None:
    """As of energies that were each rounded before they were added up to a counter."""
    steady = np.full(80, 500.0)
    stated = measured(steady, 1.0, np.round, reading_step_w=40.0)
    assert _rounding(stated) == pytest.approx(_rounding(measured(steady, 40.0, np.round)))
