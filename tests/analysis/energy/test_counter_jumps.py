"""A counter that is set back by less than it counts between two readings still rises; the power
readings of the same device show that it lacks energy.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.energy import counter_jumps
from energybench.analysis.measurement.measure import Record, measure
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Host, Measurement, Trace, Window
from tests.analysis.truth import Energy, Floats, Sensor, channel, constant, gain, trace


def board(
    energy: Energy,
    polls_s: Floats,
    back_share: float = 0.0,
    window_s: float = 0.1,
    back_s: float = 30.0,
) -> tuple[Trace, Trace]:
    """A counter, set back once by a share of what it counts there, and power readings."""
    sensor = Sensor(energy, 0.1, 0.03, window_s)
    counts = sensor.counts(polls_s, 1e-3)
    middle = int(np.searchsorted(polls_s, back_s))
    middle += int(np.argmax(np.diff(counts[middle : middle + 5])))
    counts[middle + 1 :] -= int((counts[middle + 1] - counts[middle]) * back_share)
    watts = sensor.watts(polls_s, 1e-3)
    reading = channel(
        kind="power", quantity="power_instant", window_s=window_s, max_power_w=700.0, gain=gain()
    )
    return trace(channel(max_power_w=700.0), polls_s, counts), trace(reading, polls_s, watts)


def measured(traces: tuple[Trace, ...], end_s: float) -> Measurement:
    window = Window(label="repeat", start_s=20.0, end_s=end_s, repeat=0)
    record = Record(
        "r", "r", None, None, "device", Host(name="node"), (window,), (None,), verification=()
    )
    return measure(record, traces, {"gpu_w": (0.0, 1000.0, "")})


def work(seconds: float) -> Energy:
    """80 W, 400 W for some seconds from 20 s on, 80 W."""
    return lambda t: np.asarray(80.0 * np.asarray(t) + 320.0 * np.clip(t - 20.0, 0.0, seconds))


@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize(
    ("window_s", "spacing_s", "share", "seconds"),
    [
        (0.1, 0.1, 0.98, 4.0),
        (0.1, 0.35, 0.9, 4.0),
        (0.1, 1.0, 0.6, 20.0),
        (0.1, 2.5, 0.5, 40.0),
        (0.025, 0.35, 0.9, 4.0),
        (0.025, 1.0, 0.6, 20.0),
        (0.025, 2.5, 0.5, 40.0),
    ],
)
def test_power_readings_contradict_a_counter_that_was_set_back(
    steady: bool, window_s: float, spacing_s: float, share: float, seconds: float
) -> None:
    """Whatever the spacing of the reads: the interval holds the true energy, and a doubt says that
    another sensor shows more.
    """
    energy, end_s = constant(300.0) if steady else work(seconds), 20.0 + seconds
    polls_s = np.arange(5.0, end_s + 15.0, spacing_s)
    bursts_s = np.concatenate([np.arange(t - 0.25, t + 0.25, 0.005) for t in (20.0, end_s)])
    polls_s = np.sort(np.concatenate((polls_s, bursts_s)))
    back_s = 20.0 + seconds / 2
    result = measured(board(energy, polls_s, share, window_s, back_s), end_s)
    truth_j = float(energy(np.array(end_s)) - energy(np.array(20.0)))
    assert result.energy_j is not None
    low, high = result.energy_j.low, result.energy_j.high
    assert low * (1 - 1e-12) <= truth_j <= high * (1 + 1e-12)
    (doubt,) = [doubt for doubt in result.doubts if doubt.code == "counter-reset"]
    assert "less within" in doubt.message
    assert "than another sensor of the same device" in doubt.message


def noise(seed: int) -> Energy:
    """A load that moves at random from 10 ms to 10 ms, with pauses."""
    chance = np.random.default_rng(seed)
    grid_s = np.arange(0.0, 80.0, 0.01)
    moving = np.convolve(chance.normal(0.0, 1.0, grid_s.size), np.ones(30) / 30, "same")
    watts = np.clip(300.0 + 400.0 * moving, 60.0, 600.0)
    for start in chance.uniform(5.0, 70.0, 4):
        watts[(grid_s >= start) & (grid_s < start + chance.uniform(0.05, 3.0))] = 80.0
    joules = np.concatenate(([0.0], np.cumsum(watts * 0.01)))
    return lambda t: np.interp(t, np.append(grid_s, 80.0), joules)


@pytest.mark.parametrize("window_s", [0.1, 0.025])
@pytest.mark.parametrize("spacing_s", [0.1, 0.13, 1.0])
def test_a_load_that_moves_is_no_step_back(window_s: float, spacing_s: float) -> None:
    """Of loads with pauses that a part-time sensor may not see, none in twenty raises the doubt."""
    for seed in range(20):
        polls_s = np.arange(5.0, 55.0, spacing_s)
        counter, power = (curve(made) for made in board(noise(seed), polls_s, 0.0, window_s))
        assert counter is not None
        assert power is not None
        assert not counter_jumps.lacks(counter, power)


def test_a_counter_that_publishes_late_catches_up() -> None:
    """An update that came late is no energy that is lacking."""
    polls_s = np.arange(5.0, 55.0, 0.5)
    counter, power = board(constant(300.0), polls_s)
    late = int(np.searchsorted(polls_s, 30.0))
    counter.raw[late] -= 100_000
    curves = (curve(counter), curve(power))
    assert curves[0] is not None
    assert curves[1] is not None
    assert not counter_jumps.lacks(*curves)
