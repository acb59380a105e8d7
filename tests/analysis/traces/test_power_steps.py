"""Steps of power keep the energy, the extremes and the gaps of the readings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.power_steps import Readings, Together, added, in_steps, readings
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Trace
from tests.analysis.truth import channel

WATTS = st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1000)), min_size=1, max_size=300)


def read(watts: list[float]) -> Readings:
    """Readings of 0.1 s each."""
    values = np.array(watts)
    edges_s = 5.0 + 0.1 * np.arange(values.size + 1)
    return Readings(edges_s, values * 0.1, edges_s[1:], values)


@given(WATTS, st.integers(1, 60))
def test_energy_extremes_and_gaps_survive(watts: list[float], most: int) -> None:
    """The highest and the lowest reading are those of some step; without gaps the means of the
    steps have the energy of the readings; a gap between readings is a step without a mean.
    """
    steps = in_steps(read(watts), most)
    known = [watt for watt in watts if watt == watt]
    assert steps.t_s.size <= most
    assert (np.diff(steps.t_s) > 0).all()
    if not known:
        assert steps.t_s.size == 0
        return
    low = steps.mean_w if steps.low_w is None else steps.low_w
    high = steps.mean_w if steps.high_w is None else steps.high_w
    assert np.nanmin(low) == min(known)
    assert np.nanmax(high) == max(known)
    inner = np.trim_zeros(np.array([0 if watt != watt else 1 for watt in watts]))
    assert np.isnan(steps.mean_w).any() == (0 in inner)
    if len(known) == len(watts) and steps.low_w is not None:
        # steps are as long as the readings in them
        lengths = np.diff(np.append(np.unique(_starts(watts, most)), len(watts))) * 0.1
        assert float(np.sum(steps.mean_w * lengths)) == pytest.approx(sum(watts) * 0.1)


def _starts(watts: list[float], most: int) -> Floats:
    edges_s = read(watts).edges_s
    bounds = np.linspace(edges_s[0], edges_s[-1], most + 1)[:-1]
    return np.searchsorted(edges_s[:-1], bounds)


def trace(kind: str, watts: Floats, device: str = "a", period_s: float = 0.001) -> Trace:
    """Readings at 10 Hz of a counter in mJ, or of a power sensor in mW."""
    t_s = 0.1 * np.arange(watts.size)
    raw = np.cumsum(watts) * 0.1 * 1000 if kind == "counter" else watts * 1000
    return Trace(
        channel=channel(
            device=device,
            kind=kind,
            resolution=1e-3,
            update_period_s=period_s,
            window_s=0.0,
            wrap=None,
        ),
        t_s=t_s,
        raw=np.round(raw).astype(np.int64),
        ok=np.ones(watts.size, dtype=np.bool_),
    )


def together(first: Curve, second: Curve) -> Readings:
    own = readings(first)
    return added(Together(own.edges_s, own.joules), second).readings()


def noisy(n: int = 20_000, seed: int = 1) -> Floats:
    random = np.random.Generator(np.random.Philox(seed))
    return np.asarray(200 + random.normal(0, 2, n))


@pytest.mark.parametrize("kind", ["counter", "power"])
def test_a_spike_and_a_dip_of_one_reading_survive(kind: str) -> None:
    """Of 20,000 readings in 100 steps."""
    watts = noisy()
    watts[7_001], watts[15_002] = 900.0, 12.0
    energy = curve(trace(kind, watts))
    assert energy is not None
    steps = in_steps(readings(energy), 100)
    assert steps.low_w is not None
    assert steps.high_w is not None
    assert steps.high_w.max() == pytest.approx(900, rel=0.01)
    assert steps.low_w.min() == pytest.approx(12, rel=0.05)
    assert steps.mean_w.max() < 230


def test_a_slow_counter_is_read_over_two_updates() -> None:
    """Single differences of a counter that updates as often as it is read are not power: the time
    of an update is known to within a reading.
    """
    energy = curve(trace("counter", noisy(), period_s=0.1))
    assert energy is not None
    assert np.median(np.diff(readings(energy).edges_s)) == pytest.approx(0.2, rel=0.01)


def test_devices_add_up() -> None:
    """The power of two counters together is the sum of their powers, at every reading."""
    one, two = noisy(seed=1), noisy(seed=2)
    curves = [curve(trace("counter", watts, device)) for watts, device in ((one, "a"), (two, "b"))]
    assert curves[0] is not None
    assert curves[1] is not None
    total = together(curves[0], curves[1])
    assert total.watts == pytest.approx((one + two)[1:], rel=0.001)


def test_a_gap_of_one_device_is_a_gap_of_the_sum() -> None:
    """Power is not known while a device is not read."""
    whole, cut = trace("counter", noisy(2000)), trace("counter", noisy(2000), "b")
    kept = np.r_[0:800, 1000:2000]
    holey = Trace(channel=cut.channel, t_s=cut.t_s[kept], raw=cut.raw[kept], ok=cut.ok[kept])
    first, second = curve(whole), curve(holey)
    assert first is not None
    assert second is not None
    total = together(first, second)
    missing = total.t_s[np.isnan(total.watts)]
    assert 79 < missing.min() < 81
    assert 99 < missing.max() < 101
    assert missing.size == pytest.approx(200, abs=4)
