"""A load in step with a sensor that sees a part of each period: one window cannot tell it from a
constant one, and says so.
"""

from __future__ import annotations

import numpy as np

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.sensors.counter_kinds import informed
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Window
from tests.analysis.truth import Energy, Sensor, channel, constant, polls, square, trace

START_S = 5.0


def _curve(truth: Energy, seconds: float, kind: str = "power", window_s: float = 0.025) -> Curve:
    """The curve of a board's power reading (25 of every 100 ms unless told), or of its counter."""
    sensor, t = Sensor(truth, window_s=window_s), polls(START_S, START_S + seconds)
    if kind == "power":
        made = trace(
            channel(kind="power", quantity="power_instant", window_s=window_s),
            t,
            sensor.watts(t, 1e-3),
        )
    else:
        made = trace(channel(), t, sensor.counts(t, 1e-3))
    found = curve(made)
    assert found is not None
    return found


def _in_step_rel(found: Curve, seconds: float) -> float:
    """Standard uncertainty of the effect over the energy of the one window; 0 where there is no
    such effect.
    """
    cell = energy(found, Window(label="repeat", start_s=START_S, end_s=START_S + seconds))
    assert cell.energy_j is not None
    return sum(effect.u for effect in cell.random if effect.kind == "in-step") / cell.energy_j


def test_a_single_window_holds_a_load_in_step_better_than_by_its_readings_alone() -> None:
    """A square wave of the sensor's own period reads as constant and is off by far more than its
    readings tell; the effect covers some of it.
    """
    truth = square(100, 500, 0.1, phase_s=0.05)
    found = _curve(truth, 1.0)
    cell = energy(found, Window(label="repeat", start_s=START_S, end_s=START_S + 1.0))
    true_j = float(truth(np.array(START_S + 1.0)) - truth(np.array(START_S)))
    assert cell.energy_j is not None
    assert abs(cell.energy_j / true_j - 1) > 0.3
    others = sum(effect.u**2 for effect in cell.random if effect.kind != "in-step") ** 0.5
    own = sum(effect.u for effect in cell.random if effect.kind == "in-step")
    assert own > 5 * others


def test_it_falls_with_the_length_to_the_share_of_loads_that_keep_exactly_in_step() -> None:
    """The part that slips falls as the root of the length; one load in fifty does not slip."""
    short, middle, long = (
        _in_step_rel(_curve(constant(300), seconds), seconds) for seconds in (1.0, 10.0, 100.0)
    )
    assert np.isclose(
        (short**2 - long**2) / (middle**2 - long**2), (0.1 - 1e-3) / (1e-2 - 1e-3), rtol=0.03
    )
    assert 0.05 < long < 0.06


def test_a_sensor_that_sees_all_has_none() -> None:
    """Neither a reading that averages over its whole period nor a counter alone misses anything."""
    assert _in_step_rel(_curve(constant(300), 2.0, window_s=0.1), 2.0) == 0
    assert _in_step_rel(_curve(constant(300), 2.0, kind="counter"), 2.0) == 0


def test_a_counter_that_was_told_has_none_and_one_that_may_add_up_samples_has_less() -> None:
    """Beside a constant load's power readings nothing tells what the counter adds up; where the
    load moves, its own increments do.
    """
    still, moving = (
        informed(_curve(truth, 4.0, kind="counter"), _curve(truth, 4.0))
        for truth in (constant(300), square(100, 500, 0.33))
    )
    assert not still.classified
    assert moving.classified
    assert _in_step_rel(moving, 4.0) == 0
    assert np.isclose(
        _in_step_rel(still, 4.0),
        _in_step_rel(_curve(constant(300), 4.0), 4.0) * (0.5 * 0.025 / (0.025 + 0.02)) ** 0.5,
        rtol=0.01,
    )
