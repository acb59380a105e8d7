"""The update period from the times at which a value changed: sensors with a known period, polled as
a calibration and as a run poll them.
"""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.analysis.traces.ticks import ticks
from energybench.analysis.traces.update_period import counted_period, update_period
from tests.analysis.truth import polls


def changes(
    t: Floats, period_s: float, seed: int, hidden: float = 0.0, jitter: float = 0.0
) -> tuple[Floats, Floats]:
    """Middles and half-widths of the intervals between polls in which a sensor's value changed.

    hidden: share of updates that bring the same value again; jitter: of the period, normal.
    """
    rng = np.random.default_rng(seed)
    count = int(np.ptp(t) / period_s) + 3
    updates = t[0] - rng.uniform(0, period_s) + period_s * np.arange(count)
    updates = np.sort(updates + jitter * period_s * rng.standard_normal(count))
    values = np.cumsum(rng.uniform(size=count + 1) >= hidden)[np.searchsorted(updates, t)]
    at = np.flatnonzero(np.diff(values)) + 1
    return (t[at] + t[at - 1]) / 2, (t[at] - t[at - 1]) / 2


def kilohertz(seconds: float, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    return np.arange(0, seconds, 0.001) + rng.uniform(0, 0.0009, round(seconds * 1000))


def bursts(seed: int, repeats: int = 3) -> Floats:
    """Polls of a run: 200 Hz around the edges of the repeats, 10 Hz between, up to 4.5 ms late."""
    rng = np.random.default_rng(seed)
    t = np.concatenate([polls(k * 5.0 + rng.uniform(), k * 5.0 + 4) for k in range(repeats)])
    return np.sort(t + np.minimum(rng.exponential(0.001, t.size), 0.0045))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hidden", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("period_s", [0.0151, 0.02, 0.0333, 0.1, 0.25])
def test_a_dense_poll_tells_the_period(period_s: float, hidden: float, seed: int) -> None:
    """To half a percent and within four uncertainties, even if most updates change nothing."""
    period = update_period(*changes(kilohertz(24, seed), period_s, seed, hidden))
    assert period is not None
    assert period.value_s == pytest.approx(period_s, rel=5e-3)
    assert abs(period.value_s - period_s) <= 4 * period.u_s + 1e-5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hidden", [0.0, 0.5])
@pytest.mark.parametrize("jitter", [0.03, 0.08])
def test_a_timer_that_jitters(jitter: float, hidden: float, seed: int) -> None:
    """No fraction of the period is taken for the period because it fits jittering updates too."""
    period = update_period(*changes(kilohertz(24, seed), 0.02, seed, hidden, jitter))
    assert period is not None
    assert period.value_s == pytest.approx(0.02, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize(
    ("period_s", "stated_s"), [(0.1, 0.1), (0.02, 0.02), (0.0333, 0.1), (0.0167, 0.02), (0.1, 0.05)]
)
def test_the_bursts_of_a_run_correct_what_is_stated(
    period_s: float, stated_s: float, hidden: float, seed: int
) -> None:
    """The period as measured, to 3 %, although the documentation is off by up to a factor of three
    and equal values hide a third of the updates.
    """
    period = update_period(*changes(bursts(seed), period_s, seed, hidden), stated_s)
    assert period is not None
    assert period.value_s == pytest.approx(period_s, rel=0.03)


def test_too_little_tells_nothing() -> None:
    """No change, too few changes, and readings as far apart as the updates."""
    assert update_period(np.empty(0), np.empty(0)) is None
    t, half = changes(kilohertz(0.45, 1), 0.1, 1)
    assert update_period(t, half) is None
    slow = np.arange(0, 30, 0.1)
    assert update_period(*changes(slow, 0.0983, 1)) is None
    rng = np.random.default_rng(1)
    random = np.cumsum(rng.exponential(0.1, 40))
    assert update_period(random, np.full(40, 1e-4)) is None


def test_spacings_on_the_grid_of_the_polls_are_no_beat() -> None:
    """A few spacings of polls every 5 ms are all multiples of 25 ms by chance: the stated 100 ms
    stay, and the ticks between the bursts lie where they fell.
    """
    t = polls(3.0, 4.1875)
    true_ticks = np.floor((t - 0.03125) / 0.1) * 0.1 + 0.03125
    changed = np.flatnonzero(np.diff(true_ticks) > 0.05) + 1
    seen = ticks(t, changed, 0.1)
    assert seen.measured
    assert seen.period_s == pytest.approx(0.1, rel=0.01)
    assert np.abs(seen.t_s - true_ticks[changed]).max() < 0.005


@pytest.mark.parametrize("period_s", [0.083, 0.0965, 0.119])
def test_a_few_ticks_close_together_do_not_number_ticks_far_away(period_s: float) -> None:
    """Three located ticks leave the period open by a few percent: 15 s before them they say nothing
    of the time of a tick, and the uncertainty of each tick contains its error.
    """
    late = np.random.default_rng(3).uniform(0, 2e-3, 300)
    t = np.concatenate((np.arange(3.0, 17.8, 0.1), np.arange(17.8, 18.1, 0.005)))
    t = t + late[: t.size]
    true_ticks = np.floor((t - 0.031) / period_s) * period_s + 0.031
    changed = np.flatnonzero(np.diff(true_ticks) > period_s / 2) + 1
    seen = ticks(t, changed, 0.1)
    far = seen.t_s < 10.0
    assert (np.abs(seen.t_s - true_ticks[changed])[far] <= seen.fuzz_s[far] + 0.003).all()


def test_ticks_that_confirm_the_stated_period_are_numbered_throughout() -> None:
    """A few located ticks 100 ms apart and a stated period of 100 ms: the beat goes on."""
    t = polls(3.0, 12.0)[:-50]
    true_ticks = np.floor((t - 0.03125) / 0.1) * 0.1 + 0.03125
    changed = np.flatnonzero(np.diff(true_ticks) > 0.05) + 1
    seen = ticks(t, changed, 0.1)
    assert np.abs(seen.t_s - true_ticks[changed]).max() < 0.005
    assert seen.fuzz_s.max() < 0.01


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("jitter", [0.0, 0.06])
@pytest.mark.parametrize("period_s", [0.16, 0.1835, 0.25, 1.0])
def test_the_number_of_updates_tells_the_period_of_a_slow_counter(
    period_s: float, jitter: float, seed: int
) -> None:
    """Read every 0.1 s, each update is seen: a minute tells the period to a third of a percent,
    though none of the updates is located. A counter as fast as its readings tells nothing so.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(0.0, 60.0, 0.1) + rng.uniform(0.0, 0.004, 600)
    count = int(62 / period_s)
    updates = np.sort(
        period_s * (np.arange(count) - rng.uniform() + jitter * rng.normal(size=count))
    )
    changed = np.flatnonzero(np.diff(np.searchsorted(updates, t))) + 1
    period = counted_period(t, changed)
    assert period is not None
    assert period.value_s == pytest.approx(period_s, rel=3e-3)
    assert counted_period(t, np.arange(1, t.size)) is None


def test_updates_that_are_lacking_do_not_count() -> None:
    """Readings that were lost for some updates, and equal values, break the count."""
    t = np.arange(0.0, 30.0, 0.1)
    changed = np.flatnonzero(np.diff(np.floor(t / 0.17))) + 1
    assert counted_period(t, changed) is not None
    assert counted_period(t, np.delete(changed, np.s_[60:70])) is None
    lost = (t < 9.0) | (t > 12.0)
    again = np.flatnonzero(np.diff(np.floor(t[lost] / 0.17))) + 1
    assert counted_period(t[lost], again) is None
