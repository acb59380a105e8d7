"""The ticks of a counter between two bursts of readings, for periods that nobody stated."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.traces.ticks import ticks
from energybench.simulating.polling import COUNTER_SPREAD_S, Poller
from tests.analysis.truth import Floats


def readings(origin_s: float, rng: np.random.Generator) -> Floats:
    """The polls of a window of 2 s: two bursts, and spread polls between."""
    poller = Poller(origin_s, rng, COUNTER_SPREAD_S)
    now = poller.burst(0.0, 0.25)
    now = poller.base(now, 2.25)
    now = poller.burst(2.25, 0.22)
    poller.base(now, 2.75)
    return np.concatenate(poller.polls)


def wrong_share(period_s: float, phase_s: float, rng: np.random.Generator) -> float:
    """Share of the ticks off by a fifth of the period, for a counter that states 100 ms."""
    t = readings(rng.uniform(0.0, 0.1), rng)
    shown = np.floor((t - phase_s) / period_s)
    changed = np.flatnonzero(np.diff(shown) > 0) + 1
    found = ticks(t, changed, 0.1, every_update_changes=True)
    off_s = found.t_s - phase_s - period_s * shown[found.at]
    return float(np.mean(np.abs(off_s) > 0.2 * period_s))


@pytest.mark.parametrize("period_s", [0.083, 0.1, 0.118, 0.13, 0.2])
def test_ticks_between_bursts_lie_where_the_sensor_published(period_s: float) -> None:
    """Whatever the period is and the documentation says, at any phase of the sensor."""
    rng = np.random.default_rng(1)
    wrong = [wrong_share(period_s, rng.uniform(0.0, period_s), rng) for _ in range(60)]
    assert np.mean(wrong) < 0.1, np.round(wrong, 2)


def test_polls_keep_step_with_no_sensor() -> None:
    """A sensor with the period of the polls, at any phase: two ticks at most lie at their reading,
    which may then show either side of them.
    """
    for phase_s in np.arange(0.0, 0.1, 0.004).tolist():
        assert wrong_share(0.1, phase_s, np.random.default_rng(3)) < 0.1
