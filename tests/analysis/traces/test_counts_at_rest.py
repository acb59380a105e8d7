"""Counters of whole joules that stand still are judged by the power beside the stop."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Host, Measurement, Trace, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Energy, Floats, channel, constant, polls, square, trace

START_S, END_S = 3.0, 15.0
POLLS = np.concatenate((np.arange(1.0, 2.7, 0.1), polls(START_S, END_S)))


def whole_joules(energy: Energy, period_s: float = 0.1, *, stamped: bool = True) -> Trace:
    """The counter of a CPU as the controller of a blade shows it: whole joules, in most cases with
    the time of each value.
    """
    shown_s = np.floor(POLLS / period_s) * period_s
    made = channel(
        collector="pm_counters",
        device="cpu",
        component="cpu.package",
        resolution=1.0,
        update_period_s=period_s,
        max_power_w=1000.0,
        stamped=stamped,
        timing="stated" if stamped else "prior",
    )
    return trace(made, shown_s if stamped else POLLS, np.floor(energy(shown_s)).astype(np.int64))


def with_stops(watts: float, every_s: float, still_s: float, phase_s: float = 0.0) -> Energy:
    """The energy that a counter shows that stands still at the end of every stretch of time, and
    does not count the energy of the stop.
    """

    def energy(t_s: Floats) -> Floats:
        whole, rest_s = np.divmod(np.asarray(t_s) + phase_s, every_s)
        going_s = every_s - still_s
        return np.asarray(watts * (whole * going_s + np.minimum(rest_s, going_s)))

    return energy


def measured(*traces: Trace) -> Measurement:
    host = Host(name="node", sockets=1, memory_bytes=16 * 10**9)
    window = Window(label="repeat", start_s=START_S, end_s=END_S, repeat=0)
    record = Record("r", "r", None, None, "compute", host, (window,), (None,), ())  # type: ignore[arg-type]
    return measure(record, traces, RANGES)


def codes(result: Measurement) -> set[str]:
    return {doubt.code for doubt in result.doubts}


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("period_s", [0.083, 0.1])
@pytest.mark.parametrize("watts", [12.0, 30.0, 200.0])
@pytest.mark.parametrize("still_s", [1.6, 2.5])
def test_one_stop_is_a_bound(
    watts: float, still_s: float, period_s: float, *, stamped: bool
) -> None:
    """Seconds without a count, beside a power that makes many of them in the time."""
    energy = with_stops(watts, 30.0, still_s, phase_s=20.0)
    result = measured(whole_joules(energy, period_s, stamped=stamped))
    part, truth_j = result.components_j["cpu.package"], watts * (END_S - START_S)
    assert part.value < truth_j - 0.8 * watts * still_s < truth_j < part.high
    assert "stuck-sensor" in codes(result)


@pytest.mark.parametrize(
    ("every_s", "still_s"), [(4.0, 1.5), (2.03, 0.8), (2.1, 0.6), (1.53, 0.45)]
)
def test_stops_that_come_back_are_bounds(every_s: float, still_s: float) -> None:
    """Each of the stops alone may be a fall to 1 W, but all of them show no count at all."""
    result = measured(whole_joules(with_stops(200.0, every_s, still_s)))
    part, truth_j = result.components_j["cpu.package"], 200.0 * (END_S - START_S)
    assert part.value < 0.9 * truth_j < truth_j < part.high
    assert "stuck-sensor" in codes(result)


@pytest.mark.parametrize("still_s", [1.5, 2.5])
def test_a_stop_that_lasts_until_the_end_is_a_loss(still_s: float) -> None:
    """Nothing was read after the stop."""
    energy = with_stops(200.0, 40.0, 40.0 - (END_S - still_s))
    result = measured(whole_joules(energy))
    part, truth_j = result.components_j["cpu.package"], 200.0 * (END_S - START_S)
    assert part.high > truth_j
    assert "sensor-lost" in codes(result)


@pytest.mark.parametrize("period_s", [0.083, 0.1])
@pytest.mark.parametrize(
    "energy",
    [
        constant(0.3),
        constant(0.7),
        constant(1.5),
        constant(9.0),
        square(1.0, 200.0, 0.61),
        square(1.0, 200.0, 1.7),
        square(1.0, 200.0, 2.3),
        square(1.0, 200.0, 5.1),
        square(1.0, 200.0, 17.0, phase_s=1.0),
        square(3.0, 200.0, 0.6),
        square(0.3, 2.5, 6.0),
        square(2.0, 20.0, 0.7),
        square(1.2, 30.0, 3.0),
    ],
)
def test_a_low_power_is_no_stop(energy: Energy, period_s: float) -> None:
    """A device that draws a watt shows a count a second, and one that draws less does so all the
    time.
    """
    result = measured(whole_joules(energy, period_s))
    truth_j = float(np.diff(energy(np.array([START_S, END_S])))[0])
    assert "stuck-sensor" not in codes(result)
    assert abs(result.components_j["cpu.package"].value - truth_j) < 3 + 0.05 * truth_j


def test_a_counter_that_catches_up_lost_nothing() -> None:
    """The first count after the stop contains the energy of the stop."""

    def late(t_s: Floats) -> Floats:
        shown_s = np.where((t_s > 6.0) & (t_s < 7.6), 6.0, t_s)
        return np.asarray(200.0 * shown_s)

    result = measured(whole_joules(late))
    assert "stuck-sensor" not in codes(result)
    assert result.components_j["cpu.package"].value == pytest.approx(2400.0, rel=0.02)
